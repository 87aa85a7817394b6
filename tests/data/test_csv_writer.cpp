// SPDX-License-Identifier: Apache-2.0
// read_csv() reads back what write_csv() writes.
#include "data/helpers.hpp"
#include "espalier/core/file.hpp"
#include "espalier/core/random.hpp"
#include "espalier/data/csv_writer.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier;
using namespace espalier_test;

namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

/// A text column with these cells. Unlike Column::text it distinguishes the empty text from missing
/// (null).
Column texts(std::string name, const std::vector<const char*>& values) {
  Column c;
  c.name = std::move(name);
  c.kind = ColumnKind::text;
  Dictionary known;
  for (const char* value : values) c.codes.push_back(value == nullptr ? -1 : known.code(value));
  c.dictionary = known.take();
  return c;
}

Table read_back(const std::string& path, const Table& like) {
  CsvOptions options;
  for (const Column& c : like.columns()) options.columns.push_back({c.name, c.kind});
  return read_csv(path, options);
}

/// Whether all cells are equal; a missing cell differs from the empty text.
bool same_cells(const Table& a, const Table& b) {
  if (a.columns().size() != b.columns().size() || a.rows() != b.rows()) return false;
  for (std::size_t c = 0; c < a.columns().size(); ++c) {
    const Column &x = a.columns()[c], &y = b.columns()[c];
    if (x.name != y.name || x.kind != y.kind) return false;
    for (Index row = 0; row < a.rows(); ++row) {
      const auto i = static_cast<std::size_t>(row);
      if (x.kind == ColumnKind::text) {
        if ((x.codes[i] < 0) != (y.codes[i] < 0) || x.at(row) != y.at(row)) return false;
      } else if (x.numbers[i] != y.numbers[i] &&
                 !(std::isnan(x.numbers[i]) && std::isnan(y.numbers[i]))) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace

TEST_CASE("a table as CSV: quotes where they are needed, numbers in their fewest digits") {
  const TemporaryFolder folder;
  Table table;
  table.add("x", std::vector<double>{0.1, none, -3, 100000, 1e300});
  table.add(texts("said, \"so\"", {"plain", "a,b", "a \"word\"", nullptr, ""}));
  table.add(texts("id", {"007", "two\nlines", "NA", " x", "d\xC3\xA9j\xC3\xA0"}));
  write_csv(folder / "t.csv", table);
  CHECK(read_file(folder / "t.csv") ==
        "x,\"said, \"\"so\"\"\",id\n"
        "0.1,plain,007\n"
        ",\"a,b\",\"two\nlines\"\n"
        "-3,\"a \"\"word\"\"\",\"NA\"\n"
        "100000,,\" x\"\n"
        "1e+300,\"\",d\xC3\xA9j\xC3\xA0\n");
  CHECK(same_cells(read_back(folder / "t.csv", table), table));
  CHECK(folder.names() == std::vector<std::string>{"t.csv"});
}

TEST_CASE("tables of hostile texts are read back as they were") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  const std::vector<const char*> parts{
      ",", "\"", "\n",  "\r", "\r\n", " ", "\t", "\xEF\xBB\xBF",     "#",    "=",
      "'", "NA", "nan", "-",  "1",    "e", "é",  "\xF0\x9F\x8E\xAC", "\x01", "\x7F",
      ";", "a"};
  Random random(7);
  const auto word = [&] {
    std::string made;
    for (std::uint64_t n = random.below(4); n > 0; --n) made += parts[random.below(parts.size())];
    return made;
  };
  int rows_seen = 0;
  for (int round = 0; round < 300; ++round) {
    Table table;
    const auto rows = static_cast<Index>(random.below(6)),
               columns = static_cast<Index>(1 + random.below(4));
    for (Index c = 0; c < columns; ++c) {
      Column column;
      column.name = word();
      if (table.has(column.name)) continue;
      column.kind = random.bernoulli(0.6) ? ColumnKind::text : ColumnKind::number;
      Dictionary known;
      for (Index row = 0; row < rows; ++row) {
        const bool missing = random.bernoulli(0.2);
        if (column.kind == ColumnKind::text) {
          column.codes.push_back(missing ? -1 : known.code(word()));
        } else {
          const double scale = std::pow(10.0, random.uniform(-300, 300));
          column.numbers.push_back(missing                 ? none
                                   : random.bernoulli(0.5) ? random.normal() * scale
                                                           : std::round(random.normal() * 1e6));
        }
      }
      column.dictionary = known.take();
      table.add(std::move(column));
    }
    write_csv(folder / "t.csv", table);
    CAPTURE(read_file(folder / "t.csv"));
    const Table read = read_back(folder / "t.csv", table);
    CHECK(same_cells(read, table));
    rows_seen += static_cast<int>(read.rows());
  }
  CHECK(rows_seen > 500);
}

TEST_CASE("what a CSV file cannot hold is refused, and the old file stays") {
  const TemporaryFolder folder;
  write_file_atomically(folder / "t.csv", "old");
  const auto refused = [&](const char* name, const Column& column) {
    Table table;
    table.source = "made";
    table.add(column);
    const std::string why = failure<Error>([&] { write_csv(folder / "t.csv", table); });
    CHECK_MESSAGE(read_file(folder / "t.csv") == "old", name);
    return why;
  };
  CHECK(refused("bytes", texts("a", {"x", "\xFF!"})) ==
        "made, row 2: column 'a' is '?!', expected UTF-8 without NUL bytes");
  Column zero = texts("z", {"x"});
  zero.dictionary[0].assign("a\0b", 3);
  CHECK(refused("NUL", zero) ==
        "made, row 1: column 'z' is 'a?b', expected UTF-8 without NUL bytes");
  CHECK(refused("infinite", Column::number("b", std::vector<double>{1, none, -HUGE_VAL})) ==
        "made, row 3: column 'b' is '-inf', expected a finite number");
  CHECK(refused("name", texts("\xC3", {"x"})) ==
        "made: the name of column 1 is '?', expected UTF-8 without NUL bytes");
  CHECK(failure<ConfigError>([&] { write_csv(folder / "t.csv", Table()); }) ==
        "table: no columns to write, expected some");
  CHECK(folder.names() == std::vector<std::string>{"t.csv"});
}
