// SPDX-License-Identifier: Apache-2.0
// What a CSV file looks like and which of it to read.
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
  bool infer = false;    ///< the kind is found out, as it is where no columns are named; `kind` does not count then
  std::string remedy{};  ///< what to do about a value that is not a number: put behind the error, after a semicolon
  bool optional = false; ///< left out where the (first) file does not have it
};

enum class CsvEncoding : std::uint8_t {
  utf8,
  latin1,  ///< ISO 8859-1, made UTF-8 while it is read
};

struct CsvOptions {
  char separator = ',';
  char quote = '"';                ///< '\0': none, quotes are characters like others
  char comment = '\0';             ///< lines that begin with it are skipped; '\0': none
  CsvEncoding encoding = CsvEncoding::utf8;
  Index skip_rows = 0;             ///< lines before the one that names the columns, whatever they hold
  bool header = true;              ///< the first line that is not skipped names the columns
  std::vector<std::string> names{};  ///< the columns' names when there is no header; by default "0", "1", …
  /// Those to read, in this order. None: all of them, as numbers where every value that is not missing is a number and
  /// a number keeps what it says (not so 007, nor whole numbers from 2^53 on), as text otherwise.
  std::vector<CsvColumn> columns{};
  /// What means "no value", beside the usual. In a text column, what stands in quotes is a value whatever it says.
  std::vector<std::string> missing{};
  bool default_missing = true;     ///< the usual: nothing at all, NA, NaN, nan, null, NULL. false: `missing` alone counts
  bool trim = false;               ///< drop spaces and tabs around values
  /// This many malformed rows are skipped, counted and noted; one more is an error, and so is a first row that has to say
  /// how many columns there are.
  Index max_bad_rows = 0;
  Index block_bytes = 1 << 20;     ///< read at a time
};

}  // namespace espalier
