// SPDX-License-Identifier: Apache-2.0
// `RowHistory`: what inputs know of the rows before, moved on row by row. One code for tables and for single rows.
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
#include "espalier/data/table.hpp"
#include "espalier/plan/schema.hpp"

namespace espalier {

/// The columns that inputs of the rows before are made of, each once.
struct HistoryColumns {
  std::vector<std::string> keys, days, labels;
  std::string time{};  ///< empty where no input goes by time

  bool operator==(const HistoryColumns&) const = default;
};

/// One row of them, by their places there.
struct RowKeys {
  std::vector<std::uint64_t> keys{};  ///< hash_text() of their categories' keys; of a missing one that of the empty text
  std::vector<double> days{};
  double time = 0;
};

/// The inputs that go by one tuple of keys and one column of days: means of labels, and counts.
class DailyHistory {
 public:
  static constexpr std::size_t max_labels = 16;

  DailyHistory(std::vector<std::size_t> keys, std::size_t day) : keys_(std::move(keys)), day_(day) {}

  [[nodiscard]] const std::vector<std::size_t>& keys() const { return keys_; }
  [[nodiscard]] std::size_t day() const { return day_; }
  /// Of sums() the first is rows; two more for each label: how many there are, and their sum.
  [[nodiscard]] const std::vector<std::size_t>& labels() const { return labels_; }
  [[nodiscard]] const DailyTotals& totals() const { return totals_; }
  [[nodiscard]] const KeyIndex& index() const { return totals_.totals().index; }
  void restore(DailyTotals totals) { totals_ = std::move(totals); }

  /// An input, which will stand at `place`. Throws ConfigError for more than max_labels.
  void add_input(const FieldInfo& field, std::size_t place, std::size_t label);

  /// The inputs of a row of `key`, each at its place in `out`; NaN for a day so late that its own rows are among the sums.
  void read(std::uint64_t key, double day, double* out) const;

  template <class Visit>
  void for_each_place(Visit visit) const {
    for (const Input& input : inputs_) visit(input.place);
  }

  /// So many rows (0 or 1), and their labels, by their places among all, NaN where missing; or null.
  void add(std::uint64_t key, double day, double rows, const double* labels);

  /// Whether they are the same inputs, whatever is known.
  [[nodiscard]] bool same_inputs(const DailyHistory& other) const {
    return keys_ == other.keys_ && day_ == other.day_ && labels_ == other.labels_ && inputs_ == other.inputs_;
  }

 private:
  struct Input {
    std::size_t place;
    std::size_t sum;  ///< 0: count of rows; else where the label's number and sum are
    double smoothing;
    bool operator==(const Input&) const = default;
  };

  std::vector<std::size_t> keys_;
  std::size_t day_;
  std::vector<std::size_t> labels_;
  std::vector<Input> inputs_;
  DailyTotals totals_{1};
};

/// The inputs that go by one tuple of keys, row by row: how many there were, and since when.
class SessionHistory {
 public:
  explicit SessionHistory(std::vector<std::size_t> keys) : keys_(std::move(keys)) {}

  [[nodiscard]] const std::vector<std::size_t>& keys() const { return keys_; }
  /// Of each key the number of rows, then the times of the last ones, the latest first; NaN where there was none.
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
  [[nodiscard]] bool same_inputs(const SessionHistory& other) const { return keys_ == other.keys_ && inputs_ == other.inputs_; }

 private:
  struct Input {
    std::size_t place;
    std::size_t back;  ///< 0: how many rows
    bool operator==(const Input&) const = default;
  };

  std::vector<std::size_t> keys_;
  std::vector<Input> inputs_;
  KeyTotals rows_{1};
};

/// What is known of the rows before, as a model's inputs MeanOf, CountOf, EarlierRows and SincePrevious ask for it. Keys are kept
/// as hashes of 64 bits: among a million keys two are one with a probability of 3e-8.
///
/// Rows come in the order of time, those of one time as they stand in their file; without a column of times in that of days.
class RowHistory {
 public:
  RowHistory() = default;
  /// `fields` of a schema. What they view must outlive it.
  explicit RowHistory(std::span<const FieldInfo> fields);

  [[nodiscard]] bool empty() const { return names_.empty(); }
  /// The inputs, columns of a table. Several fields may read one.
  [[nodiscard]] const std::vector<std::string>& names() const& { return names_; }
  [[nodiscard]] std::vector<std::string> names() && { return std::move(names_); }
  [[nodiscard]] const HistoryColumns& columns() const& { return columns_; }
  [[nodiscard]] HistoryColumns columns() && { return std::move(columns_); }
  /// The place of an input among names(); their number where it is none of them.
  [[nodiscard]] std::size_t place(std::string_view name) const;

  /// The inputs of a row, by their places; NaN where missing. Any number of threads may read at once.
  void read(const RowKeys& row, double* out) const;
  /// Those after it know of the row, and those of later days of its labels: by the places of columns().labels, NaN where
  /// missing; null where they are not known yet.
  void add(const RowKeys& row, const double* labels);
  /// The labels of a row that was there before.
  void add_labels(const RowKeys& row, const double* labels);

  /// Whether the same inputs are made of the same columns, whatever is known: then a row's keys are the same to both.
  [[nodiscard]] bool same_inputs(const RowHistory& other) const;

  /// Adds the columns names() to a table, whose rows each know of those before; from then on they are known. Where rows were known
  /// already, labels that the table has no column for are not known yet. Throws DataError where a day or a time is missing.
  void add_to(Table& table);
  /// These rows of a table are known from then on; one that is named twice counts once. Throws DataError.
  void add_rows(const Table& table, std::vector<std::int32_t> rows);

  /// Day or time of the latest row; −∞ where there was none.
  [[nodiscard]] double last() const { return last_; }

  [[nodiscard]] const std::vector<DailyHistory>& daily() const { return daily_; }
  [[nodiscard]] const std::vector<SessionHistory>& sessions() const { return sessions_; }
  [[nodiscard]] std::vector<DailyHistory>& daily() { return daily_; }
  [[nodiscard]] std::vector<SessionHistory>& sessions() { return sessions_; }
  void set_last(double last) { last_ = last; }

 private:
  struct Rows;

  void run(const Rows& rows, std::vector<std::vector<double>>* out);

  std::vector<std::string> names_;
  HistoryColumns columns_;
  std::vector<DailyHistory> daily_;
  std::vector<SessionHistory> sessions_;
  double last_ = -std::numeric_limits<double>::infinity();
};

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/data/row_history_definitions.hpp"
#endif
