// SPDX-License-Identifier: Apache-2.0
// Definitions of confusion.hpp.
#pragma once

#include "espalier/metrics/confusion.hpp"

#include <cmath>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/metrics/values.hpp"

namespace espalier {

ESPALIER_INLINE Confusion confusion(Values probabilities, Values labels, Values weights,
                                    double threshold) {
  using namespace metrics_detail;
  require_sizes("confusion", probabilities, labels, weights);
  if (std::isnan(threshold)) throw ConfigError("confusion: threshold is nan; expected a number");
  Confusion counts;
  for_each_labelled("confusion", labels, weights, [&](std::size_t i, double y, double w) {
    require_binary("confusion", i, y);
    require_probability("confusion", i, probabilities[i]);
    if (probabilities[i] >= threshold)
      (y > 0 ? counts.true_positive : counts.false_positive) += w;
    else
      (y > 0 ? counts.false_negative : counts.true_negative) += w;
  });
  return counts;
}

ESPALIER_INLINE double accuracy(Values probabilities, Values labels, Values weights,
                                double threshold) {
  return confusion(probabilities, labels, weights, threshold).accuracy();
}

}  // namespace espalier
