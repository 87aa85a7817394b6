// SPDX-License-Identifier: Apache-2.0
// `unicode_entry`: what BERT's text cleaning has to know of a code point, in one look-up.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/utf8.hpp"

namespace espalier {

/// What the reference (`tokenizers`) does with a code point; see unicode_tables.hpp for the
/// versions of Unicode.
struct UnicodeEntry {
  bool removed : 1 = false;      ///< by cleaning: control, format and private characters
  bool white_space : 1 = false;  ///< separates words
  bool punctuation : 1 = false;  ///< a word by itself
  bool chinese : 1 = false;      ///< spaces are put around it
  bool mark : 1 = false;         ///< removed with accents
  bool starter : 1 = true;   ///< removed or not, canonical ordering does not move others past it
  bool several : 1 = false;  ///< decomposes into more than one: see several_bases()
  /// Canonical; 0 also for marks, which are removed.
  std::uint8_t combining_class = 0;
  /// To the canonical decomposition without marks; if there are `several`, which of them.
  std::int32_t base_difference = 0;
  /// To the lower case; U+0130 has two, see lower_with_dot.
  std::int32_t lower_difference = 0;

  [[nodiscard]] std::uint32_t base(std::uint32_t code) const noexcept {
    return code + static_cast<std::uint32_t>(base_difference);
  }
  [[nodiscard]] std::uint32_t lower(std::uint32_t code) const noexcept {
    return code + static_cast<std::uint32_t>(lower_difference);
  }
  [[nodiscard]] bool operator==(const UnicodeEntry&) const = default;
};

/// U+0130 is the only code point whose lower case is two: i and U+0307.
inline constexpr std::uint32_t lower_with_dot = 0x130;

/// The code points in pages of 256; equal pages are kept once. Made of the ranges in
/// unicode_tables.hpp on first use, in a few milliseconds.
class UnicodePages {
 public:
  UnicodePages();

  /// `code` is at most U+10FFFF.
  [[nodiscard]] const UnicodeEntry& operator[](std::uint32_t code) const noexcept {
    return entries_[starts_[code >> 8U] + (code & 0xFFU)];
  }

 private:
  std::array<std::uint32_t, 0x1100> starts_{};
  std::vector<UnicodeEntry> entries_;
};

/// The table that all tokenizers share. Thread-safe.
[[nodiscard]] const UnicodePages& unicode_pages();

/// A decomposition without marks, of at most three code points.
struct UnicodeBases {
  std::uint32_t count = 0;
  std::array<std::uint32_t, 3> to{};
};
/// Returns the canonical decomposition of a code point that has several, by `entry`, its own.
[[nodiscard]] UnicodeBases several_bases(std::uint32_t code, const UnicodeEntry& entry);

/// Decodes the character at `text[i]` and moves `i` behind it. Each malformed byte gives U+FFFD.
[[nodiscard]] inline std::uint32_t next_code_point(std::string_view text, std::size_t& i) noexcept {
  const auto byte = [&](std::size_t k) {
    return std::uint32_t{static_cast<unsigned char>(text[k])};
  };
  const std::size_t length = utf8_length(text, i), at = i;
  i += length == 0 ? 1 : length;
  switch (length) {
    case 1:
      return byte(at);
    case 2:
      return (byte(at) & 0x1FU) << 6U | (byte(at + 1) & 0x3FU);
    case 3:
      return (byte(at) & 0xFU) << 12U | (byte(at + 1) & 0x3FU) << 6U | (byte(at + 2) & 0x3FU);
    case 4:
      return (byte(at) & 7U) << 18U | (byte(at + 1) & 0x3FU) << 12U | (byte(at + 2) & 0x3FU) << 6U |
             (byte(at + 3) & 0x3FU);
    default:
      return 0xFFFD;
  }
}

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/text/unicode_definitions.hpp"
#endif
