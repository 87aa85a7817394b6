// SPDX-License-Identifier: Apache-2.0
// GradNorm: makes the weighted gradients equally long, but longer for tasks that learn slowly.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/balance/settings.hpp"
#include "espalier/balance/small_matrix.hpp"

namespace espalier {

/// Learns weights w: with N_k = w_k |g_k|, their mean N̄ and the relative inverse training rate
/// r_k = (L_k / L_k⁰) / mean_j (L_j / L_j⁰), w takes a gradient descent step on
/// Σ_k |N_k − N̄ r_k^α|, with N̄ r_k^α held constant, and is then scaled so that Σ w_k = n. L⁰ is
/// the task's first positive loss. Chen et al., GradNorm, ICML 2018.
///
/// O(n); state: w and L⁰. With α = 0 all weighted gradients become equally long; the greater α, the
/// more weight a slow task gets. Helps if losses differ in scale. Conventions: plain gradient
/// descent at `learning_rate`, with lengths in units of their mean, so that the common scale of the
/// losses does not matter; weights are at least 1e-3 before the scaling; a step uses the weights
/// from before the update (as in the paper). A loss that is unknown or ≤ 0 counts as L_k = L_k⁰.
struct GradNorm {
  double alpha = 1.5;
  double learning_rate = 0.025;

  static constexpr std::string_view name = "grad_norm";
  static constexpr bool needs_coordinates = false;

  std::vector<double> learnt{};  ///< w, then L⁰ (0: none yet)

  void reset(std::size_t tasks) {
    detail::require_within(name, {"alpha", alpha}, 0, 10);
    detail::require_positive(name, {"learning_rate", learning_rate});
    learnt.assign(2 * tasks, 0.0);
    std::fill_n(learnt.begin(), tasks, 1.0);
  }

  void weights(const TaskGradients& g, std::span<double> out) {
    const std::size_t n = g.size(), all = learnt.size() / 2;
    const double count = static_cast<double>(n);
    detail::TaskVector rate{}, size{};
    double mean_rate = 0, mean_size = 0, mean_norm = 0;
    for (std::size_t i = 0; i < n; ++i) {
      double& first = learnt[all + g.tasks[i]];
      const double loss = g.losses.empty() ? 1.0 : g.losses[i];
      if (first == 0 && loss > 0 && std::isfinite(loss)) first = loss;
      rate[i] = first > 0 && loss > 0 && std::isfinite(loss) ? loss / first : 1.0;
      out[i] = learnt[g.tasks[i]];
      size[i] = out[i] * g.norm(i);
      mean_rate += rate[i] / count;
      mean_size += size[i] / count;
      mean_norm += g.norm(i) / count;
    }
    if (!(mean_norm > 0)) return;
    double sum = 0, before = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const double goal = mean_size * std::pow(rate[i] / mean_rate, alpha);
      const double sign = size[i] > goal ? 1 : size[i] < goal ? -1 : 0;
      double& w = learnt[g.tasks[i]];
      before += w;
      w = (std::max)(w - learning_rate * sign * g.norm(i) / mean_norm, 1e-3);
      sum += w;
    }
    for (std::size_t i = 0; i < n; ++i) learnt[g.tasks[i]] *= before / sum;
  }

  [[nodiscard]] std::vector<double> state() const { return learnt; }
  void restore(std::span<const double> state) { learnt.assign(state.begin(), state.end()); }
  [[nodiscard]] std::string describe() const {
    return detail::describe_settings(name, {{"alpha", alpha}, {"learning_rate", learning_rate}});
  }
};

}  // namespace espalier
