// SPDX-License-Identifier: Apache-2.0
// `SvgChart`: panels of lines or points as an SVG image that any browser shows. No dependency.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/decimal.hpp"
#include "espalier/core/utf8.hpp"

namespace espalier {

enum class Mark : std::uint8_t { line, points };

/// One curve. A NaN or infinite value leaves a gap.
struct ChartSeries {
  std::string name;
  std::vector<double> x, y;  ///< of one length; the longer one is cut
  Mark mark = Mark::line;
  int color = -1;  ///< index of the palette; −1: the number of the series in its panel
};

/// One pair of axes.
struct ChartPanel {
  std::string title, x_title, y_title;
  std::vector<ChartSeries> series;
  bool whole_x = false;                             ///< ticks of x at whole numbers only
  std::vector<std::pair<double, std::string>> marks{};  ///< vertical lines: where, and what they say
};

namespace chart_detail {

/// Text as XML character data: markup escaped; what XML 1.0 forbids becomes U+FFFD.
[[nodiscard]] ESPALIER_COLD inline std::string escape(std::string_view text) {
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

/// A coordinate with one decimal, or none when it is 0.
[[nodiscard]] inline std::string number(double value) {
  std::string out = decimal(value, 1, std::chars_format::fixed);
  if (out.ends_with(".0")) out.resize(out.size() - 2);
  return out == "-0" ? "0" : out;
}

/// An axis: its range and the step of its ticks, 1, 2 or 5 times a power of ten.
struct Axis {
  double low = 0, high = 1, step = 0.2;

  /// Covers [least, most] with about `ticks` ticks, `margin` (a part of the range) free at both ends.
  [[nodiscard]] ESPALIER_COLD static Axis over(double least, double most, int ticks, double margin,
                                               bool whole) {
    Axis axis;
    if (!(least <= most)) return axis;
    constexpr double bound = std::numeric_limits<double>::max() / 4;  // so that differences are finite
    least = (std::clamp)(least, -bound, bound);
    most = (std::clamp)(most, -bound, bound);
    const double size = (std::max)(std::abs(least), std::abs(most));
    if (most - least <= size * 1e-12) {  // one value: room around it
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

  [[nodiscard]] std::vector<double> ticks() const {
    std::vector<double> out;
    const double first = std::ceil(low / step - 1e-9);
    for (double i = first; i * step <= high + step * 1e-9 && out.size() < 64; ++i) {
      out.push_back(i * step);
    }
    return out;
  }

  /// As many decimals as the step has, thousands as k, M or G; outside of that with an exponent.
  [[nodiscard]] ESPALIER_COLD std::string label(double tick) const {
    const double size = (std::max)(std::abs(low), std::abs(high));
    if (std::abs(tick) < step * 1e-6) tick = 0;
    if (size >= 1e12 || step < 1e-5) {
      if (tick == 0) return "0";
      const double digits = std::floor(std::log10(size)) - std::floor(std::log10(step));
      return decimal(tick, static_cast<int>((std::clamp)(digits, 0.0, 6.0)), std::chars_format::scientific);
    }
    const double unit = size >= 1e9 ? 1e9 : size >= 1e6 ? 1e6 : size >= 1e4 ? 1e3 : 1;
    if (tick == 0 && unit > 1) return "0";
    const double digits = -std::floor(std::log10(step / unit) + 1e-9);
    return decimal(tick / unit, static_cast<int>((std::clamp)(digits, 0.0, 12.0)), std::chars_format::fixed) +
           (unit >= 1e9 ? "G" : unit >= 1e6 ? "M" : unit >= 1e3 ? "k" : "");
  }
};

}  // namespace chart_detail

/// Panels side by side under one title, two in a row; legends lie at the right of each panel.
class SvgChart {
 public:
  explicit SvgChart(std::string title = {}) : title_(std::move(title)) {}

  void add(ChartPanel panel) { panels_.push_back(std::move(panel)); }
  [[nodiscard]] const std::vector<ChartPanel>& panels() const noexcept { return panels_; }

  /// The image.
  [[nodiscard]] std::string to_svg() const;

 private:
  static constexpr double plot_width = 460, legend_line = 18, text_width = 6.4;  // of a 12 px letter
  static constexpr double left = 78, top = 44, bottom = 58, right = 18, swatch = 26;
  static constexpr std::size_t longest_name = 32;
  static constexpr std::array<std::string_view, 10> palette{
      "#2563eb", "#dc5a1d", "#15936b", "#b8389b", "#8a6d10",
      "#0e8fae", "#d3304f", "#6b4fd0", "#5b8c1a", "#64748b"};
  static constexpr std::array<std::string_view, 4> dashes{"", "7 4", "2 3", "9 3 2 3"};

  [[nodiscard]] static std::string shortened(const std::string& name) {
    if (utf8_count(name) <= longest_name) return name;
    return std::string(utf8_prefix(name, longest_name - 1)) + "…";
  }

  [[nodiscard]] static double legend_width(const ChartPanel& panel) {
    std::size_t longest = 0;
    for (const ChartSeries& s : panel.series) {
      longest = (std::max)(longest, utf8_count(shortened(s.name)));
    }
    return longest == 0 ? 0 : 16 + swatch + text_width * static_cast<double>(longest);
  }

  [[nodiscard]] static double plot_height(const ChartPanel& panel) {
    return (std::max)(270.0, legend_line * static_cast<double>(panel.series.size()));
  }

  static void text(std::string& out, double x, double y, std::string_view style,
                   std::string_view words) {
    out += "<text x=\"" + chart_detail::number(x) + "\" y=\"" + chart_detail::number(y) + "\" " +
           std::string(style) + ">" + chart_detail::escape(words) + "</text>\n";
  }
  static void line(std::string& out, double x1, double y1, double x2, double y2,
                   std::string_view style) {
    using chart_detail::number;
    out += "<line x1=\"" + number(x1) + "\" y1=\"" + number(y1) + "\" x2=\"" + number(x2) +
           "\" y2=\"" + number(y2) + "\" " + std::string(style) + "/>\n";
  }

  /// One panel with the corner of its plot at (x0, y0).
  static void draw(std::string& out, const ChartPanel& panel, double x0, double y0, double height);
  /// `with_dots`: where there are few points, or one alone.
  static void draw_series(std::string& out, const ChartSeries& series, int color, bool with_dots,
                          const auto& to_x, const auto& to_y);

  std::string title_;
  std::vector<ChartPanel> panels_;
};

inline std::string SvgChart::to_svg() const {
  using chart_detail::number;
  constexpr std::size_t per_row = 2;
  const double head = title_.empty() ? 8 : 48;
  const std::size_t columns = (std::min)(per_row, panels_.size());
  std::array<double, per_row> widths{};
  std::vector<double> heights((panels_.size() + per_row - 1) / per_row, 0.0);
  for (std::size_t i = 0; i < panels_.size(); ++i) {
    double& width = widths[i % per_row];
    width = (std::max)(width, left + plot_width + legend_width(panels_[i]) + right);
    heights[i / per_row] = (std::max)(heights[i / per_row], plot_height(panels_[i]));
  }
  double width = 0, height = head;
  for (std::size_t c = 0; c < columns; ++c) width += widths[c];
  for (const double row : heights) height += top + row + bottom;
  width = (std::max)(width, 320.0);

  const std::string size = number(width) + "\" height=\"" + number(height) + "\"";
  std::string out =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + size + " viewBox=\"0 0 " +
      number(width) + " " + number(height) +
      "\" font-family=\"system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, 'DejaVu Sans', "
      "sans-serif\" font-size=\"12\" fill=\"#334155\">\n<rect width=\"" + size +
      " fill=\"#ffffff\"/>\n";
  if (!title_.empty()) {
    out += "<title>" + chart_detail::escape(title_) + "</title>\n";
    text(out, left, 34, "font-size=\"18\" font-weight=\"600\" fill=\"#0f172a\"", title_);
  }
  double y = head;
  for (std::size_t i = 0; i < panels_.size(); ++i) {
    const double x = i % per_row == 0 ? 0 : widths[0];
    draw(out, panels_[i], x + left, y + top, heights[i / per_row]);
    if (i % per_row == per_row - 1) y += top + heights[i / per_row] + bottom;
  }
  return out + "</svg>\n";
}

inline void SvgChart::draw(std::string& out, const ChartPanel& panel, double x0, double y0,
                           double height) {
  constexpr double none = std::numeric_limits<double>::infinity();
  double x_low = none, x_high = -none, y_low = none, y_high = -none;
  for (const ChartSeries& s : panel.series) {
    for (std::size_t i = 0; i < (std::min)(s.x.size(), s.y.size()); ++i) {
      if (!std::isfinite(s.x[i]) || !std::isfinite(s.y[i])) continue;
      x_low = (std::min)(x_low, s.x[i]);
      x_high = (std::max)(x_high, s.x[i]);
      y_low = (std::min)(y_low, s.y[i]);
      y_high = (std::max)(y_high, s.y[i]);
    }
  }
  using chart_detail::Axis;
  const Axis xs = Axis::over(x_low, x_high, 8, 0.02, panel.whole_x);
  const Axis ys = Axis::over(y_low, y_high, 5, 0.06, false);
  const auto to_x = [&](double v) {
    return x0 + plot_width * ((v - xs.low) / (xs.high - xs.low));
  };
  const auto to_y = [&](double v) {
    return y0 + height * (1 - (v - ys.low) / (ys.high - ys.low));
  };

  text(out, x0, y0 - 14, "font-size=\"14\" font-weight=\"600\" fill=\"#0f172a\"", panel.title);
  for (const double tick : ys.ticks()) {
    line(out, x0, to_y(tick), x0 + plot_width, to_y(tick), "stroke=\"#e2e8f0\"");
    text(out, x0 - 9, to_y(tick) + 4, "font-size=\"11\" text-anchor=\"end\"", ys.label(tick));
  }
  for (const double tick : xs.ticks()) {
    line(out, to_x(tick), y0 + height, to_x(tick), y0 + height + 5, "stroke=\"#94a3b8\"");
    text(out, to_x(tick), y0 + height + 19, "font-size=\"11\" text-anchor=\"middle\"",
         xs.label(tick));
  }
  line(out, x0, y0 + height, x0 + plot_width, y0 + height, "stroke=\"#94a3b8\"");
  text(out, x0 + plot_width / 2, y0 + height + 40, "text-anchor=\"middle\" fill=\"#475569\"",
       panel.x_title);
  if (!panel.y_title.empty()) {
    const double x = x0 - 60, y = y0 + height / 2;
    text(out, x, y,
         "text-anchor=\"middle\" fill=\"#475569\" transform=\"rotate(-90 " +
             chart_detail::number(x) + " " + chart_detail::number(y) + ")\"",
         panel.y_title);
  }
  for (const auto& [where, words] : panel.marks) {
    if (!(where >= xs.low && where <= xs.high)) continue;
    const bool at_left = to_x(where) < x0 + plot_width / 2;
    line(out, to_x(where), y0, to_x(where), y0 + height,
         "stroke=\"#94a3b8\" stroke-dasharray=\"3 3\"");
    text(out, to_x(where) + (at_left ? 5 : -5), y0 + 10,
         at_left ? "font-size=\"11\" fill=\"#64748b\""
                 : "font-size=\"11\" fill=\"#64748b\" text-anchor=\"end\"",
         words);
  }
  double legend = y0 + 8;
  for (std::size_t i = 0; i < panel.series.size(); ++i, legend += legend_line) {
    const ChartSeries& s = panel.series[i];
    const int color = s.color >= 0 ? s.color : static_cast<int>(i);
    draw_series(out, s, color, true, to_x, to_y);
    if (s.name.empty()) continue;
    const double x = x0 + plot_width + 16;
    ChartSeries key;
    key.mark = s.mark;
    key.x = s.mark == Mark::line ? std::vector<double>{x, x + 18} : std::vector<double>{x + 9};
    key.y = {legend, legend};
    const auto same = [](double v) { return v; };
    draw_series(out, key, color, false, same, same);
    text(out, x + swatch, legend + 4, "fill=\"#334155\"", shortened(s.name));
  }
}

inline void SvgChart::draw_series(std::string& out, const ChartSeries& series, int color, bool with_dots,
                                  const auto& to_x, const auto& to_y) {
  using chart_detail::number;
  constexpr std::size_t few = 30;  // points that are worth a dot each
  const auto index = static_cast<std::size_t>(color);
  const std::string paint(palette[index % palette.size()]);
  const std::string_view dash = dashes[index / palette.size() % dashes.size()];
  const std::size_t count = (std::min)(series.x.size(), series.y.size());
  std::string path, dots;
  bool pen_down = false;
  for (std::size_t i = 0; i < count; ++i) {
    if (!std::isfinite(series.x[i]) || !std::isfinite(series.y[i])) {
      pen_down = false;
      continue;
    }
    const std::string x = number(to_x(series.x[i])), y = number(to_y(series.y[i]));
    path += (pen_down ? "L" : "M") + x + " " + y;
    const bool next = i + 1 < count && std::isfinite(series.x[i + 1]) && std::isfinite(series.y[i + 1]);
    const bool alone = !pen_down && !next;
    if (series.mark == Mark::points || (with_dots && (count <= few || alone))) {
      dots += "<circle cx=\"" + x + "\" cy=\"" + y + "\" r=\"2.5\"/>";
    }
    pen_down = true;
  }
  if (series.mark == Mark::line && !path.empty()) {
    out += "<path d=\"" + path + "\" fill=\"none\" stroke=\"" + paint +
           "\" stroke-width=\"" + (count > 200 ? "1.2" : "1.8") + "\" stroke-linejoin=\"round\" stroke-linecap=\"round\"" +
           (dash.empty() ? "" : " stroke-dasharray=\"" + std::string(dash) + "\"") + "/>\n";
  }
  if (!dots.empty()) out += "<g fill=\"" + paint + "\">" + dots + "</g>\n";
}

}  // namespace espalier
