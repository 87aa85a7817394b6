// SPDX-License-Identifier: Apache-2.0
// `SvgChart`: panels of lines or points as an SVG image that any browser can show. No dependencies.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/report/svg_canvas.hpp"

namespace espalier {

enum class Mark : std::uint8_t { line, points };

/// One curve. A NaN or infinite value leaves a gap.
struct ChartSeries {
  std::string name;
  std::vector<double> x, y;  ///< of equal length; the longer one is truncated
  Mark mark = Mark::line;
  int color = -1;  ///< index into the palette; −1: the index of the series in its panel
};

/// One pair of axes.
struct ChartPanel {
  std::string title, x_title, y_title;
  std::vector<ChartSeries> series;
  bool whole_x = false;  ///< ticks of the x axis at whole numbers only
  std::vector<std::pair<double, std::string>> marks{};  ///< vertical lines: x and label
};

/// Panels under one title, two per row; the legend is at the right of each panel.
class SvgChart {
 public:
  explicit SvgChart(std::string title = {}) : title_(std::move(title)) {}

  void add(ChartPanel panel) { panels_.push_back(std::move(panel)); }
  [[nodiscard]] const std::vector<ChartPanel>& panels() const noexcept { return panels_; }

  [[nodiscard]] std::string to_svg() const;

 private:
  static constexpr double plot_width = 460, legend_line = 18;
  static constexpr double left = 78, top = 44, bottom = 58, right = 18, swatch = 26;
  static constexpr std::array<std::string_view, 10> palette{
      "#2563eb", "#dc5a1d", "#15936b", "#b8389b", "#8a6d10",
      "#0e8fae", "#d3304f", "#6b4fd0", "#5b8c1a", "#64748b"};
  static constexpr std::array<std::string_view, 4> dashes{"", "7 4", "2 3", "9 3 2 3"};

  [[nodiscard]] static double legend_width(const ChartPanel& panel);

  [[nodiscard]] static double plot_height(const ChartPanel& panel) {
    return (std::max)(270.0, legend_line * static_cast<double>(panel.series.size()));
  }

  /// Draws one panel; (x0, y0) is the upper left corner of its plot.
  static void draw(SvgCanvas& out, const ChartPanel& panel, double x0, double y0, double height);
  /// `with_dots`: adds a dot to each point if there are few, and to isolated points.
  static void draw_series(SvgCanvas& out, const ChartSeries& series, int color, bool with_dots,
                          const auto& to_x, const auto& to_y);

  std::string title_;
  std::vector<ChartPanel> panels_;
};

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/report/svg_chart_definitions.hpp"
#endif
