// SPDX-License-Identifier: Apache-2.0
// `ItemHistory`: the items of earlier rows by key, for one input of PastItems.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/dictionary.hpp"
#include "espalier/data/key_index.hpp"
#include "espalier/plan/schema.hpp"

namespace espalier {

/// Per key, its rows in time order, those of the same time in the order in which they were added.
/// Of the rows that every row from the latest time on can read, the last `most` are kept; of those
/// within the delay, all. So a row that is not earlier than any row of its key reads the same as if
/// all were kept, in whatever order they were added. An earlier one reads those that are left.
///
/// With a condition, a row whose condition is not known yet keeps its place, but is not read, until
/// the delay is over.
class ItemHistory {
 public:
  static constexpr std::size_t no_condition = static_cast<std::size_t>(-1);

  struct Row {
    double time = 0;
    std::int32_t item = 0;    ///< code in texts()
    std::int32_t counts = 1;  ///< 0: not known yet
  };

  /// Indices in HistoryColumns: of the keys, the items and, as a label, the condition.
  struct Place {
    std::vector<std::size_t> keys;
    std::size_t item = 0, condition = no_condition;
    bool operator==(const Place&) const = default;
  };

  /// `field`: an input of PastItems.
  ItemHistory(const FieldInfo& field, Place place);

  [[nodiscard]] const std::vector<std::size_t>& keys() const { return place_.keys; }
  [[nodiscard]] std::size_t item() const { return place_.item; }
  [[nodiscard]] std::size_t condition() const { return place_.condition; }
  [[nodiscard]] bool has_condition() const { return place_.condition != no_condition; }
  /// Of labels indexed as HistoryColumns::labels; NaN if they are not known yet.
  [[nodiscard]] double condition_of(const double* labels) const {
    return has_condition() && labels != nullptr ? labels[place_.condition]
                                                : std::numeric_limits<double>::quiet_NaN();
  }
  [[nodiscard]] std::size_t most() const { return most_; }
  [[nodiscard]] double delay() const { return delay_; }
  [[nodiscard]] char separator() const { return separator_; }

  /// Appends the cell of a row: its past items, the latest last.
  void read(std::uint64_t key, double now, std::string& cell) const;

  /// Adds a row. `condition`: NaN if not known yet. Without an item, or if it does not count, does
  /// nothing.
  void add(std::uint64_t key, double time, std::string_view item, double condition);

  /// Adds the condition of a row that was added before. Nothing for NaN.
  void add_condition(std::uint64_t key, double time, std::string_view item, double condition);

  /// Error text after "column 'video_id' is ": an item that contains the separator.
  [[nodiscard]] std::string separator_in(std::string_view item) const;

  /// Whether both have the same input, whatever rows they know.
  [[nodiscard]] bool same_inputs(const ItemHistory& other) const {
    return place_ == other.place_ && most_ == other.most_ && delay_ == other.delay_ &&
           separator_ == other.separator_;
  }

  [[nodiscard]] const KeyIndex& index() const { return index_; }
  /// By number of the key in index().
  [[nodiscard]] const std::vector<std::vector<Row>>& rows() const { return rows_; }
  [[nodiscard]] const std::vector<std::string>& texts() const { return texts_.values(); }

  /// Restores saved state: the rows of a new key, in time order. Their items are codes in texts().
  /// Returns false if the key is known, or more rows are given than are kept.
  [[nodiscard]] bool restore(std::uint64_t key, std::vector<Row> rows);
  /// The same for the items: returns false if it is known.
  [[nodiscard]] bool restore_text(std::string_view item);

 private:
  /// Whether a row at `now` reads what happened at `time`. For rows in time order, true for the
  /// first ones and false for the rest.
  [[nodiscard]] bool visible(double time, double now) const {
    return time < now && now - time >= delay_;
  }
  /// The number of rows that a row at `now` can read.
  [[nodiscard]] std::size_t visible_rows(const std::vector<Row>& rows, double now) const;

  /// Rows without a key have no history.
  [[nodiscard]] static bool is_missing(std::uint64_t key);
  [[nodiscard]] std::vector<Row>& rows_of(std::uint64_t key);
  static void insert(std::vector<Row>& rows, const Row& row);
  /// Drops what no row from the latest time on reads.
  void prune(std::vector<Row>& rows) const;

  Place place_;
  std::size_t most_;
  double delay_;
  char separator_;
  KeyIndex index_;
  std::vector<std::vector<Row>> rows_;
  Dictionary texts_;  ///< all items that were added
};

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/data/item_history_definitions.hpp"
#endif
