// SPDX-License-Identifier: Apache-2.0
// UTF-8: validation, number of characters, encoding of a code point.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "espalier/core/config.hpp"

namespace espalier {

/// Returns the number of bytes (1 to 4) of the well-formed character that begins at `text[i]`; 0 if
/// it is malformed (cut off, overlong, a surrogate, beyond U+10FFFF). Unicode 15, table 3-7.
[[nodiscard]] constexpr std::size_t utf8_length(std::string_view text, std::size_t i) noexcept {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned lead = byte(i);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (text.size() - i < length) return 0;
  const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (byte(i + 1) < low || byte(i + 1) > high) return 0;
  for (std::size_t k = 2; k < length; ++k) {
    if ((byte(i + k) & 0xC0U) != 0x80U) return 0;
  }
  return length;
}

/// Returns whether the whole of `text` is well-formed UTF-8.
[[nodiscard]] constexpr bool is_utf8(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text, i);
    if (length == 0) return false;
    i += length;
  }
  return true;
}

/// Number of characters in `text`; each malformed byte counts as one.
[[nodiscard]] inline std::size_t utf8_count(std::string_view text) noexcept {
  std::size_t count = 0;
  for (std::size_t i = 0; i < text.size(); ++count) {
    i += (std::max)(utf8_length(text, i), std::size_t{1});
  }
  return count;
}

/// The first `count` characters of `text`.
[[nodiscard]] inline std::string_view utf8_prefix(std::string_view text,
                                                  std::size_t count) noexcept {
  std::size_t i = 0;
  for (; i < text.size() && count > 0; --count) {
    i += (std::max)(utf8_length(text, i), std::size_t{1});
  }
  return text.substr(0, i);
}

/// Appends a code point (at most U+10FFFF, not a surrogate) to `out`.
inline void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0U | (code >> 6U));
    put(0x80U | (code & 0x3FU));
  } else if (code < 0x10000) {
    put(0xE0U | (code >> 12U));
    put(0x80U | ((code >> 6U) & 0x3FU));
    put(0x80U | (code & 0x3FU));
  } else {
    put(0xF0U | (code >> 18U));
    put(0x80U | ((code >> 12U) & 0x3FU));
    put(0x80U | ((code >> 6U) & 0x3FU));
    put(0x80U | (code & 0x3FU));
  }
}

}  // namespace espalier
