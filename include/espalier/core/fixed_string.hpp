// SPDX-License-Identifier: Apache-2.0
// `FixedString`: a string that can be a template argument: Task<"click", …>.
#pragma once

#include <cstddef>
#include <string_view>

#include "espalier/core/config.hpp"

namespace espalier {

/// The characters of a string literal, including the terminator. A structural type, so usable as a
/// template argument.
template <std::size_t N>
struct FixedString {
  char text[N]{};

  // NOLINTNEXTLINE(google-explicit-constructor): a literal converts to a template argument.
  constexpr FixedString(const char (&literal)[N]) {
    for (std::size_t i = 0; i < N; ++i) text[i] = literal[i];
  }

  [[nodiscard]] constexpr std::string_view view() const { return {text, N - 1}; }
  // NOLINTNEXTLINE(google-explicit-constructor)
  constexpr operator std::string_view() const { return view(); }
};

}  // namespace espalier
