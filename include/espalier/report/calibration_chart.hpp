// SPDX-License-Identifier: Apache-2.0
// Reliability diagrams of binary tasks as an SVG image: do predicted probabilities match the
// observed shares?
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/file.hpp"
#include "espalier/metrics/calibration.hpp"
#include "espalier/metrics/report_text.hpp"
#include "espalier/report/labelled_predictions.hpp"
#include "espalier/report/svg_canvas.hpp"

namespace espalier {

struct CalibrationOptions {
  Index bins = 10;           ///< number of points of the diagram
  bool equal_counts = true;  ///< bins of equal weight; if false, of equal width, as for ece
};

namespace calibration_detail {

inline constexpr double plot = 300, bars = 64, gap = 14, left = 84, top = 40, bottom = 54,
                        right = 30;

/// The content of a panel, computed before it is drawn.
struct Diagram {
  std::string heading;
  std::vector<ReliabilityBin> bins;
  /// Weight of the samples by prediction; the last one includes all predictions beyond the end of
  /// the axis.
  std::vector<double> counts;
  chart_detail::Axis axis;  ///< from 0; the same for predictions and labels
  bool counted = true;      ///< no weights: the weight of a bin is its number of samples
};

[[nodiscard]] ESPALIER_COLD inline Diagram diagram_of(const LabelledPredictions& task,
                                                      const CalibrationOptions& options) {
  const auto make = options.equal_counts ? &reliability_quantiles : &reliability_bins;
  Diagram made;
  made.bins = make(task.predictions, task.labels, task.weights, options.bins);
  std::erase_if(made.bins, [](const ReliabilityBin& bin) { return !(bin.weight > 0); });
  const double error = expected_calibration_error(task.predictions, task.labels, task.weights);
  made.heading = chart_detail::shortened(task.task) + ": ECE " + report_detail::format(error);
  made.counted = task.weights.empty();
  double end = 0;
  for (const ReliabilityBin& bin : made.bins)
    end = (std::max)({end, bin.mean_prediction, bin.mean_label});
  made.axis = chart_detail::Axis::over(0, end > 0 ? (std::min)(1.0, 1.1 * end) : 1, 5, 0, false);
  made.counts.assign(30, 0.0);
  const auto count = static_cast<double>(made.counts.size());
  metrics_detail::for_each_labelled(
      "calibration", task.labels, task.weights, [&](std::size_t i, double, double w) {
        const double at = task.predictions[i] / made.axis.high * count;
        made.counts[static_cast<std::size_t>((std::min)(at, count - 1))] += w;
      });
  return made;
}

/// The 95 % Wilson score interval of a share of n samples: Wilson, JASA 1927.
[[nodiscard]] inline std::pair<double, double> share_interval(double share, double n) {
  constexpr double z = 1.959964;
  const double middle = (share + z * z / (2 * n)) / (1 + z * z / n);
  const double half =
      z * std::sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n);
  return {middle - half, middle + half};
}

ESPALIER_COLD inline void draw(SvgCanvas& out, const Diagram& d, double x0, double y0) {
  using namespace chart_detail;
  constexpr std::string_view small = "font-size=\"11\" text-anchor=\"middle\"",
                             blue = "stroke=\"#2563eb\" stroke-width=\"1.8\"";
  const auto to_x = [&](double v) { return x0 + plot * v / d.axis.high; };
  const auto to_y = [&](double v) {
    return y0 + plot * (1 - (std::min)(v, d.axis.high) / d.axis.high);
  };
  const double base = y0 + plot + gap + bars;
  out.text(x0 - left + 24, y0 - 16, heading, d.heading);
  for (const double tick : d.axis.ticks()) {
    out.line(x0, to_y(tick), x0 + plot, to_y(tick), grid_line);
    out.line(to_x(tick), y0, to_x(tick), y0 + plot, grid_line);
    out.text(x0 - 9, to_y(tick) + 4, "font-size=\"11\" text-anchor=\"end\"", d.axis.label(tick));
    out.line(to_x(tick), base, to_x(tick), base + 5, axis_line);
    out.text(to_x(tick), base + 19, small, d.axis.label(tick));
  }
  if (!d.bins.empty())
    out.line(x0, y0 + plot, x0 + plot, y0, "stroke=\"#94a3b8\" stroke-dasharray=\"5 4\"");
  for (std::size_t i = 0; i < d.bins.size(); ++i) {
    const ReliabilityBin& bin = d.bins[i];
    const double x = to_x(bin.mean_prediction);
    if (d.counted) {
      const auto [low, high] = share_interval(bin.mean_label, bin.weight);
      out.line(x, to_y((std::max)(low, 0.0)), x, to_y(high),
               "stroke=\"#93c5fd\" stroke-width=\"3\"");
    }
    if (i > 0)
      out.line(to_x(d.bins[i - 1].mean_prediction), to_y(d.bins[i - 1].mean_label), x,
               to_y(bin.mean_label), blue);
  }
  for (const ReliabilityBin& bin : d.bins)
    out.dot(to_x(bin.mean_prediction), to_y(bin.mean_label), 3.5, "fill=\"#2563eb\"");
  if (d.bins.empty())
    out.text(x0 + plot / 2, y0 + plot / 2, "text-anchor=\"middle\" fill=\"#64748b\"", "no labels");

  const double most = *std::max_element(d.counts.begin(), d.counts.end()),
               width = plot / static_cast<double>(d.counts.size());
  for (std::size_t i = 0; i < d.counts.size() && most > 0; ++i) {
    const double height = bars * d.counts[i] / most;
    if (height > 0)
      out.rectangle(x0 + width * static_cast<double>(i) + 0.5, base - height, width - 1, height,
                    "fill=\"#94a3b8\"");
  }
  out.line(x0, base, x0 + plot, base, axis_line);
  const Axis counts = Axis::over(0, most > 0 ? most : 1, 2, 0, d.counted);
  out.text(x0 - 9, base + 4, "font-size=\"11\" text-anchor=\"end\"", "0");
  if (most > 0)
    out.text(x0 - 9, base - bars + 8, "font-size=\"11\" text-anchor=\"end\"", counts.label(most));
  out.text(x0 + plot / 2, base + 40, "text-anchor=\"middle\" fill=\"#475569\"",
           "predicted probability");
  upright(out, x0 - 60, y0 + plot / 2, "share of ones");
  upright(out, x0 - 60, base - bars / 2, d.counted ? "samples" : "weight");
}

}  // namespace calibration_detail

/// The reliability diagrams of binary tasks, one panel each, as an SVG image. Each bin is a point
/// at its mean prediction and mean label, with the 95 % interval of that share if samples have no
/// weights; perfectly calibrated probabilities are on the diagonal. Below it is a histogram of the
/// predictions. The ECE in the heading uses 10 bins of equal width, as a report does by default.
/// Throws ConfigError if a size or value is invalid for expected_calibration_error(). DeGroot &
/// Fienberg, The Statistician 1983; Niculescu-Mizil & Caruana, ICML 2005.
[[nodiscard]] ESPALIER_COLD inline std::string calibration_svg(
    const std::vector<LabelledPredictions>& tasks, const std::string& title = "Calibration",
    const CalibrationOptions& options = {}) {
  using namespace calibration_detail;
  std::vector<SvgPanel> panels;
  for (const LabelledPredictions& task : tasks) {
    Diagram made = diagram_of(task, options);
    const double width =
        (std::max)(left + plot + right, 48 + 1.3 * chart_detail::width_of(made.heading));
    panels.push_back({width, top + plot + gap + bars + bottom,
                      [made = std::move(made)](SvgCanvas& out, double x, double y, double) {
                        draw(out, made, x + left, y + top);
                      }});
  }
  return chart_detail::image_of(title, 24, panels);
}

/// Writes the diagrams of a model's binary tasks on `data`, which must have labels, to a .svg file,
/// atomically. `model`: a trainer or a predictor. Throws ConfigError if the model has no binary
/// task; IoError; and what encoding `data` throws.
template <class Model>
requires PredictsEncoded<std::remove_reference_t<Model>>
void write_calibration(const std::string& path, Model&& model, const Dataset& data,
                       const std::string& title = "Calibration",
                       const CalibrationOptions& options = {}) {
  const EncodedData encoded = model.features().encode(data);
  const Predictions predictions = model.predict(encoded);
  const auto tasks = labelled(model.plan(), encoded, predictions, {LabelKind::binary});
  if (tasks.empty())
    throw ConfigError("calibration: the model has no binary task, expected one or more");
  write_file_atomically(path, calibration_svg(tasks, title, options));
}

}  // namespace espalier
