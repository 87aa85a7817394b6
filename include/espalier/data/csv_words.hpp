// SPDX-License-Identifier: Apache-2.0
// Scans eight bytes at a time, without a branch per byte: finds the end of a field and parses short
// numbers.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "espalier/core/config.hpp"

namespace espalier::csv_detail {

/// Words are read with the first byte lowest (little-endian); on other machines loops over bytes do
/// all the work.
inline constexpr bool has_words = std::endian::native == std::endian::little;

[[nodiscard]] inline std::uint64_t word_at(const char* p) {
  std::uint64_t word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

[[nodiscard]] constexpr std::uint64_t each_byte(unsigned char c) { return 0x0101010101010101U * c; }

/// Index of the byte that has the lowest set bit; 8 if no bit is set. The bytes above it may be
/// arbitrary.
[[nodiscard]] inline unsigned first_byte(std::uint64_t marks) {
  return static_cast<unsigned>(std::countr_zero(marks)) / 8;
}

/// Finds the bytes that end a field.
class Stops {
 public:
  Stops(char separator, char quote)
      : separator_(each_byte(static_cast<unsigned char>(separator))),
        quote_(each_byte(static_cast<unsigned char>(quote))) {}

  /// Returns the first byte at or after `q` that is a separator, a quote, CR, LF or NUL. The 8
  /// bytes from there on must be readable.
  [[nodiscard]] const char* find(const char* q) const {
    for (;; q += 8) {
      const std::uint64_t word = word_at(q);
      // Above its first true mark a test may set false ones; the lowest mark of all tests is
      // correct.
      const std::uint64_t marks = zeros(word ^ separator_) | zeros(word ^ quote_) |
                                  zeros(word ^ each_byte('\n')) | zeros(word ^ each_byte('\r')) |
                                  zeros(word);
      if (marks != 0) return q + first_byte(marks);
    }
  }

 private:
  /// Sets the highest bit of each zero byte; above the first zero byte it may set false ones.
  static std::uint64_t zeros(std::uint64_t word) {
    return (word - each_byte(1)) & ~word & each_byte(0x80);
  }

  std::uint64_t separator_, quote_;
};

/// A number of at most 7 digits, with or without a decimal point, without a sign.
struct ShortNumber {
  std::uint64_t digits = 0;
  unsigned decimals = 0;
  unsigned length = 0;  ///< in bytes; 0 if there is no such number
};

/// Parses the number that starts at `q`; 8 bytes must be readable. The caller checks which byte
/// follows the number.
[[nodiscard]] inline ShortNumber short_number(const char* q) {
  std::uint64_t word = word_at(q) ^ each_byte('0');
  const std::uint64_t others =
      (((word & each_byte(0x7F)) + each_byte(0x76)) | word) & each_byte(0x80);
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
  word <<= 8 * (8 - digits);  // the last digit becomes the highest byte, with zeros below the first
  word = word * 10 + (word >> 8U);
  constexpr std::uint64_t pairs = 0x000000FF000000FFU;
  number.digits =
      ((word & pairs) * 0x000F424000000064U + (word >> 16U & pairs) * 0x0000271000000001U) >> 32U;
  return number;
}

}  // namespace espalier::csv_detail
