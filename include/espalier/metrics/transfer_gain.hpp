// SPDX-License-Identifier: Apache-2.0
// `transfer_gain`: the relative gain of each task from joint training, compared with a single-task
// model.
#pragma once

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/metrics/report.hpp"

namespace espalier {

struct TransferGain {
  std::vector<std::pair<std::string, double>> tasks;  ///< name and δ_k; NaN if undefined
  double mean = undefined;                            ///< Δ: mean over the defined δ_k
};

/// δ_k = ±(M_k − S_k) / |S_k|, with + if higher is better, and their mean Δ. M_k and S_k are the
/// values of the task's first metric in the joint report and in the single-task report. Above 0,
/// the task gains from sharing; 0.01 is one per cent. Undefined if a metric is undefined or S_k is
/// 0. Averages relative changes, so metrics of different scales can be combined, as Maninis et al.,
/// CVPR 2019 (with the opposite sign: theirs is a drop). Throws ConfigError if a task of `joint`
/// has no metric, if `single` lacks the task or its metric, or if neither direction of the metric
/// is better.
[[nodiscard]] ESPALIER_COLD inline TransferGain transfer_gain(const Report& joint,
                                                              const Report& single) {
  TransferGain gain;
  double sum = 0, count = 0;
  for (const TaskReport& task : joint.tasks) {
    if (task.metrics.empty())
      throw_error<ConfigError>({"transfer gain: task '", task.task, "' has no metric"});
    const MetricValue& own = task.metrics[0];
    const double alone = single.value(task.task, own.name);
    const double sign = better_is_higher(own.name) ? 1 : -1;
    double delta = sign * (own.value - alone) / std::abs(alone);
    if (!std::isfinite(delta)) delta = undefined;
    if (delta == delta) {
      sum += delta;
      ++count;
    }
    gain.tasks.emplace_back(task.task, delta);
  }
  if (count > 0) gain.mean = sum / count;
  return gain;
}

}  // namespace espalier
