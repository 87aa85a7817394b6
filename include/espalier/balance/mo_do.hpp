// SPDX-License-Identifier: Apache-2.0
// MoDo: follows the weights of the shortest direction, one gradient step per training step.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/balance/nonnegative_program.hpp"
#include "espalier/balance/settings.hpp"

namespace espalier {

namespace detail {

/// λ ← Π(λ − γ (G Gᵀ + ρ I) λ), with Π the projection onto the simplex; writes the new λ of the
/// present tasks to `out`.
inline void descend_on_simplex(const TaskGradients& g, double gamma, double rho,
                               std::span<double> lambda, std::span<double> out) {
  const std::size_t n = g.size();
  double sum = 0;
  for (const std::size_t task : g.tasks) sum += lambda[task];
  TaskVector before{};
  // λ of the present tasks, normalised to sum to 1: absent tasks keep theirs.
  for (std::size_t i = 0; i < n; ++i)
    before[i] = sum > 0 ? lambda[g.tasks[i]] / sum : 1 / static_cast<double>(n);
  for (std::size_t i = 0; i < n; ++i) {
    double slope = rho * before[i];
    for (std::size_t j = 0; j < n; ++j) slope += g(i, j) * before[j];
    out[i] = before[i] - gamma * slope;
    if (!(std::abs(out[i]) < 1e100)) out[i] = before[i];
  }
  project_on_simplex(out);
  for (std::size_t i = 0; i < n; ++i)
    lambda[g.tasks[i]] = n == lambda.size() ? out[i] : out[i] * sum;
}

}  // namespace detail

/// λ ← Π(λ − γ (G Gᵀ + ρ I) λ), with Π the projection onto the simplex; the step follows Σ λ_k g_k.
/// λ approaches the weights of `Mgda` slowly, which averages out noise. Chen et al., Three-way
/// trade-off in multi-objective learning, NeurIPS 2023.
///
/// O(n²); state: λ, initially 1 / n. The smaller γ, the closer to equal weights. The effect of γ
/// depends on the scale of the losses. Conventions: γ = ρ = 0.1; λ is updated before it is used, as
/// in TorchJD. The paper multiplies gradients of two separate batches (hence "double"), so that the
/// product is unbiased; this uses the Gramian of one batch, which favours less noisy tasks.
struct MoDo {
  double gamma = 0.1;
  double rho = 0.1;

  static constexpr std::string_view name = "mo_do";
  static constexpr bool needs_coordinates = false;

  std::vector<double> lambda{};

  void reset(std::size_t tasks) {
    detail::require_positive(name, {"gamma", gamma});
    detail::require_not_negative(name, {"rho", rho});
    lambda.assign(tasks, tasks > 0 ? 1 / static_cast<double>(tasks) : 0.0);
  }

  void weights(const TaskGradients& g, std::span<double> out) {
    detail::descend_on_simplex(g, gamma, rho, lambda, out);
  }

  [[nodiscard]] std::vector<double> state() const { return lambda; }
  void restore(std::span<const double> state) { lambda.assign(state.begin(), state.end()); }
  [[nodiscard]] std::string describe() const {
    return detail::describe_settings(name, {{"gamma", gamma}, {"rho", rho}});
  }
};

}  // namespace espalier
