// SPDX-License-Identifier: Apache-2.0
// `JoinedName`: a name concatenated at compile time.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "espalier/core/config.hpp"

namespace espalier::detail {

/// The concatenation of Spec::parts(), an array of texts. `view` stays valid for the whole program.
template <class Spec>
struct JoinedName {
  static constexpr std::size_t size = [] {
    std::size_t sum = 0;
    for (const std::string_view part : Spec::parts()) sum += part.size();
    return sum;
  }();
  static constexpr std::array<char, size> text = [] {
    std::array<char, size> made{};
    std::size_t at = 0;
    for (const std::string_view part : Spec::parts()) {
      for (const char c : part) made[at++] = c;
    }
    return made;
  }();
  static constexpr std::string_view view{text.data(), size};
};

}  // namespace espalier::detail
