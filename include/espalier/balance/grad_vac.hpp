// SPDX-License-Identifier: Apache-2.0
// GradVac: rotates gradients towards their usual angle.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "espalier/balance/settings.hpp"
#include "espalier/balance/small_matrix.hpp"
#include "espalier/core/random.hpp"

namespace espalier {

/// PcGrad with a target cosine above 0: φ_ij is the running mean of the cosine of g_i and g_j. If
/// their cosine c is less than φ,
/// g_i ← g_i + |g_i| (φ √(1 − c²) − c √(1 − φ²)) / (|g_j| √(1 − φ²)) · g_j, which makes it φ; then
/// φ ← (1 − β) φ + β c. The step is the sum. Wang et al., Gradient vaccine, ICLR 2021.
///
/// O(n³); state: n² means, initially 0. Scaling all gradients by one factor changes no weight.
/// Conventions: c is the cosine of g_i as modified so far (as in the authors' algorithm); one mean
/// for all shared parameters (the paper: one per group of layers); β = 0.5 as in LibMTL and TorchJD
/// (the paper's 0.01 suits its millions of steps); φ is capped at 0.999, because the multiple of
/// g_j is unbounded as φ approaches 1; with the cap it is at most 23 |g_i| / |g_j|. If less than
/// 1e-6 of a gradient's length is left, c counts as 0 and the gradient is not changed; a zero
/// gradient is ignored. The order of the others is shuffled for each task and step; with
/// `random_order = false` it is the task order.
struct GradVac {
  double beta = 0.5;
  bool random_order = true;

  static constexpr std::string_view name = "grad_vac";
  static constexpr bool needs_coordinates = false;
  static constexpr double max_goal = 0.999;

  std::vector<double> goals{};  ///< φ, tasks × tasks
  std::size_t tasks = 0;

  void reset(std::size_t count) {
    detail::require_within(name, {"beta", beta}, 0, 1);
    tasks = count;
    goals.assign(tasks * tasks, 0.0);
  }

  void weights(const TaskGradients& g, std::span<double> out) {
    const std::size_t n = g.size();
    Random random(g.key, 0x6BACC1);
    std::array<std::size_t, GradientAggregator::max_tasks> order;
    for (std::size_t i = 0; i < n; ++i) order[i] = i, out[i] = 0;
    const detail::TaskMatrix cosines = detail::cosines_of(g);
    detail::TaskVector own{};  // coefficients of g_i / |g_i| in the unit gradients
    for (std::size_t i = 0; i < n; ++i) {
      if (random_order) random.shuffle(std::span(order.data(), n));
      for (std::size_t k = 0; k < n; ++k) own[k] = k == i ? 1 : 0;
      for (std::size_t a = 0; a < n; ++a) {
        const std::size_t j = order[a];
        if (j == i || !(g(i, i) > 0) || !(g(j, j) > 0)) continue;
        const double length = detail::length_of(cosines, {own.data(), n});
        double product = 0;
        for (std::size_t k = 0; k < n; ++k) product += cosines(j, k) * own[k];
        const double cosine =
            length > 1e-6 ? (std::min)((std::max)(product / length, -1.0), 1.0) : 0.0;
        double& goal = goals[g.tasks[i] * tasks + g.tasks[j]];
        const double aim = (std::min)(goal, max_goal);
        if (cosine < aim && length > 1e-6) {
          const double across = std::sqrt(1 - aim * aim);
          own[j] += length * (aim * std::sqrt(1 - cosine * cosine) - cosine * across) / across;
        }
        goal = (1 - beta) * goal + beta * cosine;
      }
      for (std::size_t k = 0; k < n; ++k) {
        if (own[k] != 0) out[k] += k == i ? own[k] : own[k] * g.norm(i) / g.norm(k);
      }
    }
  }

  [[nodiscard]] std::vector<double> state() const { return goals; }
  void restore(std::span<const double> state) { goals.assign(state.begin(), state.end()); }
  [[nodiscard]] std::string describe() const {
    return detail::describe_settings(name,
                                     {{"beta", beta}, {"random_order", random_order ? 1.0 : 0.0}});
  }
};

}  // namespace espalier
