// SPDX-License-Identifier: Apache-2.0
// Conversion between numbers and decimal text with a point, independent of the locale.
#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

#include "espalier/core/config.hpp"

namespace espalier {

/// Formats like printf: %g with `digits` significant digits, %f or %e with `digits` decimals (at
/// most 40).
[[nodiscard]] inline std::string decimal(double value, int digits,
                                         std::chars_format format = std::chars_format::general) {
  char text[400];
  const auto end = std::to_chars(text, text + sizeof text, value, format, digits);
  return {text, end.ptr};
}

/// Returns whether `text` parses to exactly `value`.
[[nodiscard]] inline bool reads_back(const std::string& text, double value) {
  double read = 0;
  std::from_chars(text.data(), text.data() + text.size(), read);
  return read == value;
}

/// Formats a number so that it parses to an equal double: whole numbers below 2^63 as integers
/// ("100000"), others with the fewest digits ("0.5", "1e+20").
[[nodiscard]] inline std::string number_text(double value) {
  char text[40];
  const bool whole = std::abs(value) < 9223372036854775808.0 && value == std::floor(value);
  const auto end = whole ? std::to_chars(text, text + sizeof text, static_cast<std::int64_t>(value))
                         : std::to_chars(text, text + sizeof text, value);
  return {text, end.ptr};
}

namespace decimal_detail {

/// For a decimal number outside the range of a double: returns whether it is too small, rather than
/// too large.
[[nodiscard]] ESPALIER_COLD inline bool is_tiny(std::string_view text) {
  const std::size_t e = text.find_first_of("eE");
  const std::string_view mantissa = text.substr(0, e);
  const std::size_t first = mantissa.find_first_of("123456789");
  const std::size_t point = (std::min)(mantissa.find('.'), mantissa.size());
  const std::int64_t place =
      static_cast<std::int64_t>(point) - static_cast<std::int64_t>(first) - (first < point ? 1 : 0);
  std::int64_t exponent = 0;
  if (e != std::string_view::npos) {
    const std::string_view digits = text.substr(e + (text[e + 1] == '+' ? 2 : 1));
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
    if (read.ec != std::errc()) return digits.front() == '-';  // beyond int64: its sign decides
  }
  return exponent < -place;
}

}  // namespace decimal_detail

/// Parses the decimal number `text` into `value`. Returns std::errc() on success,
/// result_out_of_range if it is too large for a double, invalid_argument if it is not a number. A
/// number too small for a double becomes 0, as in strtod.
[[nodiscard]] inline std::errc to_number(std::string_view text, double& value) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return std::errc::invalid_argument;
  }
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (at != end || text.empty()) return std::errc::invalid_argument;
  if (error == std::errc()) {
    return std::isfinite(value) ? std::errc() : std::errc::invalid_argument;  // "inf", "nan"
  }
  if (!decimal_detail::is_tiny(text)) return error;
  value = text.starts_with('-') ? -0.0 : 0.0;
  return std::errc();
}

}  // namespace espalier
