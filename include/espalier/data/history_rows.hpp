// SPDX-License-Identifier: Apache-2.0
// `HistoryRows`: rows of a table as histories read them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/column.hpp"
#include "espalier/data/day.hpp"
#include "espalier/data/history_columns.hpp"
#include "espalier/data/key_groups.hpp"
#include "espalier/data/table.hpp"

namespace espalier {

/// Rows of a table as histories read them, in the order in which they are added. Stored by column,
/// because a table is read column by column.
struct HistoryRows {
  std::vector<std::int32_t> order;  ///< row numbers in the table
  std::vector<std::vector<std::uint64_t>> keys;
  std::vector<std::vector<double>> days;
  std::vector<double> time;
  std::vector<std::vector<double>> labels;
  std::vector<const Column*> items;  ///< by table row
  const Table& table;
  bool by_time;

  /// `all_labels`: throws DataError if a label column does not exist; if false, that label is NaN
  /// (not known) in all rows.
  ESPALIER_COLD HistoryRows(const HistoryColumns& columns, const Table& from,
                            std::vector<std::int32_t> chosen, bool all_labels)
      : order(std::move(chosen)),
        table(from),
        by_time(!columns.time.empty()),
        made_items_(columns.items.size()) {
    for (std::size_t k = 0; k < columns.items.size(); ++k)
      items.push_back(&table.as_keys(columns.items[k], made_items_[k]));
    for (const std::string& name : columns.days)
      days.push_back(history_detail::moments_of(table, name, true));
    if (by_time) time = history_detail::moments_of(table, columns.time, false);
    sort();
    for (std::vector<double>& column : days) column = in_order(column);
    time = by_time ? in_order(time) : time;
    for (const std::string& name : columns.keys)
      keys.push_back(history_detail::hashes_of(table, name, order));
    for (const std::string& name : columns.labels) {
      if (!all_labels && !table.has(name)) {
        labels.emplace_back(order.size(), std::numeric_limits<double>::quiet_NaN());
        continue;
      }
      labels.push_back(in_order(history_detail::labels_of(table, name, order)));
    }
  }

  [[nodiscard]] const std::vector<double>& moments() const { return by_time ? time : days[0]; }

 private:
  void sort() {
    const std::vector<double>& when = moments();
    std::sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
      const double x = when[static_cast<std::size_t>(a)], y = when[static_cast<std::size_t>(b)];
      return x != y ? x < y : a < b;
    });
    order.erase(std::unique(order.begin(), order.end()), order.end());
  }

  [[nodiscard]] std::vector<double> in_order(const std::vector<double>& column) const {
    std::vector<double> made;
    made.reserve(order.size());
    for (const std::int32_t row : order) made.push_back(column[static_cast<std::size_t>(row)]);
    return made;
  }

  std::vector<Column> made_items_;
};

}  // namespace espalier
