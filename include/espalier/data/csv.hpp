// SPDX-License-Identifier: Apache-2.0
// Reading CSV files (RFC 4180), strictly: what does not fit is an error that names file, line, column and value.
#pragma once

#include <algorithm>
#include <charconv>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/data/dictionary.hpp"
#include "espalier/data/source.hpp"
#include "espalier/data/table.hpp"

namespace espalier {

/// A column to read, by its name in the file.
struct CsvColumn {
  std::string name;
  ColumnKind kind = ColumnKind::text;
};

struct CsvOptions {
  char separator = ',';
  char quote = '"';
  bool header = true;               ///< the first line names the columns
  std::vector<std::string> names;   ///< the columns' names when there is no header; by default "0", "1", …
  std::vector<CsvColumn> columns;   ///< those to read; none: all, numbers where every value is one
  std::vector<std::string> missing{"", "NA", "NaN", "nan", "null", "NULL"};  ///< what means "no value"
  bool trim = false;                ///< drop spaces and tabs around unquoted values
  Index max_bad_rows = 0;           ///< this many malformed rows are skipped, counted and noted; one more is an error
};

namespace csv_detail {

/// One pass over a text.
class Parser {
 public:
  Parser(std::string_view text, std::string name, const CsvOptions& options)
      : text_(text), name_(std::move(name)), options_(options) {
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
    if (options.separator == options.quote || options.separator == '\n' || options.separator == '\r' ||
        options.quote == '\n' || options.quote == '\r') {
      throw ConfigError("CSV: separator and quote must differ, and neither may end a line");
    }
  }

  Table parse() {
    read_header();
    choose_columns();
    std::vector<std::string> bad;
    Index bad_rows = 0;
    const Index lines_guess = static_cast<Index>(text_.size() / 64);
    for (Output& o : outputs_) {
      if (o.kind == ColumnKind::number) o.numbers.reserve(static_cast<std::size_t>(lines_guess));
    }
    while (at_ < text_.size()) {
      const std::size_t start = at_;
      const Index line = line_;
      if (read_row()) {
        ++rows_;
        continue;
      }
      for (Output& o : outputs_) o.truncate(rows_);
      ++bad_rows;
      if (bad_rows > options_.max_bad_rows) {
        if (options_.max_bad_rows > 0) error_ += " (bad row " + std::to_string(bad_rows) + "; at most " +
                                                 std::to_string(options_.max_bad_rows) + " are skipped)";
        throw DataError(error_);
      }
      if (bad.size() < 3) bad.push_back(error_);
      skip_line(start, line);
    }
    Table table;
    table.source = name_;
    if (bad_rows > 0) {
      std::string note = name_ + ": skipped " + std::to_string(bad_rows) + " malformed row" + (bad_rows > 1 ? "s" : "") + ", first: ";
      for (std::size_t i = 0; i < bad.size(); ++i) note += (i > 0 ? "; " : "") + bad[i];
      table.notes.push_back(std::move(note));
    }
    for (Output& o : outputs_) table.add(o.column());
    return table;
  }

 private:
  struct Output {
    std::string name;
    ColumnKind kind = ColumnKind::text;
    bool infer = false;
    std::vector<double> numbers;
    std::vector<std::int32_t> codes;
    Dictionary dictionary;

    void truncate(Index rows) {
      if (kind == ColumnKind::number) {
        numbers.resize(static_cast<std::size_t>(rows));
      } else {
        codes.resize(static_cast<std::size_t>(rows));
      }
    }

    Column column() {
      Column made;
      made.name = name;
      made.kind = kind;
      if (kind == ColumnKind::number) {
        made.numbers = std::move(numbers);
        return made;
      }
      if (infer && as_numbers(made)) return made;
      made.codes = std::move(codes);
      made.dictionary = dictionary.take();
      return made;
    }

    bool as_numbers(Column& made) const {
      std::vector<double> values;
      for (const std::string& text : dictionary.values()) {
        double value = 0;
        if (!to_number(text, value)) return false;
        values.push_back(value);
      }
      if (values.empty()) return false;
      made.kind = ColumnKind::number;
      for (const std::int32_t code : codes) {
        made.numbers.push_back(code < 0 ? std::numeric_limits<double>::quiet_NaN() : values[static_cast<std::size_t>(code)]);
      }
      return true;
    }
  };

  static bool to_number(std::string_view text, double& value) {
    const char* p = text.data();
    const char* const end = p + text.size();
    if (p == end) return false;
    // Most numbers are short decimals: exact as an integer below 2^53 divided by a power of ten up to 10^15.
    const bool negative = *p == '-';
    const char* q = p + (negative ? 1 : 0);
    std::uint64_t digits = 0;
    int count = 0, after_point = -1;
    for (; q < end; ++q) {
      const unsigned d = static_cast<unsigned char>(*q) - static_cast<unsigned>('0');
      if (d <= 9) {
        digits = 10 * digits + d;
        ++count;
        if (after_point >= 0) ++after_point;
      } else if (*q == '.' && after_point < 0) {
        after_point = 0;
      } else {
        break;
      }
      if (count > 15) break;
    }
    if (q == end && count > 0) {
      static constexpr double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
      double v = static_cast<double>(digits);
      if (after_point > 0) v /= powers[after_point];
      value = negative ? -v : v;
      return true;
    }
    if (*p == '+') ++p;
    const auto result = std::from_chars(p, end, value);
    return result.ec == std::errc() && result.ptr == end && std::isfinite(value);
  }

  [[nodiscard]] std::string where(Index line) const { return name_ + ":" + std::to_string(line) + ": "; }

  /// The next field of the row. Returns what ended it: 's'eparator, 'l'ine, 'e'nd of the text, or 'x' with error_ set.
  char read_field(std::string_view& field, bool& quoted) {
    const char* const data = text_.data();
    const std::size_t size = text_.size();
    std::size_t i = at_;
    quoted = i < size && data[i] == options_.quote;
    if (quoted) {
      const Index started = line_;
      scratch_.clear();
      bool copied = false;
      std::size_t from = ++i;
      for (;; ++i) {
        if (i >= size) {
          error_ = where(started) + "a quoted value is not closed before the end of the file";
          at_ = size;
          return 'x';
        }
        if (data[i] == '\n') ++line_;
        if (data[i] == '\0') return nul(i);
        if (data[i] != options_.quote) continue;
        if (i + 1 < size && data[i + 1] == options_.quote) {
          scratch_.append(data + from, i + 1 - from);
          copied = true;
          from = ++i + 1;
          continue;
        }
        break;
      }
      if (copied) {
        scratch_.append(data + from, i - from);
        field = scratch_;
      } else {
        field = text_.substr(from, i - from);
      }
      ++i;
      if (i < size && data[i] != options_.separator && data[i] != '\n' && data[i] != '\r') {
        error_ = where(line_) + "'" + std::string(1, data[i]) + "' after a closing quote, expected '" +
                 std::string(1, options_.separator) + "' or the end of the line";
        return 'x';
      }
    } else {
      const std::size_t from = i;
      while (i < size && data[i] != options_.separator && data[i] != '\n' && data[i] != '\r') {
        if (data[i] == '\0') return nul(i);
        if (data[i] == options_.quote) {
          error_ = where(line_) + "a quote inside the unquoted value '" + shown(text_.substr(from, i + 1 - from)) +
                   "'; quote the whole value and double the quotes in it";
          return 'x';
        }
        ++i;
      }
      field = text_.substr(from, i - from);
      if (options_.trim) {
        while (!field.empty() && (field.front() == ' ' || field.front() == '\t')) field.remove_prefix(1);
        while (!field.empty() && (field.back() == ' ' || field.back() == '\t')) field.remove_suffix(1);
      }
    }
    if (i >= size) {
      at_ = size;
      return 'e';
    }
    if (data[i] == options_.separator) {
      at_ = i + 1;
      return 's';
    }
    if (data[i] == '\r') {
      if (i + 1 < size && data[i + 1] != '\n') {
        error_ = where(line_) + "a carriage return without a line feed";
        return 'x';
      }
      ++i;
    }
    at_ = (std::min)(i + 1, size);
    ++line_;
    return 'l';
  }

  char nul(std::size_t at) {
    error_ = where(line_) + "a NUL byte at byte " + std::to_string(at) + ": not a text file";
    return 'x';
  }

  static std::string shown(std::string_view value) {
    std::string s(value.substr(0, 40));
    for (char& c : s) {
      if (static_cast<unsigned char>(c) < 0x20) c = '?';
    }
    return value.size() > 40 ? s + "…" : s;
  }

  void read_header() {
    if (at_ >= text_.size()) throw DataError(name_ + ": the file is empty");
    if (!options_.header) {
      // Count the fields of the first row, then start again.
      const std::size_t begin = at_;
      std::string_view field;
      bool quoted = false;
      Index fields = 1;
      for (char end = read_field(field, quoted); end == 's'; end = read_field(field, quoted)) ++fields;
      at_ = begin;
      line_ = 1;
      names_ = options_.names;
      if (names_.empty()) {
        for (Index i = 0; i < fields; ++i) names_.push_back(std::to_string(i));
      }
      return;
    }
    std::string_view field;
    bool quoted = false;
    for (char end = 's'; end == 's';) {
      end = read_field(field, quoted);
      if (end == 'x') throw DataError(error_);
      names_.emplace_back(field);
    }
  }

  void choose_columns() {
    for (std::size_t i = 0; i < names_.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (names_[i] == names_[j]) {
          throw DataError(where(1) + "columns " + std::to_string(j + 1) + " and " + std::to_string(i + 1) +
                          " are both called '" + shown(names_[i]) + "'");
        }
      }
    }
    place_.assign(names_.size(), -1);
    if (options_.columns.empty()) {
      for (std::size_t i = 0; i < names_.size(); ++i) {
        place_[i] = static_cast<int>(i);
        outputs_.emplace_back();
        outputs_.back().name = names_[i];
        outputs_.back().infer = true;
      }
    }
    for (const CsvColumn& wanted : options_.columns) {
      const auto found = std::find(names_.begin(), names_.end(), wanted.name);
      if (found == names_.end()) {
        std::string known;
        for (std::size_t i = 0; i < names_.size() && i < 60; ++i) known += (i > 0 ? ", '" : "'") + shown(names_[i]) + "'";
        throw DataError(name_ + ": no column '" + wanted.name + "'; the file has " + known);
      }
      int& place = place_[static_cast<std::size_t>(found - names_.begin())];
      if (place >= 0) throw ConfigError("CSV: column '" + wanted.name + "' is asked for twice");
      place = static_cast<int>(outputs_.size());
      outputs_.emplace_back();
      outputs_.back().name = wanted.name;
      outputs_.back().kind = wanted.kind;
    }
    for (const std::string& m : options_.missing) {
      if (m.size() < 8) short_missing_ |= 1U << m.size();
      longest_missing_ = (std::max)(longest_missing_, m.size());
    }
  }

  [[nodiscard]] bool is_missing(std::string_view field) const {
    if (field.size() > longest_missing_ || (field.size() < 8 && (short_missing_ >> field.size() & 1U) == 0)) return false;
    return std::find(options_.missing.begin(), options_.missing.end(), field) != options_.missing.end();
  }

  /// False with error_ set when the row is malformed.
  bool read_row() {
    const Index line = line_;
    std::string_view field;
    bool quoted = false;
    std::size_t column = 0;
    for (char end = 's'; end == 's'; ++column) {
      end = read_field(field, quoted);
      if (end == 'x') return false;
      if (column >= names_.size()) {
        std::size_t fields = column + 1;
        while (end == 's') {
          end = read_field(field, quoted);
          ++fields;
        }
        error_ = where(line) + std::to_string(fields) + " values, expected " + std::to_string(names_.size());
        return false;
      }
      const int place = place_[column];
      if (place < 0) continue;
      Output& out = outputs_[static_cast<std::size_t>(place)];
      const bool missing = !quoted && is_missing(field);
      if (out.kind == ColumnKind::text) {
        out.codes.push_back(missing ? -1 : out.dictionary.code(field));
        continue;
      }
      double value = std::numeric_limits<double>::quiet_NaN();
      if (!missing && !to_number(field, value)) {
        error_ = where(line) + "column '" + out.name + "': '" + shown(field) + "' is not a number";
        return false;
      }
      out.numbers.push_back(value);
    }
    if (column != names_.size()) {
      if (column == 1 && field.empty() && !quoted && names_.size() > 1) {
        error_ = where(line) + "an empty line";
      } else {
        error_ = where(line) + std::to_string(column) + " value" + (column > 1 ? "s" : "") + ", expected " + std::to_string(names_.size());
      }
      return false;
    }
    return true;
  }

  /// To the line after the one that begins at `start`.
  void skip_line(std::size_t start, Index line) {
    const std::size_t end = text_.find('\n', start);
    at_ = end == std::string_view::npos ? text_.size() : end + 1;
    line_ = line + 1;
  }

  std::string_view text_;
  std::string name_;
  const CsvOptions& options_;
  std::size_t at_ = 0;
  Index line_ = 1;
  Index rows_ = 0;
  std::vector<std::string> names_;
  std::vector<int> place_;
  std::vector<Output> outputs_;
  std::string scratch_, error_;
  unsigned short_missing_ = 0;
  std::size_t longest_missing_ = 0;
};

}  // namespace csv_detail

/// A table from CSV text. `name` begins error messages. Throws DataError.
[[nodiscard]] inline Table parse_csv(std::string_view text, const std::string& name, const CsvOptions& options = {}) {
  return csv_detail::Parser(text, name, options).parse();
}

/// A table from a CSV file, plain or .gz (see espalier/data/gzip.hpp). Throws IoError, DataError.
[[nodiscard]] inline Table read_csv(const std::string& path, const CsvOptions& options = {}) {
  return parse_csv(read_text(path), path, options);
}

/// Several files with the same columns, one behind the other.
[[nodiscard]] inline Table read_csv(const std::vector<std::string>& paths, const CsvOptions& options = {}) {
  Table all;
  for (const std::string& path : paths) {
    Table part = read_csv(path, options);
    if (all.columns().empty()) all.source = path;
    all.notes.insert(all.notes.end(), part.notes.begin(), part.notes.end());
    all.append(part);
  }
  return all;
}

}  // namespace espalier
