// SPDX-License-Identifier: Apache-2.0
// Numbers as text that reads back as the same number.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

namespace espalier::optim_detail {

/// The fewest significant digits that give back the very same double.
[[nodiscard]] inline std::string shortest(double value) {
  char text[32];
  for (int digits = 1; digits <= 17; ++digits) {
    std::snprintf(text, sizeof text, "%.*g", digits, value);
    if (std::strtod(text, nullptr) == value) break;
  }
  return text;
}

}  // namespace espalier::optim_detail
