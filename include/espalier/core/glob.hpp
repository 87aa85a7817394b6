// SPDX-License-Identifier: Apache-2.0
// `matches`: glob patterns with '*' (any number of bytes) and '?' (one byte).
#pragma once

#include <string_view>

#include "espalier/core/config.hpp"

namespace espalier {

/// Returns whether the whole of `text` matches `pattern`. Linear in practice, never exponential.
[[nodiscard]] constexpr bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, from = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      from = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++from;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace espalier
