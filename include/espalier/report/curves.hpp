// SPDX-License-Identifier: Apache-2.0
// Chart of a training run: the training loss of every task, and its metrics on the validation
// split.
#pragma once

#include <string>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/report/history.hpp"
#include "espalier/report/svg_chart.hpp"

namespace espalier {

/// The chart of a history with columns "train/<task>/<metric>" and "valid/<task>/<metric>", as the
/// trainer writes them: one panel per metric and split, one line per task, the same color for a
/// task in all panels. `metrics`: the metrics to show, in this order; metrics that the history
/// lacks are skipped. `best_epoch` > 0 is marked by a vertical line.
[[nodiscard]] SvgChart chart_of(const History& history, std::string title, int best_epoch = 0,
                                const std::vector<std::string>& metrics = {"loss", "auc", "rmse",
                                                                           "accuracy"});

/// Writes the chart of a run to a .svg file, atomically. Throws IoError.
void write_curves(const std::string& path, const History& history, std::string title,
                  int best_epoch = 0);

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/report/curves_definitions.hpp"
#endif
