// SPDX-License-Identifier: Apache-2.0
// `is_rounding`: whether a difference is only rounding error.
#pragma once

#include <limits>

#include "espalier/core/config.hpp"

namespace espalier {

/// Returns whether values of about the magnitude `size` that differ by at most `spread` are equal
/// up to rounding, as 0.3 and 0.1 + 0.2 are. The bound is 64 units in the last place, 1.4e-14 ·
/// size: sums of the same values in different orders differ by as much, and it is far below the
/// resolution of single precision. Dividing by such a spread would amplify noise.
[[nodiscard]] constexpr bool is_rounding(double spread, double size) {
  return !(spread > 64 * std::numeric_limits<double>::epsilon() * size);
}

}  // namespace espalier
