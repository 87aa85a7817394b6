// SPDX-License-Identifier: Apache-2.0
// ExcessMTL: more weight for tasks whose loss can still fall further.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/balance/settings.hpp"
#include "espalier/balance/small_matrix.hpp"

namespace espalier {

/// The excess risk of a task, how much its loss could still fall, is estimated from its gradient:
/// e_k = g_kᵀ H_k^(−½) g_k with H_k the sum of the squared gradients so far (as in Adagrad); then
/// w_k ← w_k exp(η e_k / e_k⁰), scaled so that Σ w_k = 1, with e⁰ the first estimate. He et al.,
/// Robust multi-task learning with excess risks, ICML 2024.
///
/// O(n); state: w, Σ|g|² and e⁰. Robust to noisy labels: a task whose loss is high but cannot fall
/// is not favoured, because its gradient is short. Conventions: H_k is one number, Σ|g_k|², so that
/// the Gramian suffices (the paper has one per parameter); e is divided by e⁰ from the first step
/// on. The default η is that of the authors' code. The exponents accumulate over the steps, so that
/// with a greater η one task ends up with nearly all the weight: with 0.1, the income task of
/// Census-Income lost 0.005 AUC.
struct ExcessMtl {
  double step_size = 0.01;

  static constexpr std::string_view name = "excess_mtl";
  static constexpr bool needs_coordinates = false;

  std::vector<double> learnt{};  ///< w, Σ|g|², e⁰

  void reset(std::size_t tasks) {
    detail::require_positive(name, {"step_size", step_size});
    learnt.assign(3 * tasks, 0.0);
    std::fill_n(learnt.begin(), tasks, 1.0);
  }

  void weights(const TaskGradients& g, std::span<double> out) {
    const std::size_t n = g.size(), all = learnt.size() / 3;
    double greatest = 0, before = 0;
    for (std::size_t i = 0; i < n; ++i) {
      double &squares = learnt[all + g.tasks[i]], &first = learnt[2 * all + g.tasks[i]];
      squares = (std::min)(squares + g(i, i), 1e300);
      const double excess = squares > 0 ? (std::min)(g(i, i), 1e300) / std::sqrt(squares) : 0.0;
      if (first == 0) first = excess;
      before += learnt[g.tasks[i]];
      out[i] = std::log(learnt[g.tasks[i]]) +
               step_size * (first > 0 ? (std::min)(excess / first, 1e6) : 0.0);
      greatest = i == 0 ? out[i] : (std::max)(greatest, out[i]);
    }
    double sum = 0;
    for (double& w : out) sum += w = (std::max)(std::exp(w - greatest), 1e-30);
    double total = 0;
    for (std::size_t i = 0; i < n; ++i) learnt[g.tasks[i]] = out[i] / sum * before;
    for (std::size_t k = 0; k < all; ++k) total += learnt[k];
    for (std::size_t i = 0; i < n; ++i) out[i] = learnt[g.tasks[i]] / total;
  }

  [[nodiscard]] std::vector<double> state() const { return learnt; }
  void restore(std::span<const double> state) { learnt.assign(state.begin(), state.end()); }
  [[nodiscard]] std::string describe() const {
    return detail::describe_settings(name, {{"step_size", step_size}});
  }
};

}  // namespace espalier
