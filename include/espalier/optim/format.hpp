// SPDX-License-Identifier: Apache-2.0
// Formats numbers as text that parses back to the same number.
#pragma once

#include <string>

#include "espalier/core/decimal.hpp"

namespace espalier::optim_detail {

/// Returns the fewest significant digits that parse back to the same double.
[[nodiscard]] inline std::string shortest(double value) {
  std::string text;
  for (int digits = 1; digits <= 17; ++digits) {
    text = decimal(value, digits);
    if (reads_back(text, value)) break;
  }
  return text;
}

}  // namespace espalier::optim_detail
