// SPDX-License-Identifier: Apache-2.0
// Smooth Tchebycheff: a smooth maximum of the weighted losses.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/balance/settings.hpp"

namespace espalier {

/// The objective is μ log Σ_k exp(λ_k (L_k − z_k) / μ), which for μ → 0 is max_k λ_k (L_k − z_k):
/// with it, the choice of λ can reach every Pareto-optimal point. Its derivative gives
/// w_k ∝ λ_k softmax_k(λ (L − z) / μ). Lin et al., Smooth Tchebycheff scalarization for
/// multi-objective optimization, ICML 2024.
///
/// O(n); needs the losses of the current step, and so a barrier between forward and backward pass.
/// The scales of the losses matter. Conventions: preferences λ_k default to 1 / n, ideal losses z_k
/// to 0; the derivative is multiplied by n² (so that λ_k = 1 / n gives weights whose sum is n);
/// μ = 0.1. An absent task has weight 1.
struct SmoothTchebycheff {
  double mu = 0.1;
  std::vector<double> preferences{};  ///< one per task; may be empty
  std::vector<double> ideal{};        ///< one per task; may be empty

  static constexpr std::string_view name = "smooth_tchebycheff";
  static constexpr bool needs_current_losses = true;

  void keep(const LearningTasks& tasks) {
    if (!ideal.empty()) detail::keep_learning(name, "ideal losses", ideal, tasks);
    if (!preferences.empty()) detail::keep_learning(name, "preferences", preferences, tasks);
  }
  void reset(std::size_t) const {
    detail::require_positive(name, {"mu", mu});
    for (const double p : preferences) detail::require_not_negative(name, {"preferences", p});
  }
  void weights(std::span<const double> losses, std::span<double> out) const {
    const double n = static_cast<double>(out.size());
    double greatest = -1e300, sum = 0;
    for (std::size_t k = 0; k < out.size(); ++k) {
      const double loss = losses[k] - (ideal.empty() ? 0.0 : ideal[k]);
      out[k] = std::isfinite(loss) ? (preferences.empty() ? 1 / n : preferences[k]) * loss / mu
                                   : std::nan("");
      if (out[k] == out[k]) greatest = (std::max)(greatest, out[k]);
    }
    for (const double w : out) sum += w == w ? std::exp(w - greatest) : 0.0;
    for (std::size_t k = 0; k < out.size(); ++k) {
      const double preference = preferences.empty() ? 1 / n : preferences[k];
      out[k] = out[k] == out[k] ? n * n * preference * std::exp(out[k] - greatest) / sum : 1.0;
    }
  }
  void observe(std::span<const double>) const {}
  [[nodiscard]] std::vector<double> state() const { return {}; }
  void restore(std::span<const double>) const {}
  [[nodiscard]] std::string describe() const {
    std::string text = detail::describe_settings(name, {{"mu", mu}});
    for (const double p : preferences) text += " preference " + detail::setting_text(p);
    for (const double z : ideal) text += " ideal " + detail::setting_text(z);
    return text;
  }
};

}  // namespace espalier
