// SPDX-License-Identifier: Apache-2.0
// Errors of numeric predictions: RMSE, MAE, R² and the Poisson deviance of counts.
#pragma once

#include "espalier/core/config.hpp"
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
[[nodiscard]] double label_mean(Values labels, Values weights = {});

/// Root mean squared error, √(Σ w (p − y)² / Σ w), in the unit of the label. `predictions`: n,
/// finite; `labels`: n, finite or NaN (missing); `weights`: n or none, ≥ 0. O(n). Undefined (NaN)
/// if no sample is labelled. Throws ConfigError if a size or value is invalid.
[[nodiscard]] double rmse(Values predictions, Values labels, Values weights = {});

/// Mean absolute error, Σ w |p − y| / Σ w, in the unit of the label. Arguments and errors as in
/// rmse.
[[nodiscard]] double mae(Values predictions, Values labels, Values weights = {});

/// Share of the labels' variance that the predictions explain, 1 − Σ w (p − y)² / Σ w (ȳ − y)²;
/// negative if the predictions are worse than the mean ȳ. Arguments and errors as in rmse.
/// Undefined (NaN) if all labels are equal up to rounding.
[[nodiscard]] double r2(Values predictions, Values labels, Values weights = {});

/// Mean Poisson deviance, 2 Σ w (y ln(y / μ) − y + μ) / Σ w with 0 ln 0 = 0: 0 for a perfect
/// prediction, +∞ if μ = 0 < y. `predictions`: the expected counts μ ≥ 0; `labels`: ≥ 0 or NaN.
/// Everything else as in rmse.
[[nodiscard]] double poisson_deviance(Values predictions, Values labels, Values weights = {});

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/metrics/regression_definitions.hpp"
#endif
