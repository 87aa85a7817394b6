// SPDX-License-Identifier: Apache-2.0
// Errors of predicted numbers: RMSE, MAE, R² and the Poisson deviance of counts.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "espalier/core/rounding.hpp"
#include "espalier/metrics/values.hpp"

namespace espalier {

namespace metrics_detail {

/// Σ w f(prediction, label) / Σ w over the labelled samples; both finite.
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

/// Weighted mean of the labels; for binary labels the base rate. Undefined (NaN) when nothing is
/// labelled. `labels`: n, finite or NaN (missing); `weights`: n or none, ≥ 0. Throws ConfigError
/// otherwise.
[[nodiscard]] inline double label_mean(Values labels, Values weights = {}) {
  return metrics_detail::mean_error("label_mean", labels, labels, weights,
                                    [](std::size_t, double, double y) { return y; });
}

/// Root mean squared error, √(Σ w (p − y)² / Σ w), in the label's unit.
/// `predictions`: n, finite; `labels`: n, finite or NaN (missing); `weights`: n or none, ≥ 0. O(n).
/// Undefined (NaN) when nothing is labelled. Throws ConfigError when sizes or values are not as
/// said.
[[nodiscard]] inline double rmse(Values predictions, Values labels, Values weights = {}) {
  return std::sqrt(metrics_detail::mean_error(
      "rmse", predictions, labels, weights,
      [](std::size_t, double p, double y) { return (p - y) * (p - y); }));
}

/// Mean absolute error, Σ w |p − y| / Σ w, in the label's unit. Arguments and errors as in rmse.
[[nodiscard]] inline double mae(Values predictions, Values labels, Values weights = {}) {
  return metrics_detail::mean_error(
      "mae", predictions, labels, weights,
      [](std::size_t, double p, double y) { return std::abs(p - y); });
}

/// Share of the labels' variance that is explained, 1 − Σ w (p − y)² / Σ w (ȳ − y)²; below 0 when
/// worse than the mean. Arguments and errors as in rmse. Undefined (NaN) when all labels are equal
/// but for rounding.
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
/// prediction, +∞ when μ = 0 < y. `predictions`: the expected counts μ ≥ 0; `labels` ≥ 0 or NaN.
/// All else as in rmse.
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
