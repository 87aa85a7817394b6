// SPDX-License-Identifier: Apache-2.0
// Whether the program was compiled so that NaN, which marks what is missing, is told from numbers.
#pragma once

#include <limits>

#include "espalier/core/error.hpp"

namespace espalier {

/// Throws ConfigError where comparisons take NaN for a number. core/config.hpp refuses the flags that the preprocessor shows;
/// clang++ -fno-honor-nans is not among them.
inline void require_nan() {
  const volatile float missing = std::numeric_limits<float>::quiet_NaN();
  const float read = missing;
  if (read == read) {
    throw_error<ConfigError>({"NaN marks missing values, and this program was compiled to ignore it: compile without "
                              "-fno-honor-nans"});
  }
}

}  // namespace espalier
