// SPDX-License-Identifier: Apache-2.0
// `transfer_gain`: what learning together gained each task over a model of its own.
#pragma once

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/metrics/report.hpp"

namespace espalier {

struct TransferGain {
  std::vector<std::pair<std::string, double>> tasks;  ///< name and δ_k; NaN where it is undefined
  double mean = undefined;                            ///< Δ, over the tasks where δ_k is defined
};

/// δ_k = ±(M_k − S_k) / |S_k|, with + where higher is better, and their mean Δ; M_k and S_k are the task's first metric in the
/// joint and in the single-task report. Above 0: the task gained by sharing; 0.01 is one per cent. Undefined where a metric
/// is or S_k is 0. Measures of different scale add up in Δ as in Maninis et al., CVPR 2019 (times −1: theirs is a drop).
/// Throws ConfigError when `single` lacks a task or its metric, or when the metric has no better direction.
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
