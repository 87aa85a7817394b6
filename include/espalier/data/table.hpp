// SPDX-License-Identifier: Apache-2.0
// `Table`: named columns of numbers or text, all of the same length.
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

/// How the columns of history inputs (data/row_history.hpp) in a table were computed.
struct HistorySpan {
  bool from_nothing = true;  ///< false: they continue from rows that were known before
  double first = 0;          ///< first day or time of the table's rows
};

/// Columns of the same length. Error messages start with `source` (for example a file name).
///
/// References from column(), numbers(), columns() and as_text() stay valid after add(), derive(),
/// append(), rename(), removal of other columns and a move of the table (for example into a
/// Dataset). They become invalid if the column is removed, or the table is destroyed or assigned
/// to. append() makes columns longer: references stay valid, but pointers and iterators to the
/// values do not. On a temporary table (`read_csv(path).numbers("age")`) these functions return
/// values.
class Table {
 public:
  std::string source = "table";
  /// Messages of a reader or a join: rows skipped, keys without a partner.
  std::vector<std::string> notes;
  RowOrigins origins;                    ///< file and line of each row
  std::optional<HistorySpan> history{};  ///< nullopt if there are no columns of history inputs
  /// What a reader suspects to be wrong; appended to the error that a column does not exist.
  std::string hint{};

  [[nodiscard]] Index rows() const { return columns_.empty() ? 0 : columns_[0].size(); }
  [[nodiscard]] const Columns& columns() const& { return columns_; }
  [[nodiscard]] Columns columns() && { return std::move(columns_); }
  [[nodiscard]] bool has(std::string_view name) const { return columns_.find(name) != nullptr; }

  /// 0, 1, … for all rows. Throws DataError for more than 2^31 − 1 rows.
  [[nodiscard]] ESPALIER_COLD std::vector<std::int32_t> row_numbers() const {
    if (rows() > std::numeric_limits<std::int32_t>::max())
      throw_error<DataError>({source, ": more than 2^31 − 1 rows"});
    std::vector<std::int32_t> numbers(static_cast<std::size_t>(rows()));
    std::iota(numbers.begin(), numbers.end(), 0);
    return numbers;
  }

  /// A row as a message shows it: "events.csv:18", or "table, row 17" (from 1) if it is not from a
  /// file.
  [[nodiscard]] ESPALIER_COLD std::string where(Index row) const {
    return origins.find(row).value_or(source + ", row " + std::to_string(row + 1));
  }

  /// Throws DataError if the name is in use, the length differs, a code is outside the dictionary,
  /// or the dictionary has a value twice.
  ESPALIER_COLD void add(Column column) {
    expect_free(column.name);
    if (!columns_.empty() && column.size() != rows()) {
      throw_error<DataError>(
          {source, ": column '", column.name, "' has ", column.size(), " rows, expected ", rows()});
    }
    const auto values = static_cast<std::int64_t>(column.dictionary.size());
    std::int32_t low = 0, high = -1;
    for (const std::int32_t code : column.codes) {
      low = (std::min)(low, code);
      high = (std::max)(high, code);
    }
    if (low < -1 || high >= values) {
      throw_error<DataError>({source, ": column '", column.name, "' has the code ",
                              low < -1 ? low : high, ", expected −1 (missing) to ", values - 1});
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

  /// Adds a column from a span, vector, … of numbers (NaN: missing) or strings (empty: missing).
  template <NumberRange Range>
  void add(std::string name, const Range& values) {
    add(Column::number(std::move(name), values));
  }
  template <TextRange Range>
  void add(std::string name, const Range& values) {
    add(Column::text(std::move(name), values));
  }

  /// Adds a column computed from others: `value(row)` for each row.
  template <class Function>
  void derive(std::string name, Function&& value) {
    std::vector<double> made(static_cast<std::size_t>(rows()));
    for (Index i = 0; i < rows(); ++i)
      made[static_cast<std::size_t>(i)] = static_cast<double>(value(i));
    Column column = Column::number(std::move(name), std::move(made));
    column.exact_below = Column::exact_below_of<std::remove_cvref_t<decltype(value(Index{}))>>();
    add(std::move(column));
  }

  /// Throws DataError, which lists the existing columns, if there is no column of that name.
  [[nodiscard]] ESPALIER_COLD const Column& column(std::string_view name) const& {
    if (const Column* c = columns_.find(name)) return *c;
    std::string known;
    for (const Column& c : columns_) known += (known.empty() ? "'" : ", '") + c.name + "'";
    throw_error<DataError>(
        {source, ": no column '", name, "'; there are ", known.empty() ? "none" : known,
         origins.empty() ? "" : " (read were those that the model and CsvOptions::columns name)",
         hint});
  }
  [[nodiscard]] Column column(std::string_view name) && {
    return std::as_const(*this).column(name);
  }

  /// The numbers of a column. Throws DataError if it is a text column.
  [[nodiscard]] const std::vector<double>& numbers(std::string_view name) const& {
    const Column& c = column(name);
    if (c.kind != ColumnKind::number) {
      throw_error<DataError>({source, ": column '", c.name, "' holds text, expected numbers",
                              c.text_because.empty() ? "" : "; ", c.text_because});
    }
    return c.numbers;
  }
  [[nodiscard]] std::vector<double> numbers(std::string_view name) && {
    return std::as_const(*this).numbers(name);
  }

  /// A column as text. A numeric column is converted ("3", "0.5") and stored in `made`.
  [[nodiscard]] const Column& as_text(std::string_view name, Column& made) const& {
    const Column& c = column(name);
    if (c.kind == ColumnKind::text) return c;
    return made = text_of_numbers(c);
  }
  [[nodiscard]] const Column& as_text(std::string_view name, Column& made) && {
    return made = as_text(name);
  }

  /// A column as category keys (category_key.hpp): as text, where all spellings of a key are one
  /// value. Throws DataError for integers that may have been rounded: from 2^53 on, or from 2^24 on
  /// if they were floats.
  [[nodiscard]] const Column& as_keys(std::string_view name, Column& made) const& {
    const Column& c = column(name);
    if (c.kind == ColumnKind::text) return keys_of(c, made);
    for (std::size_t i = 0; i < c.numbers.size(); ++i) {
      const double x = c.numbers[i];
      if (std::isnan(x) || is_exact(x, c.exact_below)) continue;
      throw_error<DataError>(
          {where(static_cast<Index>(i)), ": column '", c.name, "' is ", number_text(x),
           ", beyond ±2^", std::ilogb(c.exact_below),
           ", what its numbers are exact to; expected keys of so many digits as text"});
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

  /// A table with only the columns `names`, in that order.
  [[nodiscard]] Table select(const std::vector<std::string>& names) const {
    Table made = like_this();
    made.origins = origins;
    for (const std::string& name : names) made.add(column(name));
    return made;
  }

  /// A table with these rows, in that order. Throws DataError for a row that does not exist.
  [[nodiscard]] Table take(std::span<const std::int32_t> chosen) const {
    for (const std::int32_t row : chosen) {
      if (row < 0 || row >= rows()) {
        throw_error<DataError>({source, ": no row ", Index{row} + 1, ", expected 1 to ", rows()});
      }
    }
    Table made = like_this();
    made.origins = origins.take(chosen);
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

  /// Appends the rows of `other`, which must have the same columns, in any order; a table without
  /// columns takes those of `other`. Throws DataError.
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
        throw_error<DataError>(
            {other.source, ": column '", c.name, "' is of another kind than in ", source});
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
      for (const std::int32_t code : more.codes)
        c.codes.push_back(code < 0 ? -1 : moved[static_cast<std::size_t>(code)]);
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
  static void pick(const std::vector<T>& from, std::span<const std::int32_t> rows,
                   std::vector<T>& to) {
    if (from.empty()) return;
    to.reserve(rows.size());
    for (const std::int32_t row : rows) to.push_back(from[static_cast<std::size_t>(row)]);
  }

  Columns columns_;
};

}  // namespace espalier
