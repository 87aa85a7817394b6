// SPDX-License-Identifier: Apache-2.0
// Negative log-likelihood of binary labels and of class labels, from probabilities and from logits.
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>

#include "espalier/core/config.hpp"
#include "espalier/metrics/values.hpp"

namespace espalier {

namespace metrics_detail {

/// Returns `clip` if given, else the machine epsilon of the type of `probabilities`. Throws
/// ConfigError unless the result is in [0, 0.5).
double clip_of(std::string_view metric, Values probabilities, std::optional<double> clip);

/// Checks that labels are in 0 … classes − 1, then calls `visit(sample, label, weight)`. Throws
/// ConfigError if they are not.
template <class Visit>
void for_each_class(std::string_view metric, Values labels, Index classes, Values weights,
                    Visit visit) {
  if (!weights.empty()) require_size(metric, "weights", weights.size(), labels.size());
  for_each_labelled(metric, labels, weights, [&](std::size_t i, double y, double w) {
    if (!(y >= 0 && y < static_cast<double>(classes)) || y != std::floor(y))
      reject(metric, "label", i, y,
             "a whole number in [0, " + std::to_string(classes) + ") or NaN");
    visit(i, static_cast<std::size_t>(y), w);
  });
}

/// Checks that there are `classes` predictions per sample and labels in 0 … classes − 1, then calls
/// `visit(index of the sample's first prediction, label, weight)`. Throws ConfigError if not.
template <class Visit>
void for_each_class_label(std::string_view metric, Values predictions, Values labels, Index classes,
                          Values weights, Visit visit) {
  if (classes < 2)
    throw_error<ConfigError>({metric, ": classes is ", classes, "; expected 2 or more"});
  const auto k = static_cast<std::size_t>(classes);
  if (predictions.size() != labels.size() * k)
    throw_error<ConfigError>({metric, ": ", predictions.size(), " predictions for ", labels.size(),
                              " labels; expected ", classes, " for each"});
  for_each_class(metric, labels, classes, weights,
                 [&](std::size_t i, std::size_t y, double w) { visit(i * k, y, w); });
}

/// The same, but calls `visit(label, class of the largest prediction, weight)`; of equal
/// predictions, the first.
template <class Visit>
void for_each_likeliest_class(std::string_view metric, Values predictions, Values labels,
                              Index classes, Values weights, Visit visit) {
  for_each_class_label(metric, predictions, labels, classes, weights,
                       [&](std::size_t first, std::size_t y, double w) {
                         std::size_t best = 0;
                         for (std::size_t c = 0; c < static_cast<std::size_t>(classes); ++c) {
                           require_ordered(metric, first + c, predictions[first + c]);
                           if (predictions[first + c] > predictions[first + best]) best = c;
                         }
                         visit(y, best, w);
                       });
}

}  // namespace metrics_detail

/// Mean negative log-likelihood of binary labels, −Σ w (y ln p + (1 − y) ln(1 − p)) / Σ w, in nats.
/// `probabilities`: n, in [0, 1], clipped to [clip, 1 − clip]; clip defaults to the machine epsilon
/// of their type (float or double). `labels`: n, each 0, 1 or NaN (missing). `weights`: n or none,
/// ≥ 0. O(n). Undefined (NaN) if no sample is labelled. Throws ConfigError if a size or value is
/// invalid.
[[nodiscard]] double log_loss(Values probabilities, Values labels, Values weights = {},
                              std::optional<double> clip = std::nullopt);

/// The same from logits z, p = 1 / (1 + e^−z), accurate for any z: the mean of max(z, 0) − y z +
/// ln(1 + e^−|z|). `logits` must be finite; everything else as in log_loss.
[[nodiscard]] double log_loss_from_logits(Values logits, Values labels, Values weights = {});

/// Mean negative log-probability of the correct class, −Σ w ln p_y / Σ w, in nats. `probabilities`:
/// classes × n, a sample's values contiguous, in [0, 1] with sum 1 (within 0.001), clipped to
/// [clip, 1 − clip] as in log_loss. `labels`: n, each 0, 1, …, classes − 1 or NaN (missing).
/// `weights`: n or none, ≥ 0. O(classes · n). Undefined (NaN) if no sample is labelled. Throws
/// ConfigError if a size or value is invalid.
[[nodiscard]] double class_log_loss(Values probabilities, Values labels, Index classes,
                                    Values weights = {}, std::optional<double> clip = std::nullopt);

/// The same from finite logits, p = softmax(z): the mean of m + ln Σ_c e^(z_c − m) − z_y with m =
/// max_c z_c.
[[nodiscard]] double class_log_loss_from_logits(Values logits, Values labels, Index classes,
                                                Values weights = {});

/// Share of samples whose largest prediction is that of the label; of equal predictions, the first
/// counts. `predictions`: classes × n, probabilities or logits, never NaN. Everything else as in
/// class_log_loss.
[[nodiscard]] double class_accuracy(Values predictions, Values labels, Index classes,
                                    Values weights = {});

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/metrics/log_loss_definitions.hpp"
#endif
