// SPDX-License-Identifier: Apache-2.0
// Definitions of daily_totals.hpp.
#pragma once

#include "espalier/data/daily_totals.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"

namespace espalier {

ESPALIER_INLINE void DailyTotals::restore(KeyTotals totals, double last_closed,
                                          std::vector<Day> open) {
  totals_ = std::move(totals);
  last_closed_ = last_closed;
  open_ = std::move(open);
  for (Day& day : open_) {
    day.touched.resize(totals_.index.size());
    std::iota(day.touched.begin(), day.touched.end(), 0);
  }
}

ESPALIER_INLINE DailyTotals::Day* DailyTotals::open_day(double day) {
  if (!knows(day)) return nullptr;
  const auto after =
      std::find_if(open_.begin(), open_.end(), [&](const Day& open) { return open.day >= day; });
  auto place = after - open_.begin();
  if (after != open_.end() && after->day == day) return &*after;
  if (open_.size() == open_days) {
    if (place == 0) {
      last_closed_ = day;
      return nullptr;
    }
    close_first();
    --place;
  }
  std::size_t part = 1;
  while (
      std::any_of(open_.begin(), open_.end(), [&](const Day& open) { return open.part == part; }))
    ++part;
  return &*open_.insert(open_.begin() + place, {day, part});
}

ESPALIER_INLINE void DailyTotals::close_first() {
  const Day& first = open_.front();
  for (const std::int32_t number : first.touched) {
    double* const closed = totals_.values.data() + static_cast<std::size_t>(number) * totals_.width;
    double* const open = closed + first.part * sums_;
    add_to(closed, open);
    std::fill_n(open, sums_, 0.0);
  }
  last_closed_ = first.day;
  open_.erase(open_.begin());
}

}  // namespace espalier
