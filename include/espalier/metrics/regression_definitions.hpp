// SPDX-License-Identifier: Apache-2.0
// Definitions of regression.hpp.
#pragma once

#include "espalier/metrics/regression.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "espalier/core/config.hpp"
#include "espalier/core/rounding.hpp"
#include "espalier/metrics/values.hpp"

namespace espalier {

ESPALIER_INLINE double label_mean(Values labels, Values weights) {
  return metrics_detail::mean_error("label_mean", labels, labels, weights,
                                    [](std::size_t, double, double y) { return y; });
}

ESPALIER_INLINE double rmse(Values predictions, Values labels, Values weights) {
  return std::sqrt(metrics_detail::mean_error(
      "rmse", predictions, labels, weights,
      [](std::size_t, double p, double y) { return (p - y) * (p - y); }));
}

ESPALIER_INLINE double mae(Values predictions, Values labels, Values weights) {
  return metrics_detail::mean_error(
      "mae", predictions, labels, weights,
      [](std::size_t, double p, double y) { return std::abs(p - y); });
}

ESPALIER_INLINE double r2(Values predictions, Values labels, Values weights) {
  const double mean = label_mean(labels, weights);
  const auto left = [](std::size_t, double p, double y) { return (p - y) * (p - y); };
  const auto all = [mean](std::size_t, double, double y) { return (mean - y) * (mean - y); };
  const double residual = metrics_detail::mean_error("r2", predictions, labels, weights, left);
  const double variance = metrics_detail::mean_error("r2", labels, labels, weights, all);
  double low = std::numeric_limits<double>::infinity(), high = -low;
  metrics_detail::for_each_labelled("r2", labels, weights, [&](std::size_t, double y, double) {
    low = (std::min)(low, y);
    high = (std::max)(high, y);
  });
  const double size = (std::max)(std::abs(low), std::abs(high));
  return is_rounding(high - low, size) || !(variance > 0) ? undefined : 1 - residual / variance;
}

ESPALIER_INLINE double poisson_deviance(Values predictions, Values labels, Values weights) {
  constexpr std::string_view metric = "poisson_deviance";
  return metrics_detail::mean_error(
      metric, predictions, labels, weights, [&](std::size_t i, double mu, double y) {
        if (mu < 0) metrics_detail::reject(metric, "prediction", i, mu, "a number >= 0");
        if (y < 0) metrics_detail::reject(metric, "label", i, y, "a number >= 0 or NaN");
        return 2 * ((y > 0 ? y * std::log(y / mu) : 0.0) - y + mu);
      });
}

}  // namespace espalier
