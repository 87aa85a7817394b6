// SPDX-License-Identifier: Apache-2.0
// `DailyTotals`: sums by key over the days before a day.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "espalier/data/key_index.hpp"

namespace espalier {

/// Several sums for each key.
struct KeyTotals {
  std::size_t width = 0;  ///< sums a key
  KeyIndex index{};
  std::vector<double> sums{};  ///< width × keys

  void add(std::uint64_t key, const double* values) {
    const auto at = static_cast<std::size_t>(index.add(key)) * width;
    if (at == sums.size()) sums.resize(at + width, 0.0);
    for (std::size_t i = 0; i < width; ++i) sums[at + i] += values[i];
  }
  /// Adds a key's sums to `out`.
  void read(std::uint64_t key, double* out) const {
    const std::int32_t number = index.find(key);
    if (number == KeyIndex::none) return;
    const double* const from = sums.data() + static_cast<std::size_t>(number) * width;
    for (std::size_t i = 0; i < width; ++i) out[i] += from[i];
  }
};

/// Days that may still grow are kept apart from the rest: a row of a day reads the sums of the days before it, whatever has come
/// of its own day and of later ones. Rows may come a little out of order (the last of a day after the first of the next): as long
/// as no more than `open_days` days are in the making, all is told apart.
class DailyTotals {
 public:
  static constexpr std::size_t open_days = 2;

  struct Day {
    double day = 0;
    KeyTotals totals{};
  };

  explicit DailyTotals(std::size_t width) : closed_{width} {}

  /// Whether all that is known of the days before `day` can be told from the rest. A row that comes so late reads nothing.
  [[nodiscard]] bool knows(double day) const { return day > last_closed_; }

  /// The sums of the days before `day` into `out`, of `width` values.
  void read(std::uint64_t key, double day, double* out) const {
    std::fill_n(out, closed_.width, 0.0);
    if (!knows(day)) return;
    closed_.read(key, out);
    for (const Day& open : open_) {
      if (open.day < day) open.totals.read(key, out);
    }
  }

  void add(std::uint64_t key, double day, const double* values) { totals_of(day).add(key, values); }

  [[nodiscard]] const KeyTotals& closed() const { return closed_; }
  [[nodiscard]] double last_closed() const { return last_closed_; }  ///< −∞ when none is
  [[nodiscard]] const std::vector<Day>& open() const { return open_; }

  /// Takes over what was saved.
  void restore(KeyTotals closed, double last_closed, std::vector<Day> open) {
    closed_ = std::move(closed);
    last_closed_ = last_closed;
    open_ = std::move(open);
  }

 private:
  [[nodiscard]] KeyTotals& totals_of(double day) {
    if (!knows(day)) return closed_;
    const auto at = std::find_if(open_.begin(), open_.end(), [&](const Day& open) { return open.day >= day; });
    if (at != open_.end() && at->day == day) return at->totals;
    open_.insert(at, {day, {closed_.width}});
    if (open_.size() > open_days) close_first();
    return knows(day) ? totals_of(day) : closed_;
  }

  void close_first() {
    const KeyTotals& first = open_.front().totals;
    for (std::size_t i = 0; i < first.index.size(); ++i) {
      closed_.add(first.index.keys()[i], first.sums.data() + i * first.width);
    }
    last_closed_ = open_.front().day;
    open_.erase(open_.begin());
  }

  KeyTotals closed_;
  double last_closed_ = -std::numeric_limits<double>::infinity();
  std::vector<Day> open_;  ///< ascending
};

}  // namespace espalier
