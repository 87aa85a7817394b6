// SPDX-License-Identifier: Apache-2.0
// `Table`: named columns of numbers or text, all of the same length.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
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
  [[nodiscard]] std::vector<std::int32_t> row_numbers() const;

  /// A row as a message shows it: "events.csv:18", or "table, row 17" (from 1) if it is not from a
  /// file.
  [[nodiscard]] std::string where(Index row) const;

  /// Throws DataError if the name is in use, the length differs, a code is outside the dictionary,
  /// or the dictionary has a value twice.
  void add(Column column);

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
  [[nodiscard]] const Column& column(std::string_view name) const&;
  [[nodiscard]] Column column(std::string_view name) && {
    return std::as_const(*this).column(name);
  }

  /// The numbers of a column. Throws DataError if it is a text column.
  [[nodiscard]] const std::vector<double>& numbers(std::string_view name) const&;
  [[nodiscard]] std::vector<double> numbers(std::string_view name) && {
    return std::as_const(*this).numbers(name);
  }

  /// A column as text. A numeric column is converted ("3", "0.5") and stored in `made`.
  [[nodiscard]] const Column& as_text(std::string_view name, Column& made) const&;
  [[nodiscard]] const Column& as_text(std::string_view name, Column& made) && {
    return made = as_text(name);
  }

  /// A column as category keys (category_key.hpp): as text, where all spellings of a key are one
  /// value. Throws DataError for integers that may have been rounded: from 2^53 on, or from 2^24 on
  /// if they were floats.
  [[nodiscard]] const Column& as_keys(std::string_view name, Column& made) const&;
  [[nodiscard]] const Column& as_keys(std::string_view name, Column& made) &&;

  [[nodiscard]] Column as_text(std::string_view name) const;

  /// A table with only the columns `names`, in that order.
  [[nodiscard]] Table select(const std::vector<std::string>& names) const;

  /// A table with these rows, in that order. Throws DataError for a row that does not exist.
  [[nodiscard]] Table take(std::span<const std::int32_t> chosen) const;

  void rename(std::string_view from, std::string to);

  void remove(std::string_view name) { columns_.remove(column(name).name); }

  /// Appends the rows of `other`, which must have the same columns, in any order; a table without
  /// columns takes those of `other`. Throws DataError.
  void append(const Table& other);

 private:
  void expect_free(std::string_view name) const;

  [[nodiscard]] Table like_this() const;

  template <class T>
  static void pick(const std::vector<T>& from, std::span<const std::int32_t> rows,
                   std::vector<T>& to);

  Columns columns_;
};

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/data/table_definitions.hpp"
#endif
