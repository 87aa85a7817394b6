// SPDX-License-Identifier: Apache-2.0
// Eight bytes at a time: where a field ends, and what a short number is, without a branch for each byte.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "espalier/core/config.hpp"

namespace espalier::csv_detail {

/// Words are read with their first byte lowest; elsewhere the byte loops do it all.
inline constexpr bool has_words = std::endian::native == std::endian::little;

[[nodiscard]] inline std::uint64_t word_at(const char* p) {
  std::uint64_t word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

[[nodiscard]] constexpr std::uint64_t each_byte(unsigned char c) { return 0x0101010101010101U * c; }

/// A number whose bytes at and above `first set bit / 8` are arbitrary: which byte that is; 8 when no bit is set.
[[nodiscard]] inline unsigned first_byte(std::uint64_t marks) {
  return static_cast<unsigned>(std::countr_zero(marks)) / 8;
}

/// Finds the bytes that end a field.
class Stops {
 public:
  Stops(char separator, char quote)
      : separator_(each_byte(static_cast<unsigned char>(separator))),
        quote_(each_byte(static_cast<unsigned char>(quote))) {}

  /// The first byte at or after `q` that is a separator, a quote, CR, LF or NUL; 8 bytes from there on must be readable.
  [[nodiscard]] const char* find(const char* q) const {
    for (;; q += 8) {
      const std::uint64_t word = word_at(q);
      // Above its first hit a test may be wrong; the first of all hits is right.
      const std::uint64_t marks = zeros(word ^ separator_) | zeros(word ^ quote_) | zeros(word ^ each_byte('\n')) |
                                  zeros(word ^ each_byte('\r')) | zeros(word);
      if (marks != 0) return q + first_byte(marks);
    }
  }

 private:
  /// The highest bit of each byte that is zero.
  static std::uint64_t zeros(std::uint64_t word) { return (word - each_byte(1)) & ~word & each_byte(0x80); }

  std::uint64_t separator_, quote_;
};

/// Digits with or without a point, without a sign, at most 7 of them.
struct ShortNumber {
  std::uint64_t digits = 0;
  unsigned decimals = 0;
  unsigned length = 0;  ///< bytes; 0: there is none, or a longer one
};

/// What begins at `q`; 8 bytes must be readable.
[[nodiscard]] inline ShortNumber short_number(const char* q) {
  std::uint64_t word = word_at(q) ^ each_byte('0');
  const std::uint64_t others = (((word & each_byte(0x7F)) + each_byte(0x76)) | word) & each_byte(0x80);
  unsigned digits = first_byte(others);
  if (digits == 8) return {};
  ShortNumber number;
  number.length = digits;
  if (q[digits] == '.') {
    number.length = first_byte(others & (others - 1));
    const std::uint64_t before = (std::uint64_t{1} << (8 * digits)) - 1;
    word = (word & before) | (word >> 8U & ~before);
    number.decimals = number.length - 1 - digits;
    digits = number.length - 1;
  }
  if (digits == 0) return {};
  word <<= 8 * (8 - digits);  // the last digit is the highest byte, zeros come before the first
  word = word * 10 + (word >> 8U);
  constexpr std::uint64_t pairs = 0x000000FF000000FFU;
  number.digits = ((word & pairs) * 0x000F424000000064U + (word >> 16U & pairs) * 0x0000271000000001U) >> 32U;
  return number;
}

}  // namespace espalier::csv_detail
