// SPDX-License-Identifier: Apache-2.0
// Calibration of predicted probabilities: reliability bins, expected calibration error,
// predicted/observed.
#pragma once

#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/metrics/values.hpp"

namespace espalier {

/// The labelled samples with a probability in [low, high); the last bin includes 1. The bins of
/// reliability_quantiles include both ends.
struct ReliabilityBin {
  double low = 0;
  double high = 0;
  double weight = 0;                   ///< sum of weights; without weights, the number of samples
  double mean_prediction = undefined;  ///< NaN if the bin is empty
  double mean_label = undefined;       ///< NaN if the bin is empty
};

/// `bins` ≥ 1 bins of equal width over [0, 1], including empty ones: the points of a reliability
/// diagram. `probabilities`: n, in [0, 1]; `labels`: n, each 0, 1 or NaN (missing); `weights`: n or
/// none, ≥ 0. O(n + bins). Throws ConfigError if a size or value is invalid.
[[nodiscard]] std::vector<ReliabilityBin> reliability_bins(Values probabilities, Values labels,
                                                           Values weights = {}, Index bins = 10);

/// At most `bins` ≥ 1 bins of about equal weight, in ascending order of probability, none empty:
/// for probabilities that are close together, as those of rare events. Equal probabilities share a
/// bin; `low` and `high` are the minimum and maximum of a bin. Arguments and errors as in
/// reliability_bins. O(n log n).
[[nodiscard]] std::vector<ReliabilityBin> reliability_quantiles(Values probabilities, Values labels,
                                                                Values weights = {},
                                                                Index bins = 10);

/// Expected calibration error, Σ_b (W_b / W) |mean label_b − mean prediction_b| over bins of equal
/// width: 0 is perfect. Arguments and errors as in reliability_bins. Undefined (NaN) if no sample
/// is labelled. Naeini, Cooper & Hauskrecht, Obtaining well calibrated probabilities using Bayesian
/// binning, AAAI 2015.
[[nodiscard]] double expected_calibration_error(Values probabilities, Values labels,
                                                Values weights = {}, Index bins = 10);

/// Σ w p / Σ w y over the labelled samples: 1 is perfect, above 1 the predictions are too high. For
/// probabilities and for counts. `predictions`: n, finite, ≥ 0; `labels`: n, finite, ≥ 0 or NaN
/// (missing); `weights`: n or none, ≥ 0. O(n). Undefined (NaN) if the labels sum to 0. Throws
/// ConfigError if a size or value is invalid.
[[nodiscard]] double predicted_over_observed(Values predictions, Values labels,
                                             Values weights = {});

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/metrics/calibration_definitions.hpp"
#endif
