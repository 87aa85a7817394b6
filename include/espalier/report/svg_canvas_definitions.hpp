// SPDX-License-Identifier: Apache-2.0
// Definitions of svg_canvas.hpp.
#pragma once

#include "espalier/report/svg_canvas.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/decimal.hpp"
#include "espalier/core/utf8.hpp"

namespace espalier {

namespace chart_detail {

ESPALIER_COLD ESPALIER_INLINE std::string escape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text, i);
    const auto c = static_cast<unsigned char>(text[i]);
    const bool forbidden = length == 0 || (c < 0x20 && c != '\t' && c != '\n' && c != '\r') ||
                           text.substr(i, length) == "\xEF\xBF\xBE" ||
                           text.substr(i, length) == "\xEF\xBF\xBF";
    if (forbidden) {
      append_utf8(out, 0xFFFD);
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else {
      out.append(text, i, length);
    }
    i += length == 0 ? 1 : length;
  }
  return out;
}

ESPALIER_INLINE std::string number(double value) {
  std::string out = decimal(value, 1, std::chars_format::fixed);
  if (out.ends_with(".0")) out.resize(out.size() - 2);
  return out == "-0" ? "0" : out;
}

ESPALIER_COLD ESPALIER_INLINE Axis Axis::over(double least, double most, int ticks, double margin,
                                              bool whole) {
  Axis axis;
  if (!(least <= most)) return axis;
  constexpr double bound = std::numeric_limits<double>::max() / 4;  // keeps differences finite
  least = (std::clamp)(least, -bound, bound);
  most = (std::clamp)(most, -bound, bound);
  const double size = (std::max)(std::abs(least), std::abs(most));
  if (most - least <= size * 1e-12) {  // a single value: adds space around it
    const double room = whole ? 1 : size > 0 ? (std::max)(size * 0.1, 1e-300) : 1;
    least -= room;
    most += room;
  } else {
    const double room = (most - least) * margin;
    least -= room;
    most += room;
  }
  const double rough = (most / ticks) - (least / ticks);
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  const double part = rough / power;
  axis.step = power * (part < 1.5 ? 1 : part < 3.5 ? 2 : part < 7.5 ? 5 : 10);
  if (whole) axis.step = (std::max)(1.0, std::round(axis.step));
  axis.low = least;
  axis.high = most;
  return axis;
}

ESPALIER_INLINE std::vector<double> Axis::ticks() const {
  std::vector<double> out;
  const double first = std::ceil(low / step - 1e-9);
  for (double i = first; i * step <= high + step * 1e-9 && out.size() < 64; ++i) {
    out.push_back(i * step);
  }
  return out;
}

ESPALIER_COLD ESPALIER_INLINE std::string Axis::label(double tick) const {
  const double size = (std::max)(std::abs(low), std::abs(high));
  if (std::abs(tick) < step * 1e-6) tick = 0;
  if (size >= 1e12 || step < 1e-5) {
    if (tick == 0) return "0";
    const double digits = std::floor(std::log10(size)) - std::floor(std::log10(step));
    return decimal(tick, static_cast<int>((std::clamp)(digits, 0.0, 6.0)),
                   std::chars_format::scientific);
  }
  const double unit = size >= 1e9 ? 1e9 : size >= 1e6 ? 1e6 : size >= 1e4 ? 1e3 : 1;
  if (tick == 0 && unit > 1) return "0";
  const double digits = -std::floor(std::log10(step / unit) + 1e-9);
  return decimal(tick / unit, static_cast<int>((std::clamp)(digits, 0.0, 12.0)),
                 std::chars_format::fixed) +
         (unit >= 1e9   ? "G"
          : unit >= 1e6 ? "M"
          : unit >= 1e3 ? "k"
                        : "");
}

}  // namespace chart_detail

ESPALIER_INLINE void SvgCanvas::text(double x, double y, std::string_view style,
                                     std::string_view words) {
  shapes_ += "<text x=\"" + chart_detail::number(x) + "\" y=\"" + chart_detail::number(y) + "\" " +
             std::string(style) + ">" + chart_detail::escape(words) + "</text>\n";
}

ESPALIER_INLINE void SvgCanvas::line(double x1, double y1, double x2, double y2,
                                     std::string_view style) {
  using chart_detail::number;
  shapes_ += "<line x1=\"" + number(x1) + "\" y1=\"" + number(y1) + "\" x2=\"" + number(x2) +
             "\" y2=\"" + number(y2) + "\" " + std::string(style) + "/>\n";
}

ESPALIER_INLINE void SvgCanvas::rectangle(double x, double y, double width, double height,
                                          std::string_view style) {
  using chart_detail::number;
  shapes_ += "<rect x=\"" + number(x) + "\" y=\"" + number(y) + "\" width=\"" + number(width) +
             "\" height=\"" + number(height) + "\" " + std::string(style) + "/>\n";
}

ESPALIER_INLINE void SvgCanvas::dot(double x, double y, double radius, std::string_view style) {
  using chart_detail::number;
  shapes_ += "<circle cx=\"" + number(x) + "\" cy=\"" + number(y) + "\" r=\"" + number(radius) +
             "\" " + std::string(style) + "/>\n";
}

namespace chart_detail {

ESPALIER_INLINE std::string shortened(std::string_view name, std::size_t longest) {
  if (utf8_count(name) <= longest) return std::string(name);
  return std::string(utf8_prefix(name, longest - 1)) + "…";
}

ESPALIER_INLINE double width_of(std::string_view text) {
  return letter_width * static_cast<double>(utf8_count(text));
}

ESPALIER_INLINE std::string metric_title(std::string name) {
  constexpr std::string_view initials[] = {"auc", "pr_auc", "gauc", "rmse", "mae", "ece"};
  const bool upper =
      std::find(std::begin(initials), std::end(initials), name) != std::end(initials);
  for (char& c : name) {
    if (c == '_') c = ' ';
    if (upper && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return name;
}

ESPALIER_INLINE void upright(SvgCanvas& out, double x, double y, std::string_view words) {
  out.text(x, y,
           "text-anchor=\"middle\" fill=\"#475569\" transform=\"rotate(-90 " + number(x) + " " +
               number(y) + ")\"",
           words);
}

ESPALIER_COLD ESPALIER_INLINE std::string image_of(const std::string& title, double left,
                                                   const std::vector<SvgPanel>& panels) {
  constexpr std::size_t per_row = 2;
  const double head = title.empty() ? 8 : 48;
  std::array<double, per_row> widths{};
  std::vector<double> heights((panels.size() + per_row - 1) / per_row, 0.0);
  for (std::size_t i = 0; i < panels.size(); ++i) {
    widths[i % per_row] = (std::max)(widths[i % per_row], panels[i].width);
    heights[i / per_row] = (std::max)(heights[i / per_row], panels[i].height);
  }
  double width = 0, height = head;
  for (const double column : widths) width += column;
  for (const double row : heights) height += row;
  width = (std::max)({width, 320.0, title.empty() ? 0 : left + 1.5 * width_of(title) + 18});

  SvgCanvas canvas;
  if (!title.empty()) {
    canvas.add("<title>" + escape(title) + "</title>\n");
    canvas.text(left, 34, "font-size=\"18\" font-weight=\"600\" fill=\"#0f172a\"", title);
  }
  double y = head;
  for (std::size_t i = 0; i < panels.size(); ++i) {
    panels[i].draw(canvas, i % per_row == 0 ? 0 : widths[0], y, heights[i / per_row]);
    if (i % per_row == per_row - 1) y += heights[i / per_row];
  }
  const std::string size = number(width) + "\" height=\"" + number(height) + "\"";
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + size + " viewBox=\"0 0 " +
         number(width) + " " + number(height) +
         "\" font-family=\"system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, 'DejaVu Sans', "
         "sans-serif\" "
         "font-size=\"12\" fill=\"#334155\">\n<rect width=\"" +
         size + " fill=\"#ffffff\"/>\n" + canvas.shapes() + "</svg>\n";
}

}  // namespace chart_detail

}  // namespace espalier
