// SPDX-License-Identifier: Apache-2.0
// Nash-MTL: the Nash bargaining solution between the tasks.
#pragma once

#include <string>
#include <string_view>

#include "espalier/balance/fair_weights.hpp"
#include "espalier/balance/settings.hpp"

namespace espalier {

/// The Nash bargaining solution: d = Σ α_k g_k maximises Σ_k log(g_kᵀ d) over a ball, which gives
/// G Gᵀ α = 1 / α with α > 0. Navon et al., Multi-task learning as a bargaining game, ICML 2022.
///
/// Every task improves: g_kᵀ d = 1 / α_k > 0. Scaling one gradient by s divides its weight by s: d
/// does not depend on the scales of the losses. |d|² = n for n tasks, however short the gradients
/// are, unless they nearly cancel. Solved to 1e-12 by Newton's method, about ten O(n³) iterations
/// (the authors solve a sequence of convex programs, or solve only every few steps). Conventions:
/// `ridge` is added to the diagonal of the cosine matrix, because there is no solution at a
/// Pareto-stationary point; it bounds a weight by 1 / (√ridge · |g_k|). A zero gradient has weight
/// 0. If `max_norm` > 0, |d| is at most max_norm (the authors' code: 1; here off by default,
/// because clipping is the trainer's `max_gradient_norm`).
struct NashMtl {
  double ridge = 1e-6;
  double max_norm = 0;

  static constexpr std::string_view name = "nash_mtl";
  static constexpr bool needs_coordinates = false;

  void reset(std::size_t) const {
    detail::require_positive(name, {"ridge", ridge});
    detail::require_not_negative(name, {"max_norm", max_norm});
  }
  [[nodiscard]] static std::vector<double> state() { return {}; }
  void restore(std::span<const double>) const {}

  void weights(const TaskGradients& g, std::span<double> out) const {
    detail::fair_weights(g, 1, ridge, out);
    if (!(max_norm > 0)) return;
    double square = 0;
    for (std::size_t i = 0; i < g.size(); ++i) {
      for (std::size_t j = 0; j < g.size(); ++j) square += out[i] * g(i, j) * out[j];
    }
    if (!(square > max_norm * max_norm)) return;
    for (double& w : out) w *= max_norm / std::sqrt(square);
  }

  [[nodiscard]] std::string describe() const {
    return detail::describe_settings(name, {{"ridge", ridge}, {"max_norm", max_norm}});
  }
};

}  // namespace espalier
