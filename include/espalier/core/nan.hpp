// SPDX-License-Identifier: Apache-2.0
// `require_nan`: checks that the program was compiled to tell NaN, the mark of a missing value,
// from numbers.
#pragma once

#include <limits>

#include "espalier/core/error.hpp"

namespace espalier {

/// Throws ConfigError if comparisons treat NaN as a number. core/config.hpp rejects the flags that
/// the preprocessor can see; clang++ -fno-honor-nans is not one of them.
inline void require_nan() {
  const volatile float missing = std::numeric_limits<float>::quiet_NaN();
  const float read = missing;
  if (read == read) {
    throw_error<ConfigError>(
        {"NaN marks missing values, and this program was compiled to ignore it: compile without "
         "-fno-honor-nans"});
  }
}

}  // namespace espalier
