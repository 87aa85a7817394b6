// SPDX-License-Identifier: Apache-2.0
// Numbers as text that reads back as the same number.
#pragma once

#include <string>

#include "espalier/core/decimal.hpp"

namespace espalier::optim_detail {

/// The fewest significant digits that give back the very same double.
[[nodiscard]] inline std::string shortest(double value) {
  std::string text;
  for (int digits = 1; digits <= 17; ++digits) {
    text = decimal(value, digits);
    if (reads_back(text, value)) break;
  }
  return text;
}

}  // namespace espalier::optim_detail
