// SPDX-License-Identifier: Apache-2.0
// The maximum of several errors. A NaN counts as infinity: std::max or a comparison alone would
// lose it.
#pragma once

#include <limits>

namespace espalier_test {

/// Sets `worst` to `error` if that is larger, and to infinity if `error` is NaN.
inline void keep_worst(double& worst, double error) {
  if (error != error) error = std::numeric_limits<double>::infinity();
  if (error > worst) worst = error;
}

}  // namespace espalier_test
