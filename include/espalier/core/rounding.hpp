// SPDX-License-Identifier: Apache-2.0
// When a difference is rounding and nothing else.
#pragma once

#include <limits>

#include "espalier/core/config.hpp"

namespace espalier {

/// Whether values about as large as `size` that lie no further than `spread` apart are equal but for
/// rounding: 0.3 and 0.1 + 0.2. The bound is 64 units in the last place, 1.4e-14 of the size: what
/// sums of some values differ by when they are taken in another order, and far below what single
/// precision tells apart. To divide by such a spread is to look at noise through a microscope.
[[nodiscard]] constexpr bool is_rounding(double spread, double size) {
  return !(spread > 64 * std::numeric_limits<double>::epsilon() * size);
}

}  // namespace espalier
