// SPDX-License-Identifier: Apache-2.0
// Random CSV texts compared with a slow, simple reader, at every block size.
#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

#include "data/helpers.hpp"
#include "espalier/core/random.hpp"
#include "espalier/data/csv.hpp"

using namespace espalier;
using espalier_test::dump;

namespace {

struct Value {
  std::string text;
  bool quoted = false;
};

/// RFC 4180, one character at a time; nullopt if the text does not conform.
std::optional<std::vector<std::vector<Value>>> read_slowly(std::string_view csv, char separator,
                                                           char quote) {
  std::vector<std::vector<Value>> rows;
  std::size_t i = 0;
  while (i < csv.size()) {
    std::vector<Value> row;
    for (bool more = true; more;) {
      Value value;
      if (i < csv.size() && csv[i] == quote) {
        value.quoted = true;
        for (++i;; ++i) {
          if (i == csv.size()) return std::nullopt;
          if (csv[i] != quote) {
            value.text += csv[i];
          } else if (i + 1 < csv.size() && csv[i + 1] == quote) {
            value.text += quote;
            ++i;
          } else {
            ++i;
            break;
          }
        }
      } else {
        while (i < csv.size() && csv[i] != separator && csv[i] != '\n' && csv[i] != '\r') {
          if (csv[i] == quote) return std::nullopt;
          value.text += csv[i++];
        }
      }
      row.push_back(value);
      more = i < csv.size() && csv[i] == separator;
      if (more) {
        ++i;
      } else if (i < csv.size()) {
        if (csv[i] == '\r') ++i;
        if (i == csv.size() || csv[i] != '\n') return std::nullopt;
        ++i;
      }
    }
    rows.push_back(row);
  }
  return rows;
}

/// A value as in a file: quoted if necessary, sometimes if not.
std::string random_value(Random& random) {
  static const std::vector<std::string> pieces{
      "a",   "bc", "Zürich", "七", "NA",   "",  "1", "-2.5", "007",
      "x y", ",",  "\"",     "\n", "\r\n", ";", " ", "1e3",  "longer than twelve bytes",
      "😀"};
  std::string text;
  for (auto n = 1 + random.below(3); n > 0; --n) text += pieces[random.below(pieces.size())];
  const bool must = text.find_first_of(",\"\n\r") != std::string::npos;
  if (!must && random.bernoulli(0.8)) return text;
  std::string quoted = "\"";
  for (const char c : text)
    (quoted += c == '"' ? "\"\"" : "") += c == '"' ? std::string() : std::string(1, c);
  return quoted + "\"";
}

std::string random_csv(Random& random, int columns, int rows) {
  std::string csv = random.bernoulli(0.2) ? "\xEF\xBB\xBF" : "";
  for (int row = 0; row <= rows; ++row) {
    for (int c = 0; c < columns; ++c) {
      if (c > 0) csv += ',';
      csv += row == 0 ? "c" + std::to_string(c)
             : c == 0 ? std::to_string(random.below(1000))
                      : random_value(random);
    }
    if (row < rows || random.bernoulli(0.5)) csv += random.bernoulli(0.3) ? "\r\n" : "\n";
  }
  return csv;
}

/// Changes, erases or inserts a byte.
std::string damaged(std::string csv, Random& random) {
  static constexpr char bytes[] = {',', '"', '\n', '\r', '\0', 'x', '\xC3', '\xFF'};
  const auto at = static_cast<std::size_t>(random.below(csv.size()));
  const char byte = bytes[random.below(sizeof bytes)];
  switch (random.below(3)) {
    case 0:
      csv[at] = byte;
      break;
    case 1:
      csv.erase(at, 1 + random.below(3));
      break;
    default:
      csv.insert(at, 1, byte);
      break;
  }
  return csv;
}

/// The result of parsing: the table as text, or the error.
std::string outcome(std::string_view csv, CsvOptions options, Index block_bytes) {
  options.block_bytes = block_bytes;
  try {
    return dump(parse_csv(csv, "f", options));
  } catch (const DataError& error) {
    return std::string("error: ") + error.what();
  }
}

}  // namespace

TEST_CASE("CSV: random files are read as a slow reader reads them") {
  Random random(1);
  for (int round = 0; round < 400; ++round) {
    const int columns = 2 + static_cast<int>(random.below(4)),
              rows = static_cast<int>(random.below(20));
    const std::string csv = random_csv(random, columns, rows);
    INFO(csv);
    CsvOptions options;
    for (int c = 0; c < columns; ++c)
      options.columns.push_back(espalier_test::text("c" + std::to_string(c)));
    const std::size_t mark = csv.starts_with("\xEF\xBB\xBF") ? 3 : 0;
    const auto expected = read_slowly(std::string_view(csv).substr(mark), ',', '"');
    REQUIRE(expected);
    const Table table = parse_csv(csv, "f", options);
    REQUIRE(table.rows() + 1 == static_cast<Index>(expected->size()));
    for (Index row = 0; row < table.rows(); ++row) {
      for (int c = 0; c < columns; ++c) {
        const Value& value =
            (*expected)[static_cast<std::size_t>(row) + 1][static_cast<std::size_t>(c)];
        const bool missing = !value.quoted && (value.text.empty() || value.text == "NA");
        const Column& column = table.columns()[static_cast<std::size_t>(c)];
        CHECK((column.codes[static_cast<std::size_t>(row)] < 0) == missing);
        if (!missing) CHECK(column.at(row) == value.text);
      }
    }
  }
}

TEST_CASE("CSV: every block size gives the same table, the same error and the same notes") {
  Random random(2);
  int tables = 0, errors = 0;
  for (int round = 0; round < 400; ++round) {
    std::string csv = random_csv(random, 2 + static_cast<int>(random.below(3)),
                                 static_cast<int>(random.below(30)));
    for (auto n = random.below(3); n > 0; --n) csv = damaged(csv, random);
    CsvOptions options;
    options.max_bad_rows = random.bernoulli(0.5) ? 5 : 0;
    options.trim = random.bernoulli(0.3);
    options.header = random.bernoulli(0.8);
    if (options.header && random.bernoulli(0.5))
      options.columns = {espalier_test::number("c0"), espalier_test::text("c1")};
    const std::string whole = outcome(csv, options, 1 << 20);
    ++(whole.starts_with("error") ? errors : tables);
    for (Index block = 16; block <= 64; ++block) {
      INFO(block, " ", csv);
      REQUIRE(outcome(csv, options, block) == whole);
    }
  }
  CHECK(tables > 100);
  CHECK(errors > 100);
}

TEST_CASE("CSV: blocks too small or too large are made to fit") {
  for (const Index block : {Index{-1}, Index{0}, Index{1}, Index{15}}) {
    CHECK(outcome("a,b\n1,a long value that no small block holds\n", {}, block) ==
          outcome("a,b\n1,a long value that no small block holds\n", {}, 1 << 20));
  }
}
