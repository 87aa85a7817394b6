// SPDX-License-Identifier: Apache-2.0
// MoCo: moving averages of gradients, and weights that follow them.
#pragma once

#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/balance/mo_do.hpp"
#include "espalier/balance/settings.hpp"

namespace espalier {

/// y_k ← y_k + β (g_k − y_k), then λ ← Π(λ − γ (Y Yᵀ + ρ I) λ), with Π the projection onto the
/// simplex; the step is Σ_k λ_k y_k. Fernando et al., Mitigating gradient bias in multi-objective
/// learning: a provably convergent approach, ICLR 2023.
///
/// One multiply-add and one stored number per task and shared parameter, O(n²) for the weights;
/// state: y and λ, which are saved with the run. Weights computed from one batch's gradients depend
/// on their noise, so the step is biased; y is less noisy. The scales of the losses matter (γ
/// multiplies squared gradients). Conventions: y starts at 0, so steps grow over the first 1 / β
/// steps, and the step uses the updated λ and y, both as in the authors' code; β, γ and ρ are
/// constant. y is kept for dense parameters only: rows of embedding tables, of which a batch has
/// few, use the gradient of the current batch. If representations are balanced, no two batches
/// share a sample: y averages the sum of a batch's gradients (the gradient with respect to a
/// constant added to the representation), and the resulting λ weights the gradients of the current
/// batch.
struct MoCo {
  double beta = 0.1;
  double gamma = 0.1;
  double rho = 0.1;

  static constexpr std::string_view name = "mo_co";
  static constexpr bool needs_coordinates = true;
  static constexpr bool remembers = true;

  std::vector<double> lambda{};

  void reset(std::size_t tasks) {
    detail::require_positive(name, {"beta", beta});
    detail::require_within(name, {"beta", beta}, 0, 1);
    detail::require_positive(name, {"gamma", gamma});
    detail::require_not_negative(name, {"rho", rho});
    lambda.assign(tasks, tasks > 0 ? 1 / static_cast<double>(tasks) : 0.0);
  }

  template <class T>
  void rewrite(const GradientCoordinates<T>& g) const {
    for (std::size_t k = 0; k < g.memory.size(); ++k) {
      double* y = g.memory[k];
      T* row = g.rows[k];
      for (std::size_t i = 0; i < g.size; ++i) {
        const double next = y[i] + beta * (static_cast<double>(row[i]) - y[i]);
        y[i] = std::isfinite(next) ? next : y[i];
        row[i] = static_cast<T>(y[i]);
      }
    }
  }

  void weights(const TaskGradients& g, std::span<double> out) {
    detail::descend_on_simplex(g, gamma, rho, lambda, out);
  }

  [[nodiscard]] std::vector<double> state() const { return lambda; }
  void restore(std::span<const double> state) { lambda.assign(state.begin(), state.end()); }
  [[nodiscard]] std::string describe() const {
    return detail::describe_settings(name, {{"beta", beta}, {"gamma", gamma}, {"rho", rho}});
  }
};

}  // namespace espalier
