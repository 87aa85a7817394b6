// SPDX-License-Identifier: Apache-2.0
// Confusion matrix of a class task: how often each class was predicted as each class.
#pragma once

#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/metrics/log_loss.hpp"
#include "espalier/metrics/values.hpp"

namespace espalier {

/// Sum of the sample weights by label and predicted class (the most probable one; of equal ones,
/// the first): entry [label · classes + prediction]. Arguments and errors as in class_accuracy.
/// O(classes · n + classes²).
[[nodiscard]] ESPALIER_COLD inline std::vector<double> class_confusion(Values predictions,
                                                                       Values labels, Index classes,
                                                                       Values weights = {}) {
  const auto k = static_cast<std::size_t>(classes);
  std::vector<double> counts;
  metrics_detail::for_each_likeliest_class("class_confusion", predictions, labels, classes, weights,
                                           [&](std::size_t y, std::size_t best, double w) {
                                             counts.resize(k * k);
                                             counts[y * k + best] += w;
                                           });
  counts.resize(k * k);
  return counts;
}

}  // namespace espalier
