// SPDX-License-Identifier: Apache-2.0
// Any input gives a table whose columns have equal lengths and codes within their dictionaries, or
// one DataError of one line. The result is the same for every block size, and a table reads back
// unchanged after writing. The first bytes select the options. Input that begins like gzip data is
// also unpacked.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "espalier/data/category_key.hpp"
#include "espalier/data/csv.hpp"

#if __has_include(<zlib.h>)
#include "espalier/data/gzip.hpp"
#endif

using namespace espalier;

namespace {

void expect(bool holds) {
  if (!holds) std::abort();
}

CsvOptions options_of(const std::uint8_t* bytes) {
  CsvOptions options;
  options.separator = ",;\t| "[bytes[0] % 5];
  options.quote = "\"'\0"[bytes[0] / 5 % 3];
  options.header = (bytes[1] & 1U) != 0;
  options.trim = (bytes[1] & 2U) != 0;
  if ((bytes[1] & 4U) != 0) options.max_bad_rows = 3;
  if ((bytes[1] & 8U) != 0) options.missing = {"-1", "", "x"};
  if ((bytes[1] & 16U) != 0) {
    options.columns = {{"0", ColumnKind::number}, {"1", ColumnKind::text}};
    if (options.header) options.columns = {{"a", ColumnKind::number}, {"b", ColumnKind::text}};
    options.columns[1].infer = bytes[0] / 15 % 2 == 1;
  }
  if ((bytes[1] & 32U) != 0) options.comment = '#';
  if ((bytes[1] & 64U) != 0) options.encoding = CsvEncoding::latin1;
  if ((bytes[1] & 128U) != 0) options.skip_rows = 1 + bytes[0] % 2;
  options.default_missing = bytes[0] / 30 % 2 == 0;
  return options;
}

void check(const Table& table) {
  for (const Column& column : table.columns()) {
    expect(column.size() == table.rows());
    expect(column.kind == ColumnKind::number ? column.codes.empty() && column.dictionary.empty()
                                             : column.numbers.empty());
    for (const std::int32_t code : column.codes) {
      expect(code >= -1 && code < static_cast<std::int32_t>(column.dictionary.size()));
    }
    for (const double value : column.numbers) expect(!std::isinf(value));
    for (const std::string& value : column.dictionary)
      expect(category_key(category_key(value)) == category_key(value));
  }
}

bool same(const Table& a, const Table& b) {
  if (a.columns().size() != b.columns().size() || a.notes != b.notes) return false;
  for (std::size_t c = 0; c < a.columns().size(); ++c) {
    const Column &x = a.columns()[c], &y = b.columns()[c];
    if (x.name != y.name || x.kind != y.kind || x.codes != y.codes || x.dictionary != y.dictionary)
      return false;
    if (x.numbers.size() != y.numbers.size()) return false;
    for (std::size_t i = 0; i < x.numbers.size(); ++i) {
      if (x.numbers[i] != y.numbers[i] && !(std::isnan(x.numbers[i]) && std::isnan(y.numbers[i])))
        return false;
    }
  }
  for (Index row = 0; row < a.rows(); ++row) {
    if (a.where(row) != b.where(row)) return false;
  }
  return true;
}

/// The reader's remarks on a table and its columns: the hint, and why a column is text.
std::string said(const Table& table) {
  std::string text = table.hint;
  for (const Column& column : table.columns()) text += '\n' + column.text_because;
  return text;
}

/// The table as CSV with every text quoted.
std::string written(const Table& table) {
  const auto quoted = [](std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
      if (c == '"') out += '"';
      out += c;
    }
    return out + '"';
  };
  std::string out;
  for (const Column& c : table.columns()) out += (out.empty() ? "" : ",") + quoted(c.name);
  for (Index row = 0; row < table.rows(); ++row) {
    char before = '\n';
    for (const Column& c : table.columns()) {
      out += before;
      before = ',';
      const auto i = static_cast<std::size_t>(row);
      if (c.kind == ColumnKind::number) {
        if (!std::isnan(c.numbers[i])) out += number_text(c.numbers[i]);
      } else if (c.codes[i] >= 0) {
        out += quoted(c.at(row));
      }
    }
  }
  return out + '\n';
}

/// The table, or the error message.
struct Outcome {
  Table table;
  std::string error;
};

Outcome outcome(std::string_view text, CsvOptions options, Index block_bytes) {
  options.block_bytes = block_bytes;
  Outcome result;
  try {
    result.table = parse_csv(text, "input", options);
  } catch (const DataError& error) {
    result.error = error.what();
    expect(!result.error.empty() && result.error.find('\n') == std::string::npos);
  }
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const CsvOptions options = options_of(data);
  const std::string_view text(reinterpret_cast<const char*>(data) + 3, size - 3);
  const Outcome whole = outcome(text, options, static_cast<Index>(text.size()) + 1);
  const Outcome parts = outcome(text, options, 16 + data[2] % 64);
  expect(parts.error == whole.error && same(parts.table, whole.table) &&
         said(parts.table) == said(whole.table));
#if __has_include(<zlib.h>)
  if (text.starts_with('\x1f')) try {
      GzipSource source(std::make_unique<TextSource>(text), "input");
      char block[512];
      while (source.read(block) == sizeof block) continue;
    } catch (const DataError&) {
    }
#endif
  if (!whole.error.empty()) return 0;
  check(whole.table);
  CsvOptions again;
  for (const Column& c : whole.table.columns()) again.columns.push_back({c.name, c.kind});
  again.missing = {""};
  again.default_missing = false;
  again.block_bytes = 4096;
  const Table copy = parse_csv(written(whole.table), "written", again);
  Table expected = whole.table;
  expected.notes.clear();
  expected.origins = copy.origins;
  expect(same(copy, expected));
  return 0;
}
