// SPDX-License-Identifier: Apache-2.0
// `Table`: named columns of numbers or of text, all of one length.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/data/category_key.hpp"
#include "espalier/data/column.hpp"
#include "espalier/data/columns.hpp"
#include "espalier/data/row_origins.hpp"

namespace espalier {

/// Where the columns of a table come from that know of the rows before (data/row_history.hpp).
struct HistorySpan {
  bool from_nothing = true;  ///< else they go on from what was known
  double first = 0;          ///< the first day or time of the table's rows
};

/// Columns of one length. `source` (a file's name) begins error messages.
///
/// What column(), numbers(), columns() and as_text() refer to stays good through add(), derive(), append(), rename(), the removal
/// of other columns and a move of the table (into a Dataset, say). It ends with the column's removal, the table's destruction or
/// an assignment to the table. append() makes columns longer: the references stay good, pointers and iterators into the values
/// do not. Of a temporary table (`read_csv(path).numbers("age")`) they give the values themselves.
class Table {
 public:
  std::string source = "table";
  std::vector<std::string> notes;  ///< what a reader or a join wants said: rows skipped, keys without a partner
  RowOrigins origins;              ///< where the rows stood in files
  std::optional<HistorySpan> history{};  ///< none where there are no such columns
  std::string hint{};              ///< what a reader suspects to be wrong: put behind the error that a column is not there

  [[nodiscard]] Index rows() const { return columns_.empty() ? 0 : columns_[0].size(); }
  [[nodiscard]] const Columns& columns() const& { return columns_; }
  [[nodiscard]] Columns columns() && { return std::move(columns_); }
  [[nodiscard]] bool has(std::string_view name) const { return columns_.find(name) != nullptr; }

  /// 0, 1, … for each row. Throws DataError for more than 2^31 − 1.
  [[nodiscard]] ESPALIER_COLD std::vector<std::int32_t> row_numbers() const {
    if (rows() > std::numeric_limits<std::int32_t>::max()) throw_error<DataError>({source, ": more than 2^31 − 1 rows"});
    std::vector<std::int32_t> numbers(static_cast<std::size_t>(rows()));
    std::iota(numbers.begin(), numbers.end(), 0);
    return numbers;
  }

  /// A row in a message: "events.csv:18", or "table, row 17" (from 1) when it is from no file.
  [[nodiscard]] ESPALIER_COLD std::string where(Index row) const {
    return origins.find(row).value_or(source + ", row " + std::to_string(row + 1));
  }

  /// Throws DataError when the name is taken, the length differs, a text's code is outside its dictionary, or a value is twice
  /// in that.
  ESPALIER_COLD void add(Column column) {
    expect_free(column.name);
    if (!columns_.empty() && column.size() != rows()) {
      throw_error<DataError>({source, ": column '", column.name, "' has ", column.size(), " rows, expected ",
                              rows()});
    }
    const auto values = static_cast<std::int64_t>(column.dictionary.size());
    std::int32_t low = 0, high = -1;
    for (const std::int32_t code : column.codes) {
      low = (std::min)(low, code);
      high = (std::max)(high, code);
    }
    if (low < -1 || high >= values) {
      throw_error<DataError>({source, ": column '", column.name, "' has the code ", low < -1 ? low : high,
                              ", expected −1 (missing) to ", values - 1});
    }
    Dictionary distinct;
    for (const std::string& value : column.dictionary) {
      const std::size_t before = distinct.size();
      if (static_cast<std::size_t>(distinct.code(value)) == before) continue;
      throw_error<DataError>({source, ": column '", column.name, "' has '", value,
                              "' twice in its dictionary, expected once"});
    }
    columns_.add(std::move(column));
  }

  /// A column from a span, vector, … of numbers (NaN: missing) or of strings (empty: missing).
  template <NumberRange Range>
  void add(std::string name, const Range& values) { add(Column::number(std::move(name), values)); }
  template <TextRange Range>
  void add(std::string name, const Range& values) { add(Column::text(std::move(name), values)); }

  /// A column made from the others: `value(row)` for each row.
  template <class Function>
  void derive(std::string name, Function&& value) {
    std::vector<double> made(static_cast<std::size_t>(rows()));
    for (Index i = 0; i < rows(); ++i) made[static_cast<std::size_t>(i)] = static_cast<double>(value(i));
    Column column = Column::number(std::move(name), std::move(made));
    column.exact_below = Column::exact_below_of<std::remove_cvref_t<decltype(value(Index{}))>>();
    add(std::move(column));
  }

  /// Throws DataError, naming the columns there are, when there is none of that name.
  [[nodiscard]] ESPALIER_COLD const Column& column(std::string_view name) const& {
    if (const Column* c = columns_.find(name)) return *c;
    std::string known;
    for (const Column& c : columns_) known += (known.empty() ? "'" : ", '") + c.name + "'";
    throw_error<DataError>({source, ": no column '", name, "'; there are ", known.empty() ? "none" : known,
                            origins.empty() ? "" : " (read were those that the model and CsvOptions::columns name)", hint});
  }
  [[nodiscard]] Column column(std::string_view name) && { return std::as_const(*this).column(name); }

  /// The numbers of a column; throws DataError when it holds text.
  [[nodiscard]] const std::vector<double>& numbers(std::string_view name) const& {
    const Column& c = column(name);
    if (c.kind != ColumnKind::number) {
      throw_error<DataError>({source, ": column '", c.name, "' holds text, expected numbers",
                              c.text_because.empty() ? "" : "; ", c.text_because});
    }
    return c.numbers;
  }
  [[nodiscard]] std::vector<double> numbers(std::string_view name) && { return std::as_const(*this).numbers(name); }

  /// A column as text. Of numbers, which are written out first ("3", "0.5"), a new one: it is put into `made`.
  [[nodiscard]] const Column& as_text(std::string_view name, Column& made) const& {
    const Column& c = column(name);
    if (c.kind == ColumnKind::text) return c;
    return made = text_of_numbers(c);
  }
  [[nodiscard]] const Column& as_text(std::string_view name, Column& made) && { return made = as_text(name); }

  /// A column as categories' keys (category_key.hpp): as text, and what are spellings of one key are one value. Throws DataError
  /// for whole numbers that may have been others: those from 2^53 on, or from 2^24 on where they were floats.
  [[nodiscard]] const Column& as_keys(std::string_view name, Column& made) const& {
    const Column& c = column(name);
    if (c.kind == ColumnKind::text) return keys_of(c, made);
    for (std::size_t i = 0; i < c.numbers.size(); ++i) {
      const double x = c.numbers[i];
      if (std::isnan(x) || is_exact(x, c.exact_below)) continue;
      throw_error<DataError>({where(static_cast<Index>(i)), ": column '", c.name, "' is ", number_text(x), ", beyond ±2^",
                              std::ilogb(c.exact_below), ", what its numbers are exact to; expected keys of so many digits as text"});
    }
    return made = text_of_numbers(c);
  }
  [[nodiscard]] const Column& as_keys(std::string_view name, Column& made) && {
    Column own;
    return made = Column(std::as_const(*this).as_keys(name, own));
  }

  [[nodiscard]] Column as_text(std::string_view name) const {
    Column made;
    return std::as_const(*this).as_text(name, made);
  }

  /// Keeps `names` only, in that order.
  [[nodiscard]] Table select(const std::vector<std::string>& names) const {
    Table made = like_this();
    made.origins = origins;
    for (const std::string& name : names) made.add(column(name));
    return made;
  }

  /// The rows of these numbers, in that order. Throws DataError for one that is not there.
  [[nodiscard]] Table take(std::span<const std::int32_t> chosen) const {
    for (const std::int32_t row : chosen) {
      if (row < 0 || row >= rows()) {
        throw_error<DataError>({source, ": no row ", Index{row} + 1, ", expected 1 to ", rows()});
      }
    }
    Table made = like_this();
    for (const Column& c : columns_) {
      Column part = c.without_rows();
      pick(c.numbers, chosen, part.numbers);
      pick(c.codes, chosen, part.codes);
      made.add(std::move(part));
    }
    return made;
  }

  void rename(std::string_view from, std::string to) {
    static_cast<void>(column(from));
    if (to == from) return;
    expect_free(to);
    columns_.rename(from, std::move(to));
  }

  void remove(std::string_view name) { columns_.remove(column(name).name); }

  /// The rows of `other` behind these; it must have the same columns, in any order. Throws DataError.
  void append(const Table& other) {
    if (&other == this) {
      append(Table(other));
      return;
    }
    if (columns_.empty()) {
      columns_ = other.columns_;
      origins = other.origins;
      history = other.history;
      notes.insert(notes.end(), other.notes.begin(), other.notes.end());
      return;
    }
    if (other.columns_.size() != columns_.size()) {
      throw_error<DataError>({other.source, ": ", other.columns_.size(), " columns, expected ",
                              columns_.size(), " as in ", source});
    }
    for (const Column& c : columns_) {
      if (other.column(c.name).kind != c.kind) {
        throw_error<DataError>({other.source, ": column '", c.name, "' is of another kind than in ", source});
      }
    }
    notes.insert(notes.end(), other.notes.begin(), other.notes.end());
    origins.append(rows(), other.origins);
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      Column& c = columns_[i];
      const Column& more = other.column(c.name);
      c.numbers.insert(c.numbers.end(), more.numbers.begin(), more.numbers.end());
      c.exact_below = (std::min)(c.exact_below, more.exact_below);
      Dictionary known;
      for (const std::string& value : c.dictionary) static_cast<void>(known.code(value));
      std::vector<std::int32_t> moved;
      for (const std::string& value : more.dictionary) moved.push_back(known.code(value));
      for (const std::int32_t code : more.codes) c.codes.push_back(code < 0 ? -1 : moved[static_cast<std::size_t>(code)]);
      c.dictionary = known.take();
    }
  }

 private:
  void expect_free(std::string_view name) const {
    if (has(name)) throw_error<DataError>({source, ": there already is a column '", name, "'"});
  }

  [[nodiscard]] Table like_this() const {
    Table made;
    made.source = source;
    made.notes = notes;
    made.hint = hint;
    made.history = history;
    return made;
  }

  template <class T>
  static void pick(const std::vector<T>& from, std::span<const std::int32_t> rows, std::vector<T>& to) {
    if (from.empty()) return;
    to.reserve(rows.size());
    for (const std::int32_t row : rows) to.push_back(from[static_cast<std::size_t>(row)]);
  }

  Columns columns_;
};

}  // namespace espalier
