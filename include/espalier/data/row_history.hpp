// SPDX-License-Identifier: Apache-2.0
// `RowHistory`: statistics and items of earlier rows, which history inputs read. Updated row by
// row, with the same code for tables and single rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/daily_totals.hpp"
#include "espalier/data/history_columns.hpp"
#include "espalier/data/item_history.hpp"
#include "espalier/data/table.hpp"
#include "espalier/plan/schema.hpp"

namespace espalier {

struct HistoryRows;

/// The history inputs that share a tuple of keys and a day column: means of labels, and counts.
class DailyHistory {
 public:
  static constexpr std::size_t max_labels = 16;

  DailyHistory(std::vector<std::size_t> keys, std::size_t day)
      : keys_(std::move(keys)), day_(day) {}

  [[nodiscard]] const std::vector<std::size_t>& keys() const { return keys_; }
  [[nodiscard]] std::size_t day() const { return day_; }
  /// Indices of the labels. In totals(), a key has its row count, then the count and the sum of
  /// each label.
  [[nodiscard]] const std::vector<std::size_t>& labels() const { return labels_; }
  [[nodiscard]] const DailyTotals& totals() const { return totals_; }
  [[nodiscard]] const KeyIndex& index() const { return totals_.totals().index; }
  void restore(DailyTotals totals) { totals_ = std::move(totals); }

  /// Adds an input whose value goes to out[place]. Throws ConfigError for more than max_labels
  /// labels.
  void add_input(const FieldInfo& field, std::size_t place, std::size_t label);

  /// Writes each input of a row with this key to its place in `out`; NaN if `day` is already
  /// closed, so that its own rows are among the sums.
  void read(std::uint64_t key, double day, double* out) const;

  template <class Visit>
  void for_each_place(Visit visit) const {
    for (const Input& input : inputs_) visit(input.place);
  }

  /// Adds `rows` rows (0 or 1) and their labels, indexed as HistoryColumns::labels; NaN if missing;
  /// null if not known.
  void add(std::uint64_t key, double day, double rows, const double* labels);

  /// Whether both have the same inputs, whatever rows they know.
  [[nodiscard]] bool same_inputs(const DailyHistory& other) const {
    return keys_ == other.keys_ && day_ == other.day_ && labels_ == other.labels_ &&
           inputs_ == other.inputs_;
  }

 private:
  struct Input {
    std::size_t place;
    std::size_t sum;  ///< 0: the row count; otherwise the offset of the label's count and sum
    double smoothing;
    bool operator==(const Input&) const = default;
  };

  std::vector<std::size_t> keys_;
  std::size_t day_;
  std::vector<std::size_t> labels_;
  std::vector<Input> inputs_;
  DailyTotals totals_{1};
};

/// The history inputs that share a tuple of keys and are updated row by row: number of earlier
/// rows, and time since them.
class SessionHistory {
 public:
  explicit SessionHistory(std::vector<std::size_t> keys) : keys_(std::move(keys)) {}

  [[nodiscard]] const std::vector<std::size_t>& keys() const { return keys_; }
  /// Per key: the number of rows, then the times of the last rows, latest first; NaN if there was
  /// none.
  [[nodiscard]] const KeyTotals& rows() const { return rows_; }
  [[nodiscard]] const KeyIndex& index() const { return rows_.index; }
  void restore(KeyTotals rows) { rows_ = std::move(rows); }

  void add_input(const FieldInfo& field, std::size_t place);
  void read(std::uint64_t key, double time, double* out) const;
  template <class Visit>
  void for_each_place(Visit visit) const {
    for (const Input& input : inputs_) visit(input.place);
  }
  void add(std::uint64_t key, double time);
  [[nodiscard]] bool same_inputs(const SessionHistory& other) const {
    return keys_ == other.keys_ && inputs_ == other.inputs_;
  }

 private:
  struct Input {
    std::size_t place;
    std::size_t back;  ///< 0: the number of rows; n: time since the n-th last row
    bool operator==(const Input&) const = default;
  };

  std::vector<std::size_t> keys_;
  std::vector<Input> inputs_;
  KeyTotals rows_{1};
};

/// What is known of earlier rows, for a model's history inputs: MeanOf and CountOf with Before,
/// EarlierRows, SincePrevious and PastItems. Keys are stored as 64-bit hashes: among a million
/// keys, two collide with a probability of 3e-8.
///
/// Rows are processed in time order, rows of the same time in table order. Without a time column,
/// the first day column gives the order.
class RowHistory {
 public:
  RowHistory() = default;
  /// `fields`: the fields of a schema. The memory that they refer to must outlive this object.
  explicit RowHistory(std::span<const FieldInfo> fields);

  [[nodiscard]] bool empty() const { return names_.empty() && cell_names_.empty(); }
  /// Column names of the inputs that are numbers. Several fields may read the same one.
  [[nodiscard]] const std::vector<std::string>& names() const& { return names_; }
  [[nodiscard]] std::vector<std::string> names() && { return std::move(names_); }
  /// Those of past items: columns of text.
  [[nodiscard]] const std::vector<std::string>& cell_names() const& { return cell_names_; }
  [[nodiscard]] std::vector<std::string> cell_names() && { return std::move(cell_names_); }
  [[nodiscard]] const HistoryColumns& columns() const& { return columns_; }
  [[nodiscard]] HistoryColumns columns() && { return std::move(columns_); }
  /// Index of an input in names(), or names().size() if there is no such input.
  [[nodiscard]] std::size_t place(std::string_view name) const;

  /// Writes the inputs of a row, indexed as in names(); NaN if missing. Any number of threads may
  /// call it at once.
  void read(const RowKeys& row, double* out) const;
  /// The same for past items, indexed as in cell_names(); empty if there are none.
  [[nodiscard]] std::vector<std::string> read_cells(const RowKeys& row) const;
  /// Adds a row: rows after it read it, and rows of later days read its labels. `labels`: indexed
  /// as columns().labels, NaN if missing; null if not known yet. Throws ConfigError for an item
  /// that contains the separator of its histories; then nothing has changed.
  void add(const RowKeys& row, const double* labels);
  /// Adds the labels of a row that was added before. Throws as add().
  void add_labels(const RowKeys& row, const double* labels);

  /// Whether both compute the same inputs from the same columns, whatever rows they know; a row
  /// then has the same keys for both.
  [[nodiscard]] bool same_inputs(const RowHistory& other) const;

  /// Adds the columns names() and cell_names() to a table: each row reads the rows before it, and
  /// all rows are known afterwards. If rows were known before, a label without a column in the
  /// table is not known yet. Throws DataError if a day or time is missing, an item contains the
  /// separator of its histories, or the table already has one of the columns.
  void add_to(Table& table);
  /// Adds these rows of a table; repeated row numbers count once. Throws DataError.
  void add_rows(const Table& table, std::vector<std::int32_t> rows);

  /// Day or time of the latest row; −∞ if there is none.
  [[nodiscard]] double last() const { return last_; }

  [[nodiscard]] const std::vector<DailyHistory>& daily() const { return daily_; }
  [[nodiscard]] const std::vector<SessionHistory>& sessions() const { return sessions_; }
  /// Indexed as cell_names().
  [[nodiscard]] const std::vector<ItemHistory>& items() const { return items_; }
  [[nodiscard]] std::vector<DailyHistory>& daily() { return daily_; }
  [[nodiscard]] std::vector<SessionHistory>& sessions() { return sessions_; }
  [[nodiscard]] std::vector<ItemHistory>& items() { return items_; }
  void set_last(double last) { last_ = last; }

 private:
  void run(const HistoryRows& rows, std::vector<std::vector<double>>* out);
  /// The same for past items; cells are indexed by table row.
  void run_items(const HistoryRows& rows, std::vector<std::vector<std::string>>* cells);
  void require_items(const RowKeys& row) const;

  std::vector<std::string> names_, cell_names_;
  HistoryColumns columns_;
  std::vector<DailyHistory> daily_;
  std::vector<SessionHistory> sessions_;
  std::vector<ItemHistory> items_;
  double last_ = -std::numeric_limits<double>::infinity();
};

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/data/row_history_definitions.hpp"
#endif
