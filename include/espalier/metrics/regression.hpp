// SPDX-License-Identifier: Apache-2.0
// Errors of numeric predictions: RMSE, MAE, R² and the Poisson deviance of counts.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "espalier/core/rounding.hpp"
#include "espalier/metrics/values.hpp"

namespace espalier {

namespace metrics_detail {

/// Σ w error(i, prediction, label) / Σ w over the labelled samples; NaN if there are none. Throws
/// ConfigError if a size is wrong or a prediction or label is not finite.
template <class Error>
double mean_error(std::string_view metric, Values predictions, Values labels, Values weights,
                  Error error) {
  require_sizes(metric, predictions, labels, weights);
  double sum = 0;
  double total = 0;
  for_each_labelled(metric, labels, weights, [&](std::size_t i, double y, double w) {
    require_finite(metric, "prediction", i, predictions[i]);
    require_finite(metric, "label", i, y);
    sum += w * error(i, predictions[i], y);
    total += w;
  });
  return total > 0 ? sum / total : undefined;
}

}  // namespace metrics_detail

/// Weighted mean of the labels; the base rate of binary labels. Undefined (NaN) if no sample is
/// labelled. `labels`: n, finite or NaN (missing); `weights`: n or none, ≥ 0. Throws ConfigError if
/// a size or value is invalid.
[[nodiscard]] inline double label_mean(Values labels, Values weights = {}) {
  return metrics_detail::mean_error("label_mean", labels, labels, weights,
                                    [](std::size_t, double, double y) { return y; });
}

/// Root mean squared error, √(Σ w (p − y)² / Σ w), in the unit of the label. `predictions`: n,
/// finite; `labels`: n, finite or NaN (missing); `weights`: n or none, ≥ 0. O(n). Undefined (NaN)
/// if no sample is labelled. Throws ConfigError if a size or value is invalid.
[[nodiscard]] inline double rmse(Values predictions, Values labels, Values weights = {}) {
  return std::sqrt(metrics_detail::mean_error(
      "rmse", predictions, labels, weights,
      [](std::size_t, double p, double y) { return (p - y) * (p - y); }));
}

/// Mean absolute error, Σ w |p − y| / Σ w, in the unit of the label. Arguments and errors as in
/// rmse.
[[nodiscard]] inline double mae(Values predictions, Values labels, Values weights = {}) {
  return metrics_detail::mean_error(
      "mae", predictions, labels, weights,
      [](std::size_t, double p, double y) { return std::abs(p - y); });
}

/// Share of the labels' variance that the predictions explain, 1 − Σ w (p − y)² / Σ w (ȳ − y)²;
/// negative if the predictions are worse than the mean ȳ. Arguments and errors as in rmse.
/// Undefined (NaN) if all labels are equal up to rounding.
[[nodiscard]] inline double r2(Values predictions, Values labels, Values weights = {}) {
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

/// Mean Poisson deviance, 2 Σ w (y ln(y / μ) − y + μ) / Σ w with 0 ln 0 = 0: 0 for a perfect
/// prediction, +∞ if μ = 0 < y. `predictions`: the expected counts μ ≥ 0; `labels`: ≥ 0 or NaN.
/// Everything else as in rmse.
[[nodiscard]] inline double poisson_deviance(Values predictions, Values labels,
                                             Values weights = {}) {
  constexpr std::string_view metric = "poisson_deviance";
  return metrics_detail::mean_error(
      metric, predictions, labels, weights, [&](std::size_t i, double mu, double y) {
        if (mu < 0) metrics_detail::reject(metric, "prediction", i, mu, "a number >= 0");
        if (y < 0) metrics_detail::reject(metric, "label", i, y, "a number >= 0 or NaN");
        return 2 * ((y > 0 ? y * std::log(y / mu) : 0.0) - y + mu);
      });
}

}  // namespace espalier
