// SPDX-License-Identifier: Apache-2.0
// Definitions of progress_format.hpp.
#pragma once

#include "espalier/report/progress_format.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/utf8.hpp"

namespace espalier {

ESPALIER_COLD ESPALIER_INLINE std::string short_number(double value) {
  constexpr std::string_view units[] = {"", "k", "M", "G", "T"};
  if (!std::isfinite(value)) return "?";
  std::size_t unit = 0;
  while (std::abs(value) >= 999.5 && unit + 1 < std::size(units)) {
    value /= 1000;
    ++unit;
  }
  const double size = std::abs(value);
  char text[400];
  std::snprintf(text, sizeof text, "%.*f",
                unit == 0 || size >= 99.95 ? 0
                : size >= 9.995            ? 1
                                           : 2,
                value);
  return text + std::string(units[unit]);
}

ESPALIER_COLD ESPALIER_INLINE std::string short_time(double seconds) {
  if (!(seconds >= 0) || seconds > 3.6e8) return "?";
  const auto whole = static_cast<long long>(seconds + 0.5);
  const long long hours = whole / 3600, minutes = whole / 60 % 60;
  char text[64];
  if (hours > 0) {
    std::snprintf(text, sizeof text, "%lld:%02lld:%02lld", hours, minutes, whole % 60);
  } else {
    std::snprintf(text, sizeof text, "%lld:%02lld", minutes, whole % 60);
  }
  return text;
}

ESPALIER_COLD ESPALIER_INLINE std::string format_progress(const ProgressState& state, int width,
                                                          BarStyle style) {
  constexpr std::size_t least_bar = 8, most_bar = 30, gap = 2;
  const auto room = static_cast<std::size_t>((std::max)(width, 0));
  const double part =
      state.total > 0
          ? (std::clamp)(static_cast<double>(state.done) / static_cast<double>(state.total), 0.0,
                         1.0)
          : 0.0;
  const bool finished = state.total > 0 && state.done >= state.total;
  char text[64];
  std::string head =
      state.counts + " " + std::to_string(state.epoch) + "/" + std::to_string(state.epochs);
  if (state.total > 0) {
    std::snprintf(text, sizeof text, " %3d%%", static_cast<int>(part * 100));
    head += text;
  } else {
    head += " " + short_number(static_cast<double>(state.done));
  }

  std::vector<std::string> extras;  // most important first
  const double left =
      state.rate > 0 ? static_cast<double>(state.total - state.done) / state.rate : -1;
  if (finished) {
    extras.push_back(short_time(state.seconds));
  } else if (state.total > 0 && left >= 0) {
    extras.push_back(short_time(left) + " left");
  }
  if (state.rate > 0.5) extras.push_back(short_number(state.rate) + "/s");
  for (const auto& [task, loss] : state.losses) {
    std::snprintf(text, sizeof text, "%.4g", loss);
    extras.push_back(task + " " + (std::isfinite(loss) ? text : "-"));
  }

  std::size_t used = utf8_count(head);
  const bool bar = style != BarStyle::none && state.total > 0 && used + 1 + least_bar <= room;
  if (bar) used += 1 + least_bar;
  const std::string_view more = "  ...";
  // Number and width of the extras that fit, with "..." for the others.
  std::size_t fit = 0, size = 0;
  for (std::size_t i = 0, sum = 0; i < extras.size(); ++i) {
    sum += gap + utf8_count(extras[i]);
    const bool last = i + 1 == extras.size();
    if (used + sum + (last ? 0 : more.size()) > room) continue;
    fit = i + 1;
    size = sum + (last ? 0 : more.size());
  }
  std::string tail;
  for (std::size_t i = 0; i < fit; ++i) tail += "  " + extras[i];
  if (fit > 0 && fit < extras.size()) tail += more;
  used += size;

  std::string out = head;
  if (bar) {
    const std::size_t length = (std::min)(least_bar + (room - used), most_bar);
    const bool ascii = style == BarStyle::ascii;
    const std::size_t cells = ascii ? length - 2 : length;
    const auto full = static_cast<std::size_t>(part * static_cast<double>(cells));
    out += ascii ? " [" : " ";
    for (std::size_t i = 0; i < cells; ++i) {
      if (ascii) {
        out += i < full ? '=' : i == full && part > 0 ? '>' : ' ';
      } else {
        out += i < full ? "━" : i == full && part > 0 ? "╸" : "─";
      }
    }
    if (ascii) out += ']';
  }
  out += tail;
  return std::string(utf8_prefix(out, room));
}

}  // namespace espalier
