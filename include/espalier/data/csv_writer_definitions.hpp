// SPDX-License-Identifier: Apache-2.0
// Definitions of csv_writer.hpp.
#pragma once

#include "espalier/data/csv_writer.hpp"

#include <charconv>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/decimal.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/file.hpp"
#include "espalier/data/csv_header.hpp"
#include "espalier/data/csv_options.hpp"
#include "espalier/data/csv_values.hpp"

namespace espalier {

namespace csv_detail {

/// Writes cells, separated by commas, in rows that end in '\n'. The first row has the column names.
class Writer {
 public:
  /// `source` starts error messages. `out` and `columns` must outlive this object. Throws
  /// ConfigError if there are no columns, two have the same name, or a name is not UTF-8.
  ESPALIER_COLD Writer(OutputFile& out, std::string source, const std::vector<std::string>& columns)
      : out_(out), source_(std::move(source)), columns_(columns), missing_(defaults_) {
    if (columns_.empty())
      throw_error<ConfigError>({source_, ": no columns to write, expected some"});
    if (const std::size_t twin = twins(columns_).second; twin < columns_.size()) {
      throw_error<ConfigError>({source_, ": two columns are called '", shown(columns_[twin]),
                                "', expected different names"});
    }
    for (const std::string& name : columns_) text(name);
  }

  /// Writes a text; an empty text is not a missing value. Throws DataError if it is not UTF-8 or
  /// has a NUL byte.
  ESPALIER_COLD void text(std::string_view value) {
    if (!is_text(value) || value.find('\0') != std::string_view::npos)
      refuse(value, "UTF-8 without NUL bytes");
    if (!needs_quotes(value)) return cell(value);
    std::string quoted = "\"";
    for (const char c : value) quoted.append(c == '"' ? 2 : 1, c);
    cell(quoted += '"');
  }

  /// Writes a missing value: an empty cell, or NA in a file of one column, to avoid empty lines.
  void missing() { cell(columns_.size() == 1 ? "NA" : ""); }

  /// Writes a float or double: an integer below 1e15 in digits, other numbers in the fewest digits
  /// that read back as the same float or double. Throws DataError if it is not finite.
  template <class T>
  void number(T value) {
    char digits[40];
    if (!std::isfinite(value))
      refuse(std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf", "a finite number");
    if (value == std::floor(value) && std::abs(value) < static_cast<T>(1e15))
      return cell(number_text(static_cast<double>(value)));
    const auto end = std::to_chars(digits, digits + sizeof digits, value);
    cell({digits, end.ptr});
  }

  /// Writes the rest of the buffer.
  void finish() {
    out_.write(buffer_);
    buffer_.clear();
  }

 private:
  static constexpr std::size_t block = std::size_t{1} << 16U;

  void cell(std::string_view written) {
    buffer_ += written;
    const bool last = ++column_ == columns_.size();
    buffer_ += last ? '\n' : ',';
    if (!last) return;
    column_ = 0;
    ++row_;
    if (buffer_.size() >= block) finish();
  }

  /// Also true for texts that would be read as missing, trimmed, or taken for a byte order mark.
  [[nodiscard]] bool needs_quotes(std::string_view value) const {
    constexpr std::string_view blank = " \t";
    return value.empty() || missing_.contains(value) ||
           value.find_first_of(",\"\r\n") != std::string_view::npos ||
           blank.find(value.front()) != std::string_view::npos ||
           blank.find(value.back()) != std::string_view::npos || value.starts_with("\xEF\xBB\xBF");
  }

  [[noreturn]] ESPALIER_COLD void refuse(std::string_view value, std::string_view expected) const {
    if (row_ == 0)
      throw_error<ConfigError>({source_, ": the name of column ", column_ + 1, " is '",
                                shown(value), "', expected ", expected});
    throw_error<DataError>({source_, ", row ", row_, ": column '", shown(columns_[column_]),
                            "' is '", shown(value), "', expected ", expected});
  }

  OutputFile& out_;
  std::string source_;
  const std::vector<std::string>& columns_;
  const CsvOptions defaults_{};
  MissingTexts missing_;
  std::string buffer_;
  std::size_t column_ = 0;
  Index row_ = 0;  ///< from 1; 0: the column names
};

/// Writes the value of one row in a column.
inline void write_cell(Writer& out, const Column& column, Index row) {
  const auto at = static_cast<std::size_t>(row);
  if (column.kind == ColumnKind::number ? std::isnan(column.numbers[at]) : column.codes[at] < 0) {
    out.missing();
  } else if (column.kind == ColumnKind::number) {
    out.number(column.numbers[at]);
  } else {
    out.text(column.at(row));
  }
}

}  // namespace csv_detail

ESPALIER_COLD ESPALIER_INLINE void write_csv(const std::string& path, const Table& table) {
  std::vector<std::string> names;
  for (const Column& column : table.columns()) names.push_back(column.name);
  write_file_atomically(path, [&](OutputFile& file) {
    csv_detail::Writer out(file, table.source, names);
    for (Index row = 0; row < table.rows(); ++row) {
      for (const Column& column : table.columns()) csv_detail::write_cell(out, column, row);
    }
    out.finish();
  });
}

}  // namespace espalier
