// SPDX-License-Identifier: Apache-2.0
// Definitions of class_confusion.hpp.
#pragma once

#include "espalier/metrics/class_confusion.hpp"

#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/metrics/log_loss.hpp"
#include "espalier/metrics/values.hpp"

namespace espalier {

ESPALIER_COLD ESPALIER_INLINE std::vector<double> class_confusion(Values predictions, Values labels,
                                                                  Index classes, Values weights) {
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
