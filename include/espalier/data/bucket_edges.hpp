// SPDX-License-Identifier: Apache-2.0
// `bucket_edges`: bucket edges of a number, at quantiles of a sample.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "espalier/core/config.hpp"

namespace espalier {

/// The ascending edges of at most `most` intervals with about equally many of `values`; NaN is
/// ignored. A value that is frequent enough to fill an interval gets its own, and the other values
/// share the remaining intervals: a column that is mostly 0 is still resolved above 0. An edge is
/// halfway between two neighbouring values. O(n log n).
[[nodiscard]] ESPALIER_COLD inline std::vector<double> bucket_edges(std::vector<double> values,
                                                                    std::size_t most) {
  values.erase(std::remove_if(values.begin(), values.end(), [](double x) { return std::isnan(x); }),
               values.end());
  std::sort(values.begin(), values.end());
  struct Run {
    double value;
    std::size_t count;
  };
  std::vector<Run> runs;
  for (const double x : values) {
    if (runs.empty() || runs.back().value != x) runs.push_back({x, 0});
    ++runs.back().count;
  }
  const auto fills = [&](const Run& run) { return run.count * most >= values.size(); };
  std::size_t rest = 0, full = 0;  // values in runs that fill no interval; runs that fill one
  for (const Run& run : runs) (fills(run) ? full : rest) += fills(run) ? 1 : run.count;
  std::vector<double> edges;
  std::size_t held = 0;  // values in the last interval so far
  for (std::size_t i = 0; i < runs.size() && edges.size() + 1 < most; ++i) {
    // Intervals for the values in `rest`.
    const std::size_t left = most > edges.size() + full ? most - edges.size() - full : 1;
    const double share = static_cast<double>(rest + held) / static_cast<double>(left);
    const bool after_full = i > 0 && fills(runs[i - 1]);
    const bool full_now = fills(runs[i]);
    const bool enough =
        static_cast<double>(held) + 0.5 * static_cast<double>(runs[i].count) > share;
    if (i > 0 && (after_full || full_now || enough || runs.size() <= most)) {
      const double low = runs[i - 1].value, high = runs[i].value, middle = low + (high - low) / 2;
      edges.push_back(middle > low && std::isfinite(middle) ? middle : high);
      held = 0;
    }
    if (full_now) {
      --full;
    } else {
      held += runs[i].count;
      rest -= runs[i].count;
    }
  }
  return edges;
}

}  // namespace espalier
