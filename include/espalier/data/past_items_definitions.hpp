// SPDX-License-Identifier: Apache-2.0
// Definition of `add_past_items()`.
#pragma once

#include "espalier/data/past_items.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/decimal.hpp"
#include "espalier/core/error.hpp"

namespace espalier {

namespace past_items_detail {

/// Columns of a table and the order in which its rows are read.
struct Log {
  Column made_keys, made_items;
  const Column& keys;
  const Column& items;
  const std::vector<double>& times;
  std::vector<std::int32_t> order;  ///< by key, then time, then place in the table

  ESPALIER_COLD Log(const Table& table, const PastItemsOptions& o)
      : keys(table.as_keys(o.key, made_keys)),
        items(table.as_keys(o.item, made_items)),
        times(table.numbers(o.time)),
        order(table.row_numbers()) {
    for (const std::int32_t row : order) {
      if (!std::isfinite(time(row)))
        throw_error<DataError>({table.where(row), ": column '", o.time, "' is ",
                                std::isnan(time(row)) ? "missing" : "infinite",
                                ", expected a time"});
    }
    std::stable_sort(order.begin(), order.end(), [this](std::int32_t a, std::int32_t b) {
      return key(a) != key(b) ? key(a) < key(b) : time(a) < time(b);
    });
  }

  [[nodiscard]] std::int32_t key(std::int32_t row) const {
    return keys.codes[static_cast<std::size_t>(row)];
  }
  [[nodiscard]] double time(std::int32_t row) const { return times[static_cast<std::size_t>(row)]; }
  [[nodiscard]] std::int32_t item(std::int32_t row) const {
    return items.codes[static_cast<std::size_t>(row)];
  }
};

}  // namespace past_items_detail

ESPALIER_COLD ESPALIER_INLINE void add_past_items(Table& table, const PastItemsOptions& o) {
  const std::string name = o.name.empty() ? "past_" + o.item : o.name;
  if (o.most < 1)
    throw_error<ConfigError>({"past items: most is ", o.most, ", expected 1 or more"});
  if (!(o.delay >= 0))
    throw_error<ConfigError>(
        {"past items: delay is ", number_text(o.delay), ", expected 0 or more"});
  if (table.has(name))
    throw_error<DataError>({table.source, ": there already is a column '", name, "'"});
  const past_items_detail::Log log(table, o);
  const std::vector<double>* const where = o.where.empty() ? nullptr : &table.numbers(o.where);
  for (const std::int32_t row : log.order) {
    const std::int32_t item = log.item(row);
    if (item >= 0 && log.items.dictionary[static_cast<std::size_t>(item)].find(o.separator) !=
                         std::string::npos) {
      throw_error<DataError>({table.where(row), ": column '", o.item, "' is '",
                              log.items.dictionary[static_cast<std::size_t>(item)],
                              "', which contains the separator '", std::string(1, o.separator),
                              "' of histories, expected another separator"});
    }
  }
  std::vector<std::string> cells(log.order.size());
  std::vector<std::int32_t> history;  // items of the key so far, in the order of their times
  for (std::size_t begin = 0, end = 0; begin < log.order.size(); begin = end) {
    while (end < log.order.size() && log.key(log.order[end]) == log.key(log.order[begin])) ++end;
    if (log.key(log.order[begin]) < 0) continue;
    history.clear();
    std::size_t known = begin;  // the first row that is not yet in the history
    for (std::size_t i = begin; i < end; ++i) {
      const std::int32_t row = log.order[i];
      const double now = log.time(row);
      while (log.time(log.order[known]) < now && now - log.time(log.order[known]) >= o.delay) {
        const std::int32_t earlier = log.order[known++];
        const bool counts = where == nullptr || (*where)[static_cast<std::size_t>(earlier)] > 0;
        if (counts && log.item(earlier) >= 0) history.push_back(log.item(earlier));
      }
      std::string& cell = cells[static_cast<std::size_t>(row)];
      const std::size_t most = static_cast<std::size_t>(o.most);
      for (std::size_t k = history.size() - (std::min)(most, history.size()); k < history.size();
           ++k) {
        if (!cell.empty()) cell += o.separator;
        cell += log.items.dictionary[static_cast<std::size_t>(history[k])];
      }
    }
  }
  table.add(Column::text(name, cells));
}

}  // namespace espalier
