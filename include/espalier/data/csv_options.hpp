// SPDX-License-Identifier: Apache-2.0
// `CsvOptions`: the format of a CSV file, and which columns to read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "espalier/data/table.hpp"

namespace espalier {

/// A column to read, by its name in the file.
struct CsvColumn {
  std::string name;
  ColumnKind kind = ColumnKind::text;
  bool infer = false;  ///< infer the kind, as if no columns were named; `kind` is then ignored
  /// What to do about a value that is not a number; appended to the error after a semicolon.
  std::string remedy{};
  bool optional = false;  ///< skipped if the (first) file does not have it
};

enum class CsvEncoding : std::uint8_t {
  utf8,
  latin1,  ///< ISO 8859-1, converted to UTF-8 while reading
};

struct CsvOptions {
  char separator = ',';
  char quote = '"';     ///< '\0': none, quotes are ordinary characters
  char comment = '\0';  ///< lines that start with it are skipped; '\0': none
  CsvEncoding encoding = CsvEncoding::utf8;
  Index skip_rows = 0;  ///< lines to skip at the start of the file, whatever they contain
  bool header = true;   ///< the first line that is not skipped has the column names
  std::vector<std::string> names{};  ///< column names if there is no header; by default "0", "1", …
  /// The columns to read, in this order. Empty: all columns, as numbers if every value that is not
  /// missing is a number and a double keeps all its information (not so 007, nor integers from 2^53
  /// on), otherwise as text.
  std::vector<CsvColumn> columns{};
  /// Additional texts that mean "missing value". In a text column, a quoted value is never missing.
  std::vector<std::string> missing{};
  /// The default ones: empty, NA, NaN, nan, null, NULL. false: only `missing` counts.
  bool default_missing = true;
  bool trim = false;  ///< remove spaces and tabs around values
  /// Number of malformed rows that are skipped, counted and noted. One more is an error, and so is
  /// a malformed first row that has to determine the number of columns.
  Index max_bad_rows = 0;
  Index block_bytes = 1 << 20;  ///< bytes read at a time
};

}  // namespace espalier
