// SPDX-License-Identifier: Apache-2.0
// The largest of some errors, in which a NaN is not lost: neither max nor a comparison alone keeps it.
#pragma once

#include <limits>

namespace espalier_test {

/// `worst` becomes `error` if that is larger, and infinite if that is NaN.
inline void keep_worst(double& worst, double error) {
  if (error != error) error = std::numeric_limits<double>::infinity();
  if (error > worst) worst = error;
}

}  // namespace espalier_test
