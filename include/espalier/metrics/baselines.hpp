// SPDX-License-Identifier: Apache-2.0
// Scores of the best constant prediction: the baseline that a model has to beat.
#pragma once

#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/metrics/values.hpp"

namespace espalier {

/// Log loss of always predicting the base rate r: −r ln r − (1 − r) ln(1 − r), in nats; 0 if only
/// one class occurs. `labels`: n, each 0, 1 or NaN (missing); `weights`: n or none, ≥ 0. Undefined
/// (NaN) if no sample is labelled. Throws ConfigError if a size or value is invalid.
[[nodiscard]] double constant_log_loss(Values labels, Values weights = {});

/// Weighted shares of the classes; empty if no sample is labelled. `labels`, `weights` and their
/// errors as in class_log_loss. O(classes + n).
[[nodiscard]] std::vector<double> class_shares(Values labels, Index classes, Values weights = {});

/// Log loss of always predicting the class shares r: −Σ r ln r, in nats. Arguments and errors as in
/// class_shares; undefined (NaN) if no sample is labelled.
[[nodiscard]] double constant_class_log_loss(Values labels, Index classes, Values weights = {});

/// Accuracy of always predicting the most frequent class: its share. Arguments and errors as in
/// constant_class_log_loss.
[[nodiscard]] double constant_class_accuracy(Values labels, Index classes, Values weights = {});

/// RMSE of always predicting the mean: the standard deviation of the labels. Arguments and errors
/// as in rmse.
[[nodiscard]] double constant_rmse(Values labels, Values weights = {});

/// MAE of always predicting the (weighted) median. Arguments and errors as in mae. O(n log n).
[[nodiscard]] double constant_mae(Values labels, Values weights = {});

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/metrics/baselines_definitions.hpp"
#endif
