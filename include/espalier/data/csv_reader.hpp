// SPDX-License-Identifier: Apache-2.0
// `Reader`: converts CSV fields to columns.
#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/csv_header.hpp"
#include "espalier/data/csv_scanner.hpp"
#include "espalier/data/dictionary.hpp"

namespace espalier::csv_detail {

/// A file or text: its name in messages, and how to open it; it may be opened several times.
struct Input {
  std::string name;
  std::function<std::unique_ptr<ByteSource>()> open;
};

class Reader {
 public:
  ESPALIER_COLD explicit Reader(const CsvOptions& options) : options_(options), missing_(options) {
    check(options);
  }

  /// Reads the inputs, one after the other, into one table.
  [[nodiscard]] ESPALIER_COLD Table read(const std::vector<Input>& inputs) {
    if (inputs.empty()) throw ConfigError("CSV: no file to read");
    constexpr Index sample = 1000;
    const bool infers =
        options_.columns.empty() || std::any_of(options_.columns.begin(), options_.columns.end(),
                                                [](const CsvColumn& c) { return c.infer; });
    if (!pass(inputs, infers ? sample : max_rows)) {
      // The first pass read only a sample, or an inferred column turned out to be text: read again
      // with the kinds found so far.
      while (!pass(inputs, max_rows)) continue;
    }
    Table table;
    table.source = inputs.front().name;
    table.hint = std::move(hint_);
    table.origins = std::move(origins_);
    if (bad_rows_ > 0) table.notes.push_back(note(inputs));
    for (Output& o : outputs_) {
      Column c;
      c.name = std::move(o.name);
      c.kind = o.kind;
      c.numbers = std::move(o.numbers);
      c.codes = std::move(o.codes);
      c.dictionary = o.dictionary.take();
      c.text_because = std::move(o.text_because);
      table.add(std::move(c));
    }
    return table;
  }

 private:
  static constexpr Index max_rows = std::numeric_limits<std::int32_t>::max();
  static constexpr std::size_t chunk = 32;

  struct Output {
    std::string name;
    ColumnKind kind = ColumnKind::text;
    bool inferred = false;  ///< numeric until a value must be text
    std::string remedy, text_because;
    std::vector<double> numbers;
    std::vector<std::int32_t> codes;
    Dictionary dictionary;
    // The rows of the current chunk. Writing a row here touches few cache lines, which stay in
    // cache; appending it to all columns directly would touch many.
    std::array<double, chunk> new_numbers{};
    std::array<std::int32_t, chunk> new_codes{};
  };

  /// A text of the row being read. It gets a code once the row is known to be valid; by then the
  /// dictionary slot is prefetched.
  struct Pending {
    std::size_t output;
    std::string_view text;
    Dictionary::Key key;
  };

  /// An inferred column that is text from this row on, and why.
  struct TurnedText {
    std::size_t output;
    std::string because;
  };

  /// Reads all inputs, or the first `limit` rows. Returns false if there are more rows or a
  /// column's kind changed; the caller then reads everything again.
  bool pass(const std::vector<Input>& inputs, Index limit) {
    rows_ = bad_rows_ = 0;
    new_rows_ = 0;
    first_errors_.clear();
    again_ = false;
    origins_ = RowOrigins();
    for (Output& o : outputs_) {
      o.numbers.clear();
      o.codes.clear();
      o.dictionary = Dictionary();
    }
    for (const Input& input : inputs) {
      std::unique_ptr<ByteSource> bytes = input.open();
      if (options_.encoding == CsvEncoding::latin1)
        bytes = std::make_unique<Latin1Source>(std::move(bytes));
      Scanner scanner(std::move(bytes), input.name, options_);
      scanner.skip_lines(options_.skip_rows);
      empty_lines_.clear();
      origins_.begin_file(input.name);
      names_ = file_columns(scanner, options_, outputs_.size());
      place_outputs(scanner);
      while (scanner.begin_row()) {
        if (rows_ >= limit) {
          if (limit == max_rows) throw_error<DataError>({input.name, ": more than 2^31 − 1 rows"});
          return false;
        }
        read_row(scanner);
      }
    }
    store_chunk();
    return !again_;
  }

  /// Maps the columns of the file to outputs.
  ESPALIER_COLD void place_outputs(const Scanner& scanner) {
    if (outputs_.empty()) {
      if (names_.size() > 1 || !suspected_separator(names_[0], options_).empty())
        hint_ = suspicion(names_, options_);
      for (const CsvColumn& wanted : options_.columns) {
        if (!wanted.optional ||
            std::find(names_.begin(), names_.end(), wanted.name) != names_.end())
          add_output(wanted);
      }
      if (options_.columns.empty()) {
        for (const std::string& name : names_) add_output({.name = name, .infer = true});
      }
    }
    std::unordered_map<std::string_view, std::size_t> place_of;
    for (std::size_t i = 0; i < names_.size(); ++i) place_of.emplace(names_[i], i);
    place_.assign(names_.size(), -1);
    for (std::size_t o = 0; o < outputs_.size(); ++o) {
      const auto found = place_of.find(outputs_[o].name);
      if (found == place_of.end()) refuse_column(outputs_[o].name, names_, scanner, options_);
      place_[found->second] = static_cast<std::int32_t>(o);
    }
    if (!options_.columns.empty() || names_.size() == outputs_.size()) return;
    const auto extra =
        static_cast<std::size_t>(std::find(place_.begin(), place_.end(), -1) - place_.begin());
    throw_error<DataError>({scanner.where(scanner.row_line()), "column '", shown(names_[extra]),
                            "', which the first file does not have"});
  }

  void add_output(const CsvColumn& column) {
    Output& out = outputs_.emplace_back();
    out.name = column.name;
    out.kind = column.infer ? ColumnKind::number : column.kind;
    out.inferred = column.infer;
    out.remedy = column.remedy;
  }

  void read_row(Scanner& scanner) {
    End end = End::more;
    while ((end = try_row(scanner)) == End::more) {
      forget_row();
      if (scanner.retry_row()) continue;
      hold_error(scanner, place_.size());
      scanner.skip_line();
      end = End::error;
      break;
    }
    if (end == End::file) {
      forget_row();
      empty_lines_.push_back(scanner.row_line());
      return;
    }
    if (!empty_lines_.empty()) refuse_empty_lines(scanner);
    if (end != End::error) {
      keep_row(scanner);
      return;
    }
    forget_row();
    refuse_row();
  }

  /// Empty lines followed by a row are malformed rows; at the end of a file they are ignored.
  ESPALIER_COLD void refuse_empty_lines(const Scanner& scanner) {
    std::string error = std::move(error_);
    for (const Index line : empty_lines_) {
      error_ = scanner.where(line) + "an empty line, expected " + std::to_string(place_.size()) +
               " values";
      refuse_row();
    }
    empty_lines_.clear();
    error_ = std::move(error);
  }

  /// Counts a malformed row, described by error_; throws DataError if there are too many.
  ESPALIER_COLD void refuse_row() {
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

  /// Reads one row into row new_rows_ of the chunk. Returns End::error if the row is malformed: the
  /// scanner is then after the row, and error_ is set. Returns End::file if the row is an empty
  /// line, which has no values, and End::more if the block ends inside the row.
  End try_row(Scanner& scanner) {
    const std::size_t columns = place_.size();
    const std::size_t row = new_rows_;
    std::size_t column = 0;
    bool wrong = false;
    std::string_view field;
    bool quoted = false;
    for (End end = End::separator; end == End::separator; ++column) {
      Output* const out = column < columns && place_[column] >= 0
                              ? &outputs_[static_cast<std::size_t>(place_[column])]
                              : nullptr;
      if (out != nullptr && out->kind == ColumnKind::number &&
          scanner.number(out->new_numbers[row], end)) {
        if (missing_.has_number() && missing_.contains(scanner.number_text())) {
          out->new_numbers[row] = std::numeric_limits<double>::quiet_NaN();
        } else if (out->inferred && is_code(scanner.number_text())) {
          turn_text(*out, scanner.number_text(), std::errc());
        }
        if (end != End::separator)
          return finish(scanner, column + 1, scanner.number_text(), true, wrong);
        continue;
      }
      end = scanner.field(field, quoted);
      if (end == End::more) return end;
      if (end == End::error) {
        if (!wrong) hold_error(scanner, column);
        scanner.skip_line();
        return end;
      }
      if (out != nullptr && !wrong) {
        wrong = out->kind == ColumnKind::text ? !hold_text(*out, row, field, quoted, scanner)
                                              : !store_number(*out, row, field, scanner);
      }
      if (end != End::separator) return finish(scanner, column + 1, field, quoted, wrong);
    }
    return End::error;  // unreachable
  }

  ESPALIER_COLD void hold_error(const Scanner& scanner, std::size_t column) {
    error_ = scanner.where(scanner.error_line()) +
             (column < place_.size() ? "column '" + shown(names_[column]) + "': " : "") +
             scanner.error();
  }

  /// `last`: the last field of the row.
  End finish(const Scanner& scanner, std::size_t fields, std::string_view last, bool quoted,
             bool wrong) {
    if (fields != place_.size()) return wrong_number(scanner, fields, last, quoted);
    return wrong ? End::error : End::line;
  }

  ESPALIER_COLD End wrong_number(const Scanner& scanner, std::size_t fields, std::string_view last,
                                 bool quoted) {
    if (fields == 1 && last.empty() && !quoted) return End::file;
    error_ = scanner.where(scanner.row_line()) + std::to_string(fields) +
             (fields == 1 ? " value" : " values") + ", expected " + std::to_string(place_.size());
    if (fields < place_.size()) error_ += "; none for column '" + shown(names_[fields]) + "'";
    if (fields == 1) error_ += suspected_separator(last, options_);
    if (place_.size() == 1) error_ += suspicion(names_, options_);
    return End::error;
  }

  /// Returns false and sets error_ if the field is not UTF-8.
  bool hold_text(Output& out, std::size_t row, std::string_view field, bool quoted,
                 const Scanner& scanner) {
    if (!quoted && missing_.contains(field)) {
      out.new_codes[row] = -1;
      return true;
    }
    if (!is_text(field)) {
      say(scanner, out, field, not_utf8);
      return false;
    }
    const bool copied = scanner.copied(field);
    if (copied) field = copies_.emplace_back(field);
    const Dictionary::Key key = copied ? Dictionary::key(field) : Dictionary::padded_key(field);
    out.dictionary.prefetch(key);
    pending_.push_back({index_of(out), field, key});
    return true;
  }

  /// Returns false and sets error_ if the field is not a number, or in an inferred column not
  /// UTF-8.
  bool store_number(Output& out, std::size_t row, std::string_view field, const Scanner& scanner) {
    double value = std::numeric_limits<double>::quiet_NaN();
    if (!missing_.contains(field)) {
      const std::errc result = to_number(field, value);
      if (out.inferred) {
        if (result != std::errc() && !is_text(field)) {
          say(scanner, out, field, not_utf8);
          return false;
        }
        if (result != std::errc() || !says_no_more_than_number(field, value))
          turn_text(out, field, result);
      } else if (result != std::errc()) {
        say(scanner, out, field,
            result == std::errc::result_out_of_range
                ? "is beyond the range of a double, expected a number or nothing"
                : "is not a number, expected one or nothing");
        if (!out.remedy.empty()) error_ += "; " + out.remedy;
        return false;
      }
    }
    out.new_numbers[row] = value;
    return true;
  }

  ESPALIER_COLD void say(const Scanner& scanner, const Output& out, std::string_view field,
                         const char* what) {
    error_ = scanner.where(scanner.row_line()) + "column '" + shown(out.name) + "': '" +
             shown(field) + "' " + what;
  }

  ESPALIER_COLD void turn_text(const Output& out, std::string_view field, std::errc result) {
    double value = 0;
    static_cast<void>(to_number(field, value));
    turned_text_.push_back(
        {index_of(out),
         "'" + shown(field) + "' " +
             (result == std::errc::result_out_of_range ? "is beyond the range of a double"
              : result != std::errc()                  ? "is not a number"
                                      : "says more than the number " + number_text(value))});
  }
  [[nodiscard]] std::size_t index_of(const Output& out) const {
    return static_cast<std::size_t>(&out - outputs_.data());
  }

  /// Accepts the row.
  void keep_row(const Scanner& scanner) {
    for (const Pending& p : pending_) {
      Output& out = outputs_[p.output];
      out.new_codes[new_rows_] = out.dictionary.code(p.text, p.key);
    }
    pending_.clear();
    if (!copies_.empty()) copies_.clear();
    origins_.add(rows_, scanner.row_line());
    ++rows_;
    if (++new_rows_ == chunk) store_chunk();
    if (turned_text_.empty()) return;
    for (const TurnedText& turned : turned_text_) {
      outputs_[turned.output].kind = ColumnKind::text;
      outputs_[turned.output].text_because = scanner.where(scanner.row_line()) + turned.because;
    }
    turned_text_.clear();
    again_ = true;
  }

  /// Discards the row.
  void forget_row() {
    pending_.clear();
    copies_.clear();
    turned_text_.clear();
  }

  void store_chunk() {
    const auto store = [this](auto& column, const auto& rows) {
      column.insert(column.end(), rows.begin(),
                    rows.begin() + static_cast<std::ptrdiff_t>(new_rows_));
    };
    for (Output& o : outputs_) {
      if (o.kind == ColumnKind::number) {
        store(o.numbers, o.new_numbers);
      } else {
        store(o.codes, o.new_codes);
      }
    }
    new_rows_ = 0;
  }

  [[nodiscard]] ESPALIER_COLD std::string note(const std::vector<Input>& inputs) const {
    std::string text = inputs.front().name + (inputs.size() > 1 ? " and others" : "") +
                       ": skipped " + std::to_string(bad_rows_) + " malformed row" +
                       (bad_rows_ > 1 ? "s" : "") + ", first: ";
    for (std::size_t i = 0; i < first_errors_.size(); ++i)
      text += (i > 0 ? "; " : "") + first_errors_[i];
    return text;
  }

  const CsvOptions& options_;
  MissingTexts missing_;
  std::vector<Output> outputs_;
  std::vector<std::string> names_;   ///< column names of the current file
  std::vector<std::int32_t> place_;  ///< per column of the file: index of its output, or −1
  RowOrigins origins_;
  Index rows_ = 0, bad_rows_ = 0;
  std::size_t new_rows_ = 0;  ///< rows in the current chunk
  bool again_ = false;
  std::vector<Pending> pending_;
  /// Texts of this row that are not contiguous in the scanner's buffer.
  std::deque<std::string> copies_;
  std::vector<TurnedText> turned_text_;  ///< inferred columns in which this row has a text
  std::vector<Index> empty_lines_;       ///< line numbers of empty lines since the last row
  std::vector<std::string> first_errors_;
  std::string error_, hint_;
};

}  // namespace espalier::csv_detail
