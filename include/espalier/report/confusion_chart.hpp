// SPDX-License-Identifier: Apache-2.0
// Confusion matrices as an SVG image: which class was predicted as which.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/decimal.hpp"
#include "espalier/core/file.hpp"
#include "espalier/metrics/class_confusion.hpp"
#include "espalier/metrics/confusion.hpp"
#include "espalier/metrics/log_loss.hpp"
#include "espalier/metrics/report_text.hpp"
#include "espalier/report/labelled_predictions.hpp"
#include "espalier/report/svg_canvas.hpp"

namespace espalier {

namespace confusion_detail {

inline constexpr Index most_classes = 60;  // more do not fit into an image
inline constexpr std::size_t longest_name = 18;
inline constexpr double top = 44, right = 30;

struct Matrix {
  std::string heading;
  std::vector<std::string> names;
  std::vector<double> counts;  ///< row-major: one row per label

  [[nodiscard]] double cell() const {
    if (names.size() <= 4) return (std::max)(76.0, longest() + 12);
    return names.size() <= 10 ? 48 : names.size() <= 20 ? 30 : 14;
  }
  [[nodiscard]] double side() const { return cell() * static_cast<double>(names.size()); }
  [[nodiscard]] double longest() const {
    double width = 0;
    for (const std::string& name : names) width = (std::max)(width, chart_detail::width_of(name));
    return width;
  }
  [[nodiscard]] bool upright_names() const { return longest() > cell() - 6; }
  /// Width at the left of the matrix, for the names and the title of the axis.
  [[nodiscard]] double left() const { return 46 + longest() + 10; }
  [[nodiscard]] double bottom() const { return (upright_names() ? 1.1 * longest() + 20 : 24) + 34; }
};

[[nodiscard]] ESPALIER_COLD inline Matrix matrix_of(const LabelledPredictions& task,
                                                    double threshold) {
  Matrix made;
  made.heading = chart_detail::shortened(task.task) + ": accuracy ";
  const Index classes = task.classes == 0 ? 2 : task.classes;
  if (classes > most_classes) {
    made.heading = chart_detail::shortened(task.task) + ": " + std::to_string(classes) +
                   " classes, too many for a picture";
    return made;
  }
  for (Index c = 0; c < classes; ++c) {
    const auto i = static_cast<std::size_t>(c);
    made.names.push_back(i < task.class_names.size()
                             ? chart_detail::shortened(task.class_names[i], longest_name)
                             : std::to_string(c));
  }
  if (task.classes == 0) {
    const Confusion c = confusion(task.predictions, task.labels, task.weights, threshold);
    made.counts = {c.true_negative, c.false_positive, c.false_negative, c.true_positive};
    made.heading += report_detail::format(c.accuracy()) + " at " + decimal(threshold, 3);
  } else {
    made.counts = class_confusion(task.predictions, task.labels, classes, task.weights);
    made.heading +=
        report_detail::format(class_accuracy(task.predictions, task.labels, classes, task.weights));
  }
  return made;
}

/// "1234", "56.7k", "3.1M".
[[nodiscard]] inline std::string short_count(double count) {
  if (count >= 1e6) return decimal(count / 1e6, 3) + "M";
  return count >= 1e4 ? decimal(count / 1e3, 3) + "k" : decimal(count, 4);
}

/// "0.4%", "4%", "41%".
[[nodiscard]] inline std::string percent(double share) {
  return share >= 0.01 || share == 0 ? decimal(100 * share, 0, std::chars_format::fixed) + "%"
                                     : decimal(100 * share, 1) + "%";
}

/// White at 0, blue at 1.
[[nodiscard]] inline std::string shade(double share) {
  constexpr std::array<double, 3> blue{29, 78, 216};
  std::string color = "rgb(";
  for (const double part : blue)
    color += (color.back() == '(' ? "" : ",") + decimal(std::round(255 + share * (part - 255)), 3);
  return color + ")";
}

ESPALIER_COLD inline void draw(SvgCanvas& out, const Matrix& m, double x0, double y0) {
  const double cell = m.cell();
  const std::size_t k = m.names.size();
  for (std::size_t row = 0; row < k; ++row) {
    double sum = 0;
    for (std::size_t c = 0; c < k; ++c) sum += m.counts[row * k + c];
    const double y = y0 + cell * static_cast<double>(row);
    out.text(x0 - 10, y + cell / 2 + 4,
             k > 20 ? "font-size=\"10\" text-anchor=\"end\"" : "text-anchor=\"end\"", m.names[row]);
    for (std::size_t c = 0; c < k; ++c) {
      const double count = m.counts[row * k + c], share = sum > 0 ? count / sum : 0,
                   x = x0 + cell * static_cast<double>(c);
      out.rectangle(x, y, cell, cell, "fill=\"" + shade(share) + "\" stroke=\"#e2e8f0\"");
      if (cell < 30 || count == 0) continue;
      const std::string ink = share > 0.5 ? "fill=\"#ffffff\" " : "fill=\"#334155\" ";
      const std::string middle =
          ink + "text-anchor=\"middle\" font-size=\"" + (cell < 40 ? "10" : "12") + "\"";
      const double down = cell < 40 ? 4 : -2;
      out.text(x + cell / 2, y + cell / 2 + down, middle, percent(share));
      if (cell >= 40)
        out.text(x + cell / 2, y + cell / 2 + 13, ink + "text-anchor=\"middle\" font-size=\"10\"",
                 short_count(count));
    }
  }
  for (std::size_t c = 0; c < k; ++c) {
    const double x = x0 + cell * (static_cast<double>(c) + 0.5),
                 y = y0 + m.side() + (m.upright_names() ? 10 : 20);
    if (!m.upright_names()) {
      out.text(x, y, "text-anchor=\"middle\"", m.names[c]);
    } else {
      using chart_detail::number;
      out.text(x + 4, y,
               std::string(k > 20 ? "font-size=\"10\" " : "") +
                   "text-anchor=\"end\" transform=\"rotate(-90 " + number(x + 4) + " " + number(y) +
                   ")\"",
               m.names[c]);
    }
  }
  out.text(x0 + m.side() / 2, y0 + m.side() + m.bottom() - 14,
           "text-anchor=\"middle\" fill=\"#475569\"", "predicted");
  chart_detail::upright(out, x0 - m.left() + 34, y0 + m.side() / 2, "label");
}

}  // namespace confusion_detail

/// Confusion matrices, one panel per task, as an SVG image. Rows are labels, columns are
/// predictions: the most probable class or, for a binary task, whether the probability is at least
/// `threshold`. A cell shows its share of the row and its number of samples (their weight if there
/// are weights). Throws ConfigError as class_confusion() and confusion() do.
[[nodiscard]] ESPALIER_COLD inline std::string confusion_svg(
    const std::vector<LabelledPredictions>& tasks, const std::string& title = "Confusion",
    double threshold = 0.5) {
  using namespace confusion_detail;
  std::vector<SvgPanel> panels;
  for (const LabelledPredictions& task : tasks) {
    Matrix m = matrix_of(task, threshold);
    const double width =
        (std::max)(m.left() + m.side() + right, 48 + 1.3 * chart_detail::width_of(m.heading));
    panels.push_back({width, top + m.side() + m.bottom(),
                      [m = std::move(m)](SvgCanvas& out, double x, double y, double) {
                        out.text(x + 24, y + top - 18, chart_detail::heading, m.heading);
                        if (!m.names.empty()) draw(out, m, x + m.left(), y + top);
                      }});
  }
  return chart_detail::image_of(title, 24, panels);
}

/// Writes the matrices of a model's tasks (class tasks first, then binary tasks) on `data`, which
/// must have labels, to a .svg file, atomically. `model`: a trainer or a predictor. Throws
/// ConfigError if the model has no such task; IoError; and what encoding `data` throws.
template <class Model>
requires PredictsEncoded<std::remove_reference_t<Model>>
void write_confusion(const std::string& path, Model&& model, const Dataset& data,
                     const std::string& title = "Confusion", double threshold = 0.5) {
  const EncodedData encoded = model.features().encode(data);
  const Predictions predictions = model.predict(encoded);
  const auto tasks =
      labelled(model.plan(), encoded, predictions, {LabelKind::classes, LabelKind::binary});
  if (tasks.empty())
    throw ConfigError(
        "confusion: the model has no binary task and none of classes, expected one or more");
  write_file_atomically(path, confusion_svg(tasks, title, threshold));
}

}  // namespace espalier
