// SPDX-License-Identifier: Apache-2.0
// `SvgCanvas`: the drawing functions of the charts, and the layout of panels in one SVG image. No
// dependencies.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"

namespace espalier {

namespace chart_detail {

/// Escapes text as XML character data. Replaces invalid UTF-8 and what XML 1.0 forbids by U+FFFD.
[[nodiscard]] std::string escape(std::string_view text);

/// Formats a coordinate with one decimal, or with none if the decimal is 0.
[[nodiscard]] std::string number(double value);

/// An axis: its range and its tick step, which is 1, 2 or 5 times a power of ten.
struct Axis {
  double low = 0, high = 1, step = 0.2;

  /// An axis over [least, most] with about `ticks` ticks and free space at both ends: `margin` as a
  /// fraction of the range. `whole`: ticks at whole numbers only.
  [[nodiscard]] static Axis over(double least, double most, int ticks, double margin, bool whole);

  [[nodiscard]] std::vector<double> ticks() const;

  /// Label of a tick: with as many decimals as the step has, thousands as k, M or G; in scientific
  /// notation for larger or smaller numbers.
  [[nodiscard]] std::string label(double tick) const;
};

}  // namespace chart_detail

/// Shapes in drawing order: later ones cover earlier ones. Coordinates are pixels from the upper
/// left corner. A style is a list of SVG attributes: fill="…".
class SvgCanvas {
 public:
  void text(double x, double y, std::string_view style, std::string_view words);

  void line(double x1, double y1, double x2, double y2, std::string_view style);

  void rectangle(double x, double y, double width, double height, std::string_view style);

  void dot(double x, double y, double radius, std::string_view style);

  /// Adds a shape as SVG text.
  void add(std::string_view shape) { shapes_ += shape; }

  [[nodiscard]] const std::string& shapes() const noexcept { return shapes_; }

 private:
  std::string shapes_;
};

/// A drawing of known size that can be placed next to others.
struct SvgPanel {
  double width = 0, height = 0;  ///< including margins
  /// `x`, `y`: the upper left corner of the panel. `row_height` ≥ height: the maximum height of the
  /// panels in its row.
  std::function<void(SvgCanvas&, double x, double y, double row_height)> draw;
};

namespace chart_detail {

inline constexpr double letter_width = 6.4;  // mean width of a 12 px letter
inline constexpr std::string_view heading = "font-size=\"14\" font-weight=\"600\" fill=\"#0f172a\"";
inline constexpr std::string_view axis_line = "stroke=\"#94a3b8\"",
                                  grid_line = "stroke=\"#e2e8f0\"";

/// Returns the name, cut to `longest` characters including an ellipsis if it has more.
[[nodiscard]] std::string shortened(std::string_view name, std::size_t longest = 32);

[[nodiscard]] double width_of(std::string_view text);

/// Display name of a metric: "AUC" for "auc", "PR AUC" for "pr_auc", "log loss" for "log_loss".
[[nodiscard]] std::string metric_title(std::string name);

/// Text rotated to read upwards, centered at (x, y): the title of a vertical axis.
void upright(SvgCanvas& out, double x, double y, std::string_view words);

/// Returns the SVG image of the panels, two per row, under one title that starts at x = `left`.
[[nodiscard]] std::string image_of(const std::string& title, double left,
                                   const std::vector<SvgPanel>& panels);

}  // namespace chart_detail

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/report/svg_canvas_definitions.hpp"
#endif
