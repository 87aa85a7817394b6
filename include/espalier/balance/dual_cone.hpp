// SPDX-License-Identifier: Apache-2.0
// UPGrad and DualProj: projections onto the cone of steps that make no task worse.
#pragma once

#include <string>
#include <string_view>

#include "espalier/balance/nonnegative_program.hpp"

namespace espalier {

namespace detail {

/// Adds to `out` the weights v ≥ u of the projection of Σ u_k g_k onto {d : g_kᵀ d ≥ 0 for all k}:
/// they minimise vᵀ G Gᵀ v. Computed in units of the gradients' lengths.
inline void project_on_dual_cone(const TaskGradients& g, const TaskMatrix& cosines,
                                 std::span<const double> u, std::span<double> out) {
  const std::size_t n = g.size();
  double longest = 0;
  for (std::size_t i = 0; i < n; ++i) longest = (std::max)(longest, g.norm(i) * u[i]);
  if (!(longest > 0)) longest = 1;
  TaskVector pull{}, more{};
  for (std::size_t i = 0; i < n; ++i) {
    pull[i] = 0;
    for (std::size_t j = 0; j < n; ++j) pull[i] -= cosines(i, j) * (g.norm(j) * u[j] / longest);
  }
  minimize_nonnegative(cosines, {pull.data(), n}, {more.data(), n});
  for (std::size_t i = 0; i < n; ++i)
    out[i] += u[i] + (more[i] > 0 ? more[i] * longest / g.norm(i) : 0.0);
}

}  // namespace detail

/// Projects each gradient onto the dual cone {d : g_kᵀ d ≥ 0 for all k}; the step is the mean of
/// the projections. Quinton & Rey, Jacobian descent for multi-objective optimization, 2024.
///
/// No task gets worse; without conflicts it equals `MeanGradient`; a task's contribution to the
/// step grows with its gradient ("linear under scaling"). Solves n quadratic programs of n
/// variables exactly by an active-set method: a few times O(n⁴). Conventions: the mean, as in the
/// paper (`sum = true`: the sum); no regularisation of the Gramian (TorchJD adds 1e-4 of its trace
/// to the diagonal by default).
struct UpGrad {
  bool sum = false;

  static constexpr std::string_view name = "up_grad";
  static constexpr bool needs_coordinates = false;

  void weights(const TaskGradients& g, std::span<double> out) const {
    const std::size_t n = g.size();
    const detail::TaskMatrix cosines = detail::cosines_of(g);
    for (double& w : out) w = 0;
    detail::TaskVector u{};
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t k = 0; k < n; ++k) u[k] = 0;
      u[i] = sum ? 1 : 1 / static_cast<double>(n);
      detail::project_on_dual_cone(g, cosines, {u.data(), n}, out);
    }
  }
  [[nodiscard]] std::string describe() const {
    return std::string(name) + (sum ? "(sum=true)" : "");
  }
};

/// Projects the mean gradient onto the dual cone {d : g_kᵀ d ≥ 0 for all k}: the step nearest to it
/// that makes no task worse. Lopez-Paz & Ranzato, Gradient episodic memory for continual learning,
/// NeurIPS 2017 (equation 11); named by Quinton & Rey, 2024.
///
/// One quadratic program, solved exactly. A long gradient may dominate the step, which UpGrad
/// avoids. Conventions as for UpGrad.
struct DualProj {
  bool sum = false;

  static constexpr std::string_view name = "dual_proj";
  static constexpr bool needs_coordinates = false;

  void weights(const TaskGradients& g, std::span<double> out) const {
    const std::size_t n = g.size();
    detail::TaskVector u{};
    for (std::size_t k = 0; k < n; ++k) u[k] = sum ? 1 : 1 / static_cast<double>(n);
    for (double& w : out) w = 0;
    detail::project_on_dual_cone(g, detail::cosines_of(g), {u.data(), n}, out);
  }
  [[nodiscard]] std::string describe() const {
    return std::string(name) + (sum ? "(sum=true)" : "");
  }
};

}  // namespace espalier
