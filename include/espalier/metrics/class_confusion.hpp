// SPDX-License-Identifier: Apache-2.0
// The confusion matrix of classes: how often which class was taken for which.
#pragma once

#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/metrics/log_loss.hpp"
#include "espalier/metrics/values.hpp"

namespace espalier {

/// Samples (the sum of their weights) by class and by the most probable class, of equal ones the first: entry
/// [label · classes + prediction]. Arguments and errors as in class_accuracy.
[[nodiscard]] ESPALIER_COLD inline std::vector<double> class_confusion(Values predictions, Values labels, Index classes,
                                                                       Values weights = {}) {
  using namespace metrics_detail;
  constexpr std::string_view metric = "class_confusion";
  const auto k = static_cast<std::size_t>(classes);
  std::vector<double> counts;
  for_each_class_label(metric, predictions, labels, classes, weights, [&](std::size_t first, std::size_t y, double w) {
    counts.resize(k * k);
    std::size_t best = 0;
    for (std::size_t c = 0; c < k; ++c) {
      require_ordered(metric, first + c, predictions[first + c]);
      if (predictions[first + c] > predictions[first + best]) best = c;
    }
    counts[y * k + best] += w;
  });
  counts.resize(k * k);
  return counts;
}

}  // namespace espalier
