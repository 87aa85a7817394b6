// SPDX-License-Identifier: Apache-2.0
// Definitions of `ItemHistory`.
#pragma once

#include "espalier/data/item_history.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/data/key_groups.hpp"

namespace espalier {

ESPALIER_COLD ESPALIER_INLINE ItemHistory::ItemHistory(const FieldInfo& field, Place place)
    : place_(std::move(place)),
      most_(static_cast<std::size_t>(field.most_values)),
      delay_(field.history.delay),
      separator_(field.separator) {}

ESPALIER_INLINE void ItemHistory::read(std::uint64_t key, double now, std::string& cell) const {
  const std::int32_t number = index_.find(key);
  if (number == KeyIndex::none) return;
  const std::vector<Row>& rows = rows_[static_cast<std::size_t>(number)];
  const std::size_t end = visible_rows(rows, now);
  std::size_t begin = end;
  for (std::size_t read = 0; begin > 0 && read < most_; --begin)
    read += rows[begin - 1].counts != 0 ? 1U : 0U;
  bool first = true;
  for (std::size_t i = begin; i < end; ++i) {
    if (rows[i].counts == 0) continue;
    if (!first) cell += separator_;
    cell += texts()[static_cast<std::size_t>(rows[i].item)];
    first = false;
  }
}

ESPALIER_INLINE void ItemHistory::add(std::uint64_t key, double time, std::string_view item,
                                      double condition) {
  const bool known = !has_condition() || !std::isnan(condition);
  if (is_missing(key) || item.empty() || (has_condition() && known && !(condition > 0))) return;
  std::vector<Row>& rows = rows_of(key);
  insert(rows, {time, texts_.code(item), known ? 1 : 0});
  prune(rows);
}

ESPALIER_INLINE void ItemHistory::add_condition(std::uint64_t key, double time,
                                                std::string_view item, double condition) {
  if (!has_condition() || std::isnan(condition) || is_missing(key) || item.empty()) return;
  std::vector<Row>& rows = rows_of(key);
  const std::int32_t code = texts_.code(item);
  const auto waits = std::find_if(rows.begin(), rows.end(), [&](const Row& row) {
    return row.time == time && row.item == code && row.counts == 0;
  });
  if (waits == rows.end()) {  // the delay is over, or the row was never added
    if (condition > 0) insert(rows, {time, code, 1});
  } else if (condition > 0) {
    waits->counts = 1;
  } else {
    rows.erase(waits);
  }
  prune(rows);
}

ESPALIER_COLD ESPALIER_INLINE std::string ItemHistory::separator_in(std::string_view item) const {
  return message({"'", item, "', which contains the separator '", std::string(1, separator_),
                  "' of histories, expected another separator"});
}

ESPALIER_COLD ESPALIER_INLINE bool ItemHistory::restore(std::uint64_t key, std::vector<Row> rows) {
  if (index_.find(key) != KeyIndex::none) return false;
  std::vector<Row>& kept = rows_of(key);
  kept = std::move(rows);
  const std::size_t given = kept.size();
  prune(kept);
  return kept.size() == given;
}

ESPALIER_COLD ESPALIER_INLINE bool ItemHistory::restore_text(std::string_view item) {
  const std::size_t before = texts_.size();
  return static_cast<std::size_t>(texts_.code(item)) == before;
}

ESPALIER_INLINE std::size_t ItemHistory::visible_rows(const std::vector<Row>& rows,
                                                      double now) const {
  std::size_t end = rows.size(), begin = 0;
  while (begin < end) {
    const std::size_t middle = begin + (end - begin) / 2;
    if (visible(rows[middle].time, now)) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return end;
}

ESPALIER_INLINE bool ItemHistory::is_missing(std::uint64_t key) {
  return key == history_detail::next_key(history_detail::start_key(), hash_text({}));
}

ESPALIER_INLINE std::vector<ItemHistory::Row>& ItemHistory::rows_of(std::uint64_t key) {
  const auto number = static_cast<std::size_t>(index_.add(key));
  if (number == rows_.size()) rows_.emplace_back();
  return rows_[number];
}

ESPALIER_INLINE void ItemHistory::insert(std::vector<Row>& rows, const Row& row) {
  auto at = rows.end();
  while (at != rows.begin() && (at - 1)->time > row.time) --at;
  rows.insert(at, row);
}

ESPALIER_INLINE void ItemHistory::prune(std::vector<Row>& rows) const {
  if (rows.empty()) return;
  const std::size_t end = visible_rows(rows, rows.back().time);
  std::size_t kept = 0, first = end;  // rows first … end − 1 are kept
  for (std::size_t i = end; i-- > 0;) {
    if (rows[i].counts == 0 || kept == most_) continue;
    ++kept;
    rows[--first] = rows[i];
  }
  rows.erase(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(first));
}

}  // namespace espalier
