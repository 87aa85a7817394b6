// SPDX-License-Identifier: Apache-2.0
// Text of numbers and tables in reports.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"

namespace espalier::report_detail {

[[nodiscard]] ESPALIER_COLD inline std::string format(double value) {
  if (std::isnan(value)) return "n/a";
  const double size = std::abs(value);
  char text[32];
  std::snprintf(text, sizeof text, size != 0 && (size < 1e-3 || size >= 1e5) ? "%.3e" : "%.4f",
                value);
  return text;
}

/// Number of characters as displayed: bytes of the UTF-8 text without continuation bytes. Aligns
/// names with accents.
[[nodiscard]] inline std::size_t shown(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

/// Formats a table: the first column is left-aligned, the others right-aligned, with two spaces
/// between columns.
[[nodiscard]] ESPALIER_COLD inline std::string align(
    const std::vector<std::vector<std::string>>& cells) {
  std::vector<std::size_t> widths(cells[0].size(), 0);
  for (const auto& line : cells)
    for (std::size_t c = 0; c < line.size(); ++c) widths[c] = (std::max)(widths[c], shown(line[c]));
  std::string text;
  for (const auto& line : cells) {
    for (std::size_t c = 0; c < line.size(); ++c) {
      const std::string padding(widths[c] - shown(line[c]), ' ');
      text += c == 0 ? line[c] + padding : "  " + padding + line[c];
    }
    text += '\n';
  }
  return text;
}

}  // namespace espalier::report_detail
