// SPDX-License-Identifier: Apache-2.0
// Numbers as decimal text with a point, whatever the program's locale is.
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

/// As printf has it: %g with so many significant digits, %f or %e with so many decimals (at most 40).
[[nodiscard]] inline std::string decimal(double value, int digits, std::chars_format format = std::chars_format::general) {
  char text[400];
  const auto end = std::to_chars(text, text + sizeof text, value, format, digits);
  return {text, end.ptr};
}

/// Whether the text reads back as the very same number.
[[nodiscard]] inline bool reads_back(const std::string& text, double value) {
  double read = 0;
  std::from_chars(text.data(), text.data() + text.size(), read);
  return read == value;
}

/// A number as text that reads back as the same: whole ones below 2^63 in digits ("100000"), others at their shortest
/// ("0.5", "1e+20").
[[nodiscard]] inline std::string number_text(double value) {
  char text[40];
  const bool whole = std::abs(value) < 9223372036854775808.0 && value == std::floor(value);
  const auto end = whole ? std::to_chars(text, text + sizeof text, static_cast<std::int64_t>(value))
                         : std::to_chars(text, text + sizeof text, value);
  return {text, end.ptr};
}

namespace decimal_detail {

/// Of a decimal number that no double holds: whether it is too small for one, not too large.
[[nodiscard]] ESPALIER_COLD inline bool is_tiny(std::string_view text) {
  const std::size_t e = text.find_first_of("eE");
  const std::string_view mantissa = text.substr(0, e);
  const std::size_t first = mantissa.find_first_of("123456789");
  const std::size_t point = (std::min)(mantissa.find('.'), mantissa.size());
  const std::int64_t place = static_cast<std::int64_t>(point) - static_cast<std::int64_t>(first) - (first < point ? 1 : 0);
  std::int64_t exponent = 0;
  if (e != std::string_view::npos) {
    const std::string_view digits = text.substr(e + (text[e + 1] == '+' ? 2 : 1));
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
    if (read.ec != std::errc()) return digits.front() == '-';  // of so many digits that its sign decides
  }
  return exponent < -place;
}

}  // namespace decimal_detail

/// Whether `text` is a decimal number, into `value`: std::errc() if so, result_out_of_range if it is too large for a double.
/// One that is too small for any is 0, as for strtod.
[[nodiscard]] inline std::errc to_number(std::string_view text, double& value) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return std::errc::invalid_argument;
  }
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (at != end || text.empty()) return std::errc::invalid_argument;
  if (error == std::errc()) {
    return std::isfinite(value) ? std::errc() : std::errc::invalid_argument;  // "inf" and "nan" are words here
  }
  if (!decimal_detail::is_tiny(text)) return error;
  value = text.starts_with('-') ? -0.0 : 0.0;
  return std::errc();
}

}  // namespace espalier
