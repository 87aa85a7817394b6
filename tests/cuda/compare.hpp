// SPDX-License-Identifier: Apache-2.0
// Results of a GPU's kernels compared with those of the CPU's.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/padded.hpp"

namespace espalier_test {

/// The largest |got − expected|, relative to the largest finite |expected|, at least `least`.
/// Infinite if a value differs that is not finite, or if the fence is broken.
template <class Got, class Expected>
[[nodiscard]] double relative_error(const Padded<Got>& got, const Padded<Expected>& expected,
                                    double least = 1e-6) {
  double largest = least;
  for (Index j = 0; j < expected.cols(); ++j) {
    for (Index i = 0; i < expected.rows(); ++i) {
      const double value = std::abs(expected(i, j));
      if (std::isfinite(value)) largest = std::max(largest, value);
    }
  }
  if (!got.fenced()) return std::numeric_limits<double>::infinity();
  return worst_error(got, expected, [=](Index, Index) { return largest; });
}

}  // namespace espalier_test
