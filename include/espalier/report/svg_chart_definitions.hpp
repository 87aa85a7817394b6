// SPDX-License-Identifier: Apache-2.0
// Definitions of svg_chart.hpp.
#pragma once

#include "espalier/report/svg_chart.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/report/svg_canvas.hpp"

namespace espalier {

ESPALIER_INLINE double SvgChart::legend_width(const ChartPanel& panel) {
  double longest = 0;
  for (const ChartSeries& series : panel.series)
    longest = (std::max)(longest, chart_detail::width_of(chart_detail::shortened(series.name)));
  return longest == 0 ? 0 : 16 + swatch + longest;
}

ESPALIER_INLINE std::string SvgChart::to_svg() const {
  std::vector<SvgPanel> drawn;
  for (const ChartPanel& panel : panels_) {
    drawn.push_back({left + plot_width + legend_width(panel) + right,
                     top + plot_height(panel) + bottom,
                     [&panel](SvgCanvas& out, double x, double y, double row_height) {
                       draw(out, panel, x + left, y + top, row_height - top - bottom);
                     }});
  }
  return chart_detail::image_of(title_, left, drawn);
}

ESPALIER_INLINE void SvgChart::draw(SvgCanvas& out, const ChartPanel& panel, double x0, double y0,
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
  const auto to_x = [&](double v) { return x0 + plot_width * ((v - xs.low) / (xs.high - xs.low)); };
  const auto to_y = [&](double v) { return y0 + height * (1 - (v - ys.low) / (ys.high - ys.low)); };

  out.text(x0, y0 - 14, chart_detail::heading, panel.title);
  for (const double tick : ys.ticks()) {
    out.line(x0, to_y(tick), x0 + plot_width, to_y(tick), chart_detail::grid_line);
    out.text(x0 - 9, to_y(tick) + 4, "font-size=\"11\" text-anchor=\"end\"", ys.label(tick));
  }
  for (const double tick : xs.ticks()) {
    out.line(to_x(tick), y0 + height, to_x(tick), y0 + height + 5, chart_detail::axis_line);
    out.text(to_x(tick), y0 + height + 19, "font-size=\"11\" text-anchor=\"middle\"",
             xs.label(tick));
  }
  out.line(x0, y0 + height, x0 + plot_width, y0 + height, chart_detail::axis_line);
  out.text(x0 + plot_width / 2, y0 + height + 40, "text-anchor=\"middle\" fill=\"#475569\"",
           panel.x_title);
  if (!panel.y_title.empty()) {
    chart_detail::upright(out, x0 - 60, y0 + height / 2, panel.y_title);
  }
  for (const auto& [where, words] : panel.marks) {
    if (!(where >= xs.low && where <= xs.high)) continue;
    const bool at_left = to_x(where) < x0 + plot_width / 2;
    out.line(to_x(where), y0, to_x(where), y0 + height,
             "stroke=\"#94a3b8\" stroke-dasharray=\"3 3\"");
    out.text(to_x(where) + (at_left ? 5 : -5), y0 + 10,
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
    out.text(x + swatch, legend + 4, "fill=\"#334155\"", chart_detail::shortened(s.name));
  }
}

void SvgChart::draw_series(SvgCanvas& out, const ChartSeries& series, int color, bool with_dots,
                           const auto& to_x, const auto& to_y) {
  using chart_detail::number;
  constexpr std::size_t few = 30;  // at most this many points get a dot each
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
    const bool next =
        i + 1 < count && std::isfinite(series.x[i + 1]) && std::isfinite(series.y[i + 1]);
    const bool alone = !pen_down && !next;
    if (series.mark == Mark::points || (with_dots && (count <= few || alone))) {
      dots += "<circle cx=\"" + x + "\" cy=\"" + y + "\" r=\"2.5\"/>";
    }
    pen_down = true;
  }
  if (series.mark == Mark::line && !path.empty()) {
    out.add("<path d=\"" + path + "\" fill=\"none\" stroke=\"" + paint + "\" stroke-width=\"" +
            (count > 200 ? "1.2" : "1.8") +
            "\" stroke-linejoin=\"round\" stroke-linecap=\"round\"" +
            (dash.empty() ? "" : " stroke-dasharray=\"" + std::string(dash) + "\"") + "/>\n");
  }
  if (!dots.empty()) out.add("<g fill=\"" + paint + "\">" + dots + "</g>\n");
}

}  // namespace espalier
