// SPDX-License-Identifier: Apache-2.0
// `DailyTotals`: sums by key over all days before a given day.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "espalier/data/key_index.hpp"

namespace espalier {

/// A fixed number of values per key.
struct KeyTotals {
  std::size_t width = 0;  ///< values per key
  KeyIndex index{};
  std::vector<double> values{};  ///< width × keys, contiguous per key

  /// The values of a key; null if the key is unknown.
  [[nodiscard]] const double* find(std::uint64_t key) const {
    const std::int32_t number = index.find(key);
    return number == KeyIndex::none ? nullptr
                                    : values.data() + static_cast<std::size_t>(number) * width;
  }
  /// The same; a new key gets `fresh` for all values. Valid until the next new key.
  [[nodiscard]] double* add(std::uint64_t key, double fresh) {
    const auto at = static_cast<std::size_t>(index.add(key)) * width;
    if (at == values.size()) values.resize(at + width, fresh);
    return values.data() + at;
  }
};

/// Sums of open days, which may still grow, are stored separately from the sums of closed days. A
/// row reads the sums of the days before its own, whatever was added for its own day and later
/// days. Rows may be slightly out of order (the last rows of a day after the first rows of the
/// next): the sums are exact as long as at most `open_days` days are incomplete.
class DailyTotals {
 public:
  static constexpr std::size_t open_days = 2, parts = 1 + open_days;

  struct Day {
    double day = 0;
    std::size_t part = 0;  ///< index of the day's sums within a key's values, from 1
    /// Numbers of the keys with rows on this day, with repetitions.
    std::vector<std::int32_t> touched{};
  };

  /// `sums`: values per key.
  explicit DailyTotals(std::size_t sums) : sums_(sums), totals_{parts * sums} {}

  /// Whether the sums of the days before `day` are known separately. A row of a closed day reads
  /// nothing.
  [[nodiscard]] bool knows(double day) const { return day > last_closed_; }

  /// Writes the sums of the days before `day` to `out`.
  void read(std::uint64_t key, double day, double* out) const {
    std::fill_n(out, sums_, 0.0);
    const double* const known = knows(day) ? totals_.find(key) : nullptr;
    if (known == nullptr) return;
    std::copy_n(known, sums_, out);
    for (const Day& open : open_) {
      if (open.day < day) add_to(out, known + open.part * sums_);
    }
  }

  void add(std::uint64_t key, double day, const double* values) {
    Day* const open = open_day(day);
    double* const known = totals_.add(key, 0);
    add_to(known + (open == nullptr ? 0 : open->part) * sums_, values);
    if (open == nullptr) return;
    open->touched.push_back(static_cast<std::int32_t>((known - totals_.values.data()) /
                                                      static_cast<std::ptrdiff_t>(totals_.width)));
  }

  /// Per key: the sums of all closed days, then those of each open day.
  [[nodiscard]] const KeyTotals& totals() const { return totals_; }
  [[nodiscard]] double last_closed() const { return last_closed_; }     ///< −∞ if there is none
  [[nodiscard]] const std::vector<Day>& open() const { return open_; }  ///< ascending

  /// Restores saved state.
  void restore(KeyTotals totals, double last_closed, std::vector<Day> open);

 private:
  void add_to(double* out, const double* values) const {
    for (std::size_t i = 0; i < sums_; ++i) out[i] += values[i];
  }

  /// The open day of a row; null if the day is closed. If there are too many open days, closes the
  /// first.
  [[nodiscard]] Day* open_day(double day);

  /// O(rows of the day), or O(keys) after restore().
  void close_first();

  std::size_t sums_;
  KeyTotals totals_;  ///< parts × sums values per key
  double last_closed_ = -std::numeric_limits<double>::infinity();
  std::vector<Day> open_;
};

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/data/daily_totals_definitions.hpp"
#endif
