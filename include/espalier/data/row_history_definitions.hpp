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
#include "espalier/core/place_in.hpp"
#include "espalier/data/day.hpp"
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
    const std::size_t at = place_in(names_, field.column);
    std::vector<std::size_t> keys;
    for (const std::string_view key : h.keys) keys.push_back(place_in(columns_.keys, key));
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

ESPALIER_INLINE void RowHistory::add(const RowKeys& row, const double* labels) {
  for (DailyHistory& d : daily_)
    d.add(history_detail::key_of(d.keys(), row.keys), row.days[d.day()], 1, labels);
  for (SessionHistory& s : sessions_) s.add(history_detail::key_of(s.keys(), row.keys), row.time);
  last_ = (std::max)(last_, columns_.time.empty() ? row.days[0] : row.time);
}

ESPALIER_INLINE void RowHistory::add_labels(const RowKeys& row, const double* labels) {
  for (DailyHistory& d : daily_)
    d.add(history_detail::key_of(d.keys(), row.keys), row.days[d.day()], 0, labels);
}

/// Rows of a table as histories read them, in the order in which they are added. Stored by column,
/// because a table is read column by column.
struct RowHistory::Rows {
  std::vector<std::int32_t> order;  ///< row numbers in the table
  std::vector<std::vector<std::uint64_t>> keys;
  std::vector<std::vector<double>> days;
  std::vector<double> time;
  std::vector<std::vector<double>> labels;
  bool by_time;

  /// `all_labels`: throws DataError if a label column does not exist; if false, that label is NaN
  /// (not known) in all rows.
  ESPALIER_COLD Rows(const HistoryColumns& columns, const Table& table,
                     std::vector<std::int32_t> chosen, bool all_labels)
      : order(std::move(chosen)), by_time(!columns.time.empty()) {
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
};

/// Processes one group after the other, because groups are independent. `out`: the values of each
/// input, in the order of `rows`; may be null.
ESPALIER_COLD ESPALIER_INLINE void RowHistory::run(const Rows& rows,
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

ESPALIER_INLINE bool RowHistory::same_inputs(const RowHistory& other) const {
  const auto same = [](const auto& a, const auto& b) { return a.same_inputs(b); };
  return names_ == other.names_ && columns_ == other.columns_ &&
         std::equal(daily_.begin(), daily_.end(), other.daily_.begin(), other.daily_.end(), same) &&
         std::equal(sessions_.begin(), sessions_.end(), other.sessions_.begin(),
                    other.sessions_.end(), same);
}

ESPALIER_COLD ESPALIER_INLINE void RowHistory::add_to(Table& table) {
  if (empty()) return;
  for (const std::string& name : names_) {
    if (table.has(name))
      throw_error<DataError>({table.source, ": there already is a column '", name,
                              "', which knows of the rows before"});
  }
  const Rows rows(columns_, table, table.row_numbers(), std::isinf(last_));
  std::vector<std::vector<double>> out(names_.size(), std::vector<double>(rows.order.size()));
  table.history = HistorySpan{std::isinf(last_), rows.order.empty() ? 0 : rows.moments()[0]};
  run(rows, &out);
  for (std::size_t k = 0; k < names_.size(); ++k) {
    std::vector<double> values(rows.order.size());
    for (std::size_t i = 0; i < values.size(); ++i)
      values[static_cast<std::size_t>(rows.order[i])] = out[k][i];
    table.add(Column::number(names_[k], std::move(values)));
  }
}

ESPALIER_COLD ESPALIER_INLINE void RowHistory::add_rows(const Table& table,
                                                        std::vector<std::int32_t> chosen) {
  if (empty() || chosen.empty()) return;
  run(Rows(columns_, table, std::move(chosen), true), nullptr);
}

}  // namespace espalier
