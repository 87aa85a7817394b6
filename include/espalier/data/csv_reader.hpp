// SPDX-License-Identifier: Apache-2.0
// From CSV fields to columns.
#pragma once

#include <algorithm>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/data/csv_scanner.hpp"
#include "espalier/data/dictionary.hpp"

namespace espalier::csv_detail {

/// A file or text: what messages call it, and how to open it (again).
struct Input {
  std::string name;
  std::function<std::unique_ptr<ByteSource>()> open;
};

class Reader {
 public:
  explicit Reader(const CsvOptions& options) : options_(options) {
    const auto ends_line = [](char c) { return c == '\n' || c == '\r'; };
    if (options.separator == options.quote || ends_line(options.separator) || ends_line(options.quote) ||
        options.separator == '\0') {
      throw ConfigError("CSV: separator and quote must differ, and neither may be NUL or end a line");
    }
    if (std::string_view("0123456789+-.eE").find(options.separator) != std::string_view::npos) {
      throw ConfigError("CSV: the separator '" + std::string(1, options.separator) + "' is part of numbers");
    }
    if (options.header && !options.names.empty()) {
      throw ConfigError("CSV: names are for files without a header line; set header = false");
    }
    for (const std::string& m : options.missing) {
      lengths_ |= std::uint64_t{1} << (std::min)(m.size(), std::size_t{63});
      empty_is_missing_ = empty_is_missing_ || m.empty();
    }
  }

  /// One behind the other.
  [[nodiscard]] Table read(const std::vector<Input>& inputs) {
    if (inputs.empty()) throw ConfigError("CSV: no file to read");
    constexpr Index sample = 1000;
    if (!pass(inputs, options_.columns.empty() ? sample : max_rows)) {
      // A column that looked like numbers turned out to be text: once more, with that known.
      while (!pass(inputs, max_rows)) continue;
    }
    Table table;
    table.source = inputs.front().name;
    if (bad_rows_ > 0) table.notes.push_back(note(inputs));
    for (Output& o : outputs_) {
      Column c;
      c.name = std::move(o.name);
      c.kind = o.kind;
      if (o.kind == ColumnKind::number) {
        o.numbers.resize(static_cast<std::size_t>(rows_));
        c.numbers = std::move(o.numbers);
      } else {
        o.codes.resize(static_cast<std::size_t>(rows_));
        c.codes = std::move(o.codes);
        c.dictionary = o.dictionary.take();
      }
      table.add(std::move(c));
    }
    return table;
  }

 private:
  static constexpr Index max_rows = std::numeric_limits<std::int32_t>::max();

  struct Output {
    std::string name;
    ColumnKind kind = ColumnKind::text;
    bool inferred = false;  ///< a number until a value is none
    std::vector<double> numbers;
    std::vector<std::int32_t> codes;
    Dictionary dictionary;
  };

  /// Reads all inputs, or the first `limit` rows. False when it has to be done again.
  bool pass(const std::vector<Input>& inputs, Index limit) {
    rows_ = capacity_ = bad_rows_ = 0;
    first_errors_.clear();
    again_ = false;
    for (Output& o : outputs_) {
      o.numbers.clear();
      o.codes.clear();
      o.dictionary = Dictionary();
    }
    for (const Input& input : inputs) {
      Scanner scanner(input.open(), input.name, options_);
      read_header(scanner);
      while (scanner.begin_row()) {
        if (rows_ >= limit) {
          if (limit == max_rows) throw DataError(input.name + ": more than 2^31 − 1 rows");
          return false;
        }
        read_row(scanner);
      }
    }
    return !again_;
  }

  void read_row(Scanner& scanner) {
    if (rows_ == capacity_) grow();
    End end = End::more;
    while ((end = try_row(scanner)) == End::more) {
      forget_row();
      scanner.retry_row();
    }
    if (end != End::error) {
      ++rows_;
      fresh_.clear();
      if (turned_text_.empty()) return;
      for (const std::size_t place : turned_text_) outputs_[place].kind = ColumnKind::text;
      turned_text_.clear();
      again_ = true;
      grow();
      return;
    }
    forget_row();
    ++bad_rows_;
    if (bad_rows_ > options_.max_bad_rows) {
      if (options_.max_bad_rows > 0) {
        error_ += " (malformed row number " + std::to_string(bad_rows_) + ", at most " +
                  std::to_string(options_.max_bad_rows) + " are skipped)";
      }
      throw DataError(error_);
    }
    if (first_errors_.size() < 3) first_errors_.push_back(error_);
  }

  /// Into row rows_ of the outputs. On End::error the scanner stands behind the row, and error_ is set.
  End try_row(Scanner& scanner) {
    const std::size_t columns = place_.size();
    const auto row = static_cast<std::size_t>(rows_);
    std::size_t column = 0;
    bool wrong = false;
    std::string_view field;
    bool quoted = false;
    for (End end = End::separator; end == End::separator; ++column) {
      Output* const out = column < columns && place_[column] >= 0
                              ? &outputs_[static_cast<std::size_t>(place_[column])]
                              : nullptr;
      if (out != nullptr && out->kind == ColumnKind::number) {
        if (scanner.number(out->numbers[row], end)) {
          if (out->inferred && !says_no_more_than_number(scanner.number_text())) turn_text(*out);
          if (end != End::separator) return finish(scanner, column + 1, false, wrong);
          continue;
        }
      }
      end = scanner.field(field, quoted);
      if (end == End::more) return end;
      if (end == End::error) {
        if (!wrong) error_ = scanner.error();
        scanner.skip_line();
        return end;
      }
      if (out == nullptr) {
      } else if (out->kind == ColumnKind::text) {
        store_text(*out, row, field, quoted);
      } else if (!wrong) {
        wrong = !store_number(*out, row, field, scanner);
      }
      if (end != End::separator) return finish(scanner, column + 1, field.empty() && !quoted, wrong);
    }
    return End::error;  // not reached
  }

  End finish(const Scanner& scanner, std::size_t fields, bool blank, bool wrong) {
    if (fields != place_.size()) {
      error_ = scanner.where(scanner.row_line());
      error_ += blank && fields == 1 ? "an empty line" : std::to_string(fields) + (fields == 1 ? " value" : " values");
      error_ += ", expected " + std::to_string(place_.size()) + (blank && fields == 1 ? " values" : "");
      return End::error;
    }
    return wrong ? End::error : End::line;
  }

  void store_text(Output& out, std::size_t row, std::string_view field, bool quoted) {
    if (!quoted && is_missing(field)) {
      out.codes[row] = -1;
      return;
    }
    const std::size_t known = out.dictionary.size();
    out.codes[row] = out.dictionary.code(field);
    if (out.dictionary.size() != known) fresh_.push_back(index_of(out));
  }

  /// False, with error_ set, when the field is not a number.
  bool store_number(Output& out, std::size_t row, std::string_view field, const Scanner& scanner) {
    double value = std::numeric_limits<double>::quiet_NaN();
    if (!is_missing(field)) {
      const std::errc result = to_number(field, value);
      if (out.inferred) {
        if (result != std::errc() || !says_no_more_than_number(field)) turn_text(out);
      } else if (result != std::errc()) {
        error_ = scanner.where(scanner.row_line()) + "column '" + shown(out.name) + "': '" + shown(field) + "' is " +
                 (result == std::errc::result_out_of_range ? "beyond the range of a double, expected a number or nothing"
                                                           : "not a number, expected one or nothing");
        return false;
      }
    }
    out.numbers[row] = value;
    return true;
  }

  void turn_text(const Output& out) { turned_text_.push_back(index_of(out)); }
  [[nodiscard]] std::size_t index_of(const Output& out) const {
    return static_cast<std::size_t>(&out - outputs_.data());
  }

  /// What a row that does not count has left behind.
  void forget_row() {
    for (const std::size_t place : fresh_) outputs_[place].dictionary.pop();
    fresh_.clear();
    turned_text_.clear();
  }

  /// Room for more rows in all outputs.
  void grow() {
    if (rows_ == capacity_) capacity_ = (std::max)(Index{256}, capacity_ + capacity_ / 2);
    for (Output& o : outputs_) {
      if (o.kind == ColumnKind::number) {
        o.numbers.resize(static_cast<std::size_t>(capacity_));
      } else {
        o.codes.resize(static_cast<std::size_t>(capacity_));
      }
    }
  }

  [[nodiscard]] bool is_missing(std::string_view field) const {
    if (field.empty()) return empty_is_missing_;
    if ((lengths_ >> (std::min)(field.size(), std::size_t{63}) & 1U) == 0) return false;
    return std::find(options_.missing.begin(), options_.missing.end(), field) != options_.missing.end();
  }

  /// The names of a file's columns, and where each of them goes.
  void read_header(Scanner& scanner) {
    std::vector<std::string> names = options_.header ? header_names(scanner) : options_.names;
    if (names.empty()) names = numbered_names(scanner);
    for (std::size_t i = 0; i < names.size(); ++i) {
      const auto twin = std::find(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(i), names[i]);
      if (twin == names.begin() + static_cast<std::ptrdiff_t>(i)) continue;
      throw DataError(scanner.where(1) + "columns " + std::to_string(twin - names.begin() + 1) + " and " +
                      std::to_string(i + 1) + " are both called '" + shown(names[i]) + "', expected different names");
    }
    if (outputs_.empty()) choose(names);
    place_.assign(names.size(), -1);
    for (std::size_t place = 0; place < outputs_.size(); ++place) {
      const auto found = std::find(names.begin(), names.end(), outputs_[place].name);
      if (found == names.end()) {
        throw DataError(scanner.name() + ": no column '" + shown(outputs_[place].name) + "'; the file has " + listed(names));
      }
      place_[static_cast<std::size_t>(found - names.begin())] = static_cast<std::int32_t>(place);
    }
    if (!options_.columns.empty() || names.size() == outputs_.size()) return;
    const auto extra = static_cast<std::size_t>(std::find(place_.begin(), place_.end(), -1) - place_.begin());
    throw DataError(scanner.name() + ": column '" + shown(names[extra]) + "', which the first file does not have");
  }

  [[nodiscard]] static std::vector<std::string> header_names(Scanner& scanner) {
    std::vector<std::string> names;
    std::string_view field;
    bool quoted = false;
    static_cast<void>(scanner.begin_row());
    for (End end = End::separator; end == End::separator;) {
      end = scanner.field(field, quoted);
      if (end == End::error) throw DataError(scanner.error());
      if (end == End::more) {
        names.clear();
        scanner.retry_row();
        end = End::separator;
        continue;
      }
      names.emplace_back(field);
    }
    return names;
  }

  /// "0", "1", … for as many columns as the first row has.
  [[nodiscard]] std::vector<std::string> numbered_names(Scanner& scanner) const {
    if (!outputs_.empty() && options_.columns.empty()) {
      std::vector<std::string> names;
      for (const Output& o : outputs_) names.push_back(o.name);
      return names;
    }
    std::vector<std::string> names = header_names(scanner);
    scanner.rewind_row();
    for (std::size_t i = 0; i < names.size(); ++i) names[i] = std::to_string(i);
    return names;
  }

  void choose(const std::vector<std::string>& names) {
    for (const std::string& name : options_.columns.empty() ? names : std::vector<std::string>()) {
      outputs_.emplace_back();
      outputs_.back().name = name;
      outputs_.back().kind = ColumnKind::number;
      outputs_.back().inferred = true;
    }
    for (const CsvColumn& wanted : options_.columns) {
      for (const Output& o : outputs_) {
        if (o.name == wanted.name) throw ConfigError("CSV: column '" + wanted.name + "' is asked for twice");
      }
      outputs_.emplace_back();
      outputs_.back().name = wanted.name;
      outputs_.back().kind = wanted.kind;
    }
  }

  [[nodiscard]] static std::string listed(const std::vector<std::string>& names) {
    std::string text;
    for (std::size_t i = 0; i < names.size() && i < 60; ++i) text += (i > 0 ? ", '" : "'") + shown(names[i]) + "'";
    return names.size() > 60 ? text + " and " + std::to_string(names.size() - 60) + " more" : text;
  }

  [[nodiscard]] std::string note(const std::vector<Input>& inputs) const {
    std::string text = inputs.front().name + (inputs.size() > 1 ? " and others" : "") + ": skipped " +
                       std::to_string(bad_rows_) + " malformed row" + (bad_rows_ > 1 ? "s" : "") + ", first: ";
    for (std::size_t i = 0; i < first_errors_.size(); ++i) text += (i > 0 ? "; " : "") + first_errors_[i];
    return text;
  }

  const CsvOptions& options_;
  std::uint64_t lengths_ = 0;  ///< of the texts that mean "missing"
  bool empty_is_missing_ = false;
  std::vector<Output> outputs_;
  std::vector<std::int32_t> place_;  ///< per column of the file: its output, or −1
  Index rows_ = 0, capacity_ = 0, bad_rows_ = 0;
  bool again_ = false;
  std::vector<std::size_t> fresh_;        ///< outputs whose dictionary this row has added to
  std::vector<std::size_t> turned_text_;  ///< inferred columns in which this row has a text
  std::vector<std::string> first_errors_;
  std::string error_;
};

}  // namespace espalier::csv_detail
