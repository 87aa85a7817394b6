// SPDX-License-Identifier: Apache-2.0
// FAMO: decreases all losses at the same rate, using only the losses.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/balance/settings.hpp"
#include "espalier/balance/task_adam.hpp"

namespace espalier {

/// The objective is c Σ_k z_k log L_k with z = softmax(ξ) and c = 1 / Σ (z_k / L_k), so that the
/// weights w_k = c z_k / L_k sum to 1. (L_k is the loss minus `ideal_k`, which is 0 by default.) ξ
/// is learnt from the effect of a step: with δ_k = log L_k before − log L_k after, ξ takes an Adam
/// step in the direction −Jᵀ δ, with J the Jacobian of the softmax: a loss that fell more than the
/// others gets less weight. Liu et al., FAMO: fast adaptive multitask optimization, NeurIPS 2023.
///
/// O(n), no per-task gradients; needs the losses of the current step, and so a barrier between
/// forward and backward pass. Scaling a loss changes nothing. Losses must be positive. Conventions:
/// "after" is the loss of the next step, on the next batch; the authors evaluate the same batch
/// again, which costs a forward pass (with full batches both are the same). learning_rate 0.025 and
/// weight_decay 1e-3 as in the paper (1e-5 in the authors' code, with which ξ moves further).
/// Losses below 1e-8 count as 1e-8; a task that is absent from one of the two batches has δ = 0; a
/// task that is absent from the current batch has weight 1.
struct Famo {
  double learning_rate = 0.025;
  double weight_decay = 1e-3;
  std::vector<double> ideal{};  ///< lower bound of each loss; may be empty

  static constexpr std::string_view name = "famo";
  static constexpr bool needs_current_losses = true;

  detail::TaskAdam xi{};
  std::vector<double> before{};  ///< log L of the last step; NaN if there was none

  void keep(const LearningTasks& tasks) {
    if (!ideal.empty()) detail::keep_learning(name, "ideal losses", ideal, tasks);
  }
  void reset(std::size_t tasks) {
    detail::require_positive(name, {"learning_rate", learning_rate});
    detail::require_not_negative(name, {"weight_decay", weight_decay});
    xi.reset(tasks);
    before.assign(tasks, std::nan(""));
  }

  void weights(std::span<const double> losses, std::span<double> out) {
    const std::size_t n = out.size();
    softmax(out);
    bool any = false;
    double mean = 0;
    for (std::size_t k = 0; k < n; ++k) {
      const double delta = before[k] - log_of(losses, k);
      if (!(delta == delta)) continue;
      any = true;
      mean += out[k] * delta;
    }
    for (std::size_t k = 0; k < n && any; ++k) {
      const double delta = before[k] - log_of(losses, k);
      xi.step(k, out[k] * ((delta == delta ? delta : 0.0) - mean) + weight_decay * xi.value[k],
              learning_rate);
    }
    softmax(out);
    double greatest = -1e300;
    for (std::size_t k = 0; k < n; ++k) {
      out[k] = std::log(out[k]) - log_of(losses, k);
      if (out[k] == out[k]) greatest = (std::max)(greatest, out[k]);
    }
    double sum = 0;
    for (double& w : out) sum += w == w ? w = std::exp(w - greatest) : 0.0;
    for (double& w : out) w = w == w ? w / sum : 1.0;
  }
  void observe(std::span<const double> losses) {
    for (std::size_t k = 0; k < losses.size(); ++k) before[k] = log_of(losses, k);
  }

  [[nodiscard]] std::vector<double> state() const {
    std::vector<double> all = before;
    xi.append_to(all);
    return all;
  }
  void restore(std::span<const double> state) {
    std::copy_n(state.begin(), before.size(), before.begin());
    xi.restore(state.subspan(before.size()));
  }
  [[nodiscard]] std::string describe() const {
    std::string text = detail::describe_settings(
        name, {{"learning_rate", learning_rate}, {"weight_decay", weight_decay}});
    for (const double z : ideal) text += " ideal " + detail::setting_text(z);
    return text;
  }

 private:
  /// Returns NaN if the task has no loss, or one that is infinite or below its ideal.
  [[nodiscard]] double log_of(std::span<const double> losses, std::size_t k) const {
    const double loss = losses[k] - (ideal.empty() ? 0.0 : ideal[k]);
    return loss >= 0 && std::isfinite(loss) ? std::log((std::max)(loss, 1e-8)) : std::nan("");
  }
  void softmax(std::span<double> out) const {
    const double greatest = *std::max_element(xi.value.begin(), xi.value.end());
    double sum = 0;
    for (std::size_t k = 0; k < out.size(); ++k) sum += out[k] = std::exp(xi.value[k] - greatest);
    for (double& w : out) w /= sum;
  }
};

}  // namespace espalier
