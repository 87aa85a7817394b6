// SPDX-License-Identifier: Apache-2.0
// Throws as soon as losses, weights or predictions are not finite.
#pragma once

#include <cmath>
#include <span>
#include <string>

#include "espalier/core/error.hpp"
#include "espalier/data/batch.hpp"
#include "espalier/data/encoded.hpp"
#include "espalier/exec/parameters.hpp"
#include "espalier/exec/predictions.hpp"
#include "espalier/model/loop_state.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

/// Whether any sample has a label and, if there are weights, a weight above 0.
[[nodiscard]] inline bool any_labelled(std::span<const float> labels,
                                       std::span<const float> weights) {
  for (std::size_t j = 0; j < labels.size(); ++j) {
    if (labels[j] == labels[j] && (weights.empty() || weights[j] > 0)) return true;
  }
  return false;
}

/// Throws DivergenceError if a loss of the batch is not finite although the batch has labels of the
/// task.
inline void require_finite(const PlanView& plan, std::span<const double> losses,
                           const Batch<float>& batch, const LoopState& loop) {
  for (std::size_t k = 0; k < losses.size(); ++k) {
    if (std::isfinite(losses[k])) continue;
    const auto n = static_cast<std::size_t>(batch.size);
    const std::span<const float> weights(batch.weights, batch.weights == nullptr ? 0 : n);
    if (!any_labelled({batch.labels.column(static_cast<Index>(k)), n}, weights)) continue;
    throw_error<DivergenceError>({"training diverged: the loss of task '", plan.tasks[k].name,
                                  "' is ", losses[k], " at step ", loop.step, " (epoch ",
                                  loop.epoch + 1,
                                  "); a lower learning rate or max_gradient_norm may help"});
  }
}

/// The same for the parameters after the last step.
ESPALIER_COLD inline void require_finite(const PlanView& plan, const Parameters<float>& parameters,
                                         const LoopState& loop) {
  const std::string found = find_not_finite(plan, parameters);
  if (found.empty()) return;
  throw_error<DivergenceError>({"training diverged: ", found, " after step ", loop.step, " (epoch ",
                                loop.epoch + 1,
                                "); a lower learning rate or max_gradient_norm may help"});
}

/// The same for the losses and predictions of the validation split.
inline void require_finite(const PlanView& plan, const Predictions& predictions,
                           const EncodedData& data, const LoopState& loop) {
  for (std::size_t k = 0; k < plan.tasks.size(); ++k) {
    bool finite =
        std::isfinite(predictions.losses[k]) || !any_labelled(data.label(k), data.weights);
    for (const float p : predictions.values[k]) finite = finite && std::isfinite(p);
    if (finite) continue;
    throw_error<DivergenceError>({"training diverged: what task '", plan.tasks[k].name,
                                  "' predicts on the validation split is not finite after epoch ",
                                  loop.epoch,
                                  "; a lower learning rate or max_gradient_norm may help"});
  }
}

}  // namespace espalier
