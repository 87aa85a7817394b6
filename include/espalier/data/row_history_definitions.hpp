// SPDX-License-Identifier: Apache-2.0
// Definitions of `RowHistory`.
#pragma once

#include "espalier/data/row_history.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/place_in.hpp"
#include "espalier/data/history_rows.hpp"
#include "espalier/data/key_groups.hpp"

namespace espalier {

ESPALIER_COLD ESPALIER_INLINE void DailyHistory::add_input(const FieldInfo& field,
                                                           std::size_t place, std::size_t label) {
  if (field.history.kind == HistoryKind::count) {
    inputs_.push_back({place, 0, 0});
    return;
  }
  const std::size_t at = place_in(labels_, label);
  if (labels_.size() > max_labels) {
    throw_error<ConfigError>({"input '", field.name,
                              "': the mean of one more label by these keys, expected at most ",
                              max_labels});
  }
  inputs_.push_back({place, 1 + 2 * at, field.history.smoothing});
  totals_ = DailyTotals(1 + 2 * labels_.size());
}

ESPALIER_INLINE void DailyHistory::read(std::uint64_t key, double day, double* out) const {
  if (!totals_.knows(day)) {
    for (const Input& input : inputs_) out[input.place] = std::numeric_limits<double>::quiet_NaN();
    return;
  }
  std::array<double, 1 + 2 * max_labels> of_key, of_all;
  totals_.read(key, day, of_key.data());
  totals_.read(history_detail::all_keys, day, of_all.data());
  for (const Input& input : inputs_) {
    out[input.place] =
        input.sum == 0 ? of_key[0]
                       : history_detail::smoothed_mean(of_key.data() + input.sum,
                                                       of_all.data() + input.sum, input.smoothing);
  }
}

ESPALIER_INLINE void DailyHistory::add(std::uint64_t key, double day, double rows,
                                       const double* labels) {
  std::array<double, 1 + 2 * max_labels> values;
  const auto label_of = [&](std::size_t i) {
    return labels == nullptr ? std::numeric_limits<double>::quiet_NaN() : labels[labels_[i]];
  };
  history_detail::row_sums(labels_.size(), rows, label_of, values.data());
  totals_.add(key, day, values.data());
  totals_.add(history_detail::all_keys, day, values.data());
}

ESPALIER_COLD ESPALIER_INLINE void SessionHistory::add_input(const FieldInfo& field,
                                                             std::size_t place) {
  const bool counts = field.history.kind == HistoryKind::earlier_rows;
  const auto back = static_cast<std::size_t>(counts ? 0 : field.history.back);
  inputs_.push_back({place, back});
  rows_.width = (std::max)(rows_.width, 1 + back);
}

ESPALIER_INLINE void SessionHistory::read(std::uint64_t key, double time, double* out) const {
  const double* const known = rows_.find(key);
  for (const Input& input : inputs_) {
    const double none = input.back == 0 ? 0 : std::numeric_limits<double>::quiet_NaN();
    out[input.place] = known == nullptr  ? none
                       : input.back == 0 ? known[0]
                                         : time - known[input.back];
  }
}

ESPALIER_INLINE void SessionHistory::add(std::uint64_t key, double time) {
  double* const known = rows_.add(key, std::numeric_limits<double>::quiet_NaN());
  known[0] = std::isnan(known[0]) ? 1 : known[0] + 1;
  for (std::size_t i = rows_.width - 1; i > 1; --i) known[i] = known[i - 1];
  if (rows_.width > 1) known[1] = time;
}

ESPALIER_COLD ESPALIER_INLINE RowHistory::RowHistory(std::span<const FieldInfo> fields) {
  for (const FieldInfo& field : fields) {
    const HistoryInfo& h = field.history;
    if (!h.exists() || h.folded() || place(field.column) < names_.size()) continue;
    std::vector<std::size_t> keys;
    for (const std::string_view key : h.keys) keys.push_back(place_in(columns_.keys, key));
    if (h.kind == HistoryKind::past_items) {
      if (place_in(cell_names_, field.column) < items_.size()) continue;
      columns_.time = h.time;
      ItemHistory::Place at{std::move(keys), place_in(columns_.items, h.item)};
      if (!h.where.empty()) at.condition = place_in(columns_.labels, h.where);
      items_.emplace_back(field, std::move(at));
      continue;
    }
    const std::size_t at = place_in(names_, field.column);
    if (h.daily()) {
      const std::size_t day = place_in(columns_.days, h.day);
      const std::size_t label = h.label.empty() ? 0 : place_in(columns_.labels, h.label);
      const auto same = [&](const DailyHistory& d) { return d.keys() == keys && d.day() == day; };
      auto group = std::find_if(daily_.begin(), daily_.end(), same);
      if (group == daily_.end()) group = daily_.insert(group, DailyHistory(keys, day));
      group->add_input(field, at, label);
    } else {
      columns_.time = h.time;
      const auto same = [&](const SessionHistory& s) { return s.keys() == keys; };
      auto group = std::find_if(sessions_.begin(), sessions_.end(), same);
      if (group == sessions_.end()) group = sessions_.insert(group, SessionHistory(keys));
      group->add_input(field, at);
    }
  }
}

ESPALIER_INLINE std::size_t RowHistory::place(std::string_view name) const {
  return static_cast<std::size_t>(std::find(names_.begin(), names_.end(), name) - names_.begin());
}

ESPALIER_INLINE void RowHistory::read(const RowKeys& row, double* out) const {
  for (const DailyHistory& d : daily_)
    d.index().prefetch(history_detail::key_of(d.keys(), row.keys));
  for (const SessionHistory& s : sessions_)
    s.index().prefetch(history_detail::key_of(s.keys(), row.keys));
  for (const DailyHistory& d : daily_)
    d.read(history_detail::key_of(d.keys(), row.keys), row.days[d.day()], out);
  for (const SessionHistory& s : sessions_)
    s.read(history_detail::key_of(s.keys(), row.keys), row.time, out);
}

ESPALIER_COLD ESPALIER_INLINE std::vector<std::string> RowHistory::read_cells(
    const RowKeys& row) const {
  std::vector<std::string> cells(items_.size());
  for (std::size_t k = 0; k < cells.size(); ++k)
    items_[k].read(history_detail::key_of(items_[k].keys(), row.keys), row.time, cells[k]);
  return cells;
}

ESPALIER_COLD ESPALIER_INLINE void RowHistory::require_items(const RowKeys& row) const {
  for (const ItemHistory& group : items_) {
    const std::string& item = row.items[group.item()];
    if (item.find(group.separator()) == std::string::npos) continue;
    throw_error<ConfigError>(
        {"row: '", columns_.items[group.item()], "' is ", group.separator_in(item)});
  }
}

ESPALIER_INLINE void RowHistory::add(const RowKeys& row, const double* labels) {
  require_items(row);
  for (ItemHistory& h : items_) {
    h.add(history_detail::key_of(h.keys(), row.keys), row.time, row.items[h.item()],
          h.condition_of(labels));
  }
  for (DailyHistory& d : daily_)
    d.add(history_detail::key_of(d.keys(), row.keys), row.days[d.day()], 1, labels);
  for (SessionHistory& s : sessions_) s.add(history_detail::key_of(s.keys(), row.keys), row.time);
  last_ = (std::max)(last_, columns_.time.empty() ? row.days[0] : row.time);
}

ESPALIER_INLINE void RowHistory::add_labels(const RowKeys& row, const double* labels) {
  require_items(row);
  for (ItemHistory& h : items_) {
    h.add_condition(history_detail::key_of(h.keys(), row.keys), row.time, row.items[h.item()],
                    h.condition_of(labels));
  }
  for (DailyHistory& d : daily_)
    d.add(history_detail::key_of(d.keys(), row.keys), row.days[d.day()], 0, labels);
}

/// Processes one group after the other, because groups are independent. `out`: the values of each
/// input, in the order of `rows`; may be null.
ESPALIER_COLD ESPALIER_INLINE void RowHistory::run(const HistoryRows& rows,
                                                   std::vector<std::vector<double>>* out) {
  constexpr std::size_t ahead = 8;
  std::vector<double> inputs(names_.size()), labels(rows.labels.size());
  const auto tell = [&](const auto& group, const std::vector<double>& when, const auto& add) {
    const std::vector<std::uint64_t> keys =
        history_detail::keys_of(group.keys(), rows.keys, rows.order.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (i + ahead < keys.size()) group.index().prefetch(keys[i + ahead]);
      if (out != nullptr) {
        group.read(keys[i], when[i], inputs.data());
        group.for_each_place([&](std::size_t p) { (*out)[p][i] = inputs[p]; });
      }
      add(keys[i], i);
    }
  };
  for (DailyHistory& group : daily_) {
    const std::vector<double>& days = rows.days[group.day()];
    tell(group, days, [&](std::uint64_t key, std::size_t i) {
      for (const std::size_t k : group.labels()) labels[k] = rows.labels[k][i];
      group.add(key, days[i], 1, labels.data());
    });
  }
  for (SessionHistory& group : sessions_) {
    tell(group, rows.time, [&](std::uint64_t key, std::size_t i) { group.add(key, rows.time[i]); });
  }
  if (!rows.order.empty()) last_ = (std::max)(last_, rows.moments().back());
}

ESPALIER_COLD ESPALIER_INLINE void RowHistory::run_items(
    const HistoryRows& rows, std::vector<std::vector<std::string>>* cells) {
  for (const ItemHistory& group : items_) {
    const Column& column = *rows.items[group.item()];
    for (const std::int32_t row : rows.order) {
      if (column.at(row).find(group.separator()) == std::string_view::npos) continue;
      throw_error<DataError>({rows.table.where(row), ": column '", columns_.items[group.item()],
                              "' is ", group.separator_in(column.at(row))});
    }
  }
  std::vector<double> labels(rows.labels.size());
  for (std::size_t k = 0; k < items_.size(); ++k) {
    ItemHistory& group = items_[k];
    const Column& column = *rows.items[group.item()];
    const std::vector<std::uint64_t> keys =
        history_detail::keys_of(group.keys(), rows.keys, rows.order.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const std::int32_t row = rows.order[i];
      if (cells != nullptr)
        group.read(keys[i], rows.time[i], (*cells)[k][static_cast<std::size_t>(row)]);
      if (group.has_condition()) labels[group.condition()] = rows.labels[group.condition()][i];
      group.add(keys[i], rows.time[i], column.at(row), group.condition_of(labels.data()));
    }
  }
}

ESPALIER_INLINE bool RowHistory::same_inputs(const RowHistory& other) const {
  const auto same = [](const auto& a, const auto& b) { return a.same_inputs(b); };
  return names_ == other.names_ && cell_names_ == other.cell_names_ && columns_ == other.columns_ &&
         std::equal(items_.begin(), items_.end(), other.items_.begin(), other.items_.end(), same) &&
         std::equal(daily_.begin(), daily_.end(), other.daily_.begin(), other.daily_.end(), same) &&
         std::equal(sessions_.begin(), sessions_.end(), other.sessions_.begin(),
                    other.sessions_.end(), same);
}

ESPALIER_COLD ESPALIER_INLINE void RowHistory::add_to(Table& table) {
  if (empty()) return;
  for (const auto* names : {&names_, &cell_names_}) {
    for (const std::string& name : *names) {
      if (table.has(name))
        throw_error<DataError>({table.source, ": there already is a column '", name,
                                "', which knows of the rows before"});
    }
  }
  const HistoryRows rows(columns_, table, table.row_numbers(), std::isinf(last_));
  std::vector<std::vector<double>> out(names_.size(), std::vector<double>(rows.order.size()));
  std::vector<std::vector<std::string>> cells(cell_names_.size(),
                                              std::vector<std::string>(rows.order.size()));
  const HistorySpan span{std::isinf(last_), rows.order.empty() ? 0 : rows.moments()[0]};
  run_items(rows, &cells);
  run(rows, &out);
  table.history = span;
  for (std::size_t k = 0; k < names_.size(); ++k) {
    std::vector<double> values(rows.order.size());
    for (std::size_t i = 0; i < values.size(); ++i)
      values[static_cast<std::size_t>(rows.order[i])] = out[k][i];
    table.add(Column::number(names_[k], std::move(values)));
  }
  for (std::size_t k = 0; k < cells.size(); ++k) table.add(Column::text(cell_names_[k], cells[k]));
}

ESPALIER_COLD ESPALIER_INLINE void RowHistory::add_rows(const Table& table,
                                                        std::vector<std::int32_t> chosen) {
  if (empty() || chosen.empty()) return;
  const HistoryRows rows(columns_, table, std::move(chosen), true);
  run_items(rows, nullptr);
  run(rows, nullptr);
}

}  // namespace espalier
