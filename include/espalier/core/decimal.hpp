// SPDX-License-Identifier: Apache-2.0
// Numbers as decimal text with a point, whatever the program's locale is.
#pragma once

#include <charconv>
#include <string>

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

}  // namespace espalier
