// SPDX-License-Identifier: Apache-2.0
// FairGrad: maximises the α-fair utility of the tasks' improvements.
#pragma once

#include <string>
#include <string_view>

#include "espalier/balance/fair_weights.hpp"
#include "espalier/balance/settings.hpp"

namespace espalier {

/// d = Σ w_k g_k maximises the α-fair utility Σ_k (g_kᵀ d)^(1 − α) / (1 − α) over a ball, which
/// gives G Gᵀ w = w^(−1/α) with w > 0. α = 1 is `NashMtl`; a greater α favours the task that
/// improves least, a smaller α the sum. Ban & Ji, Fair resource allocation in multi-task learning,
/// ICML 2024.
///
/// Every task improves. If α ≠ 1, the scales of the losses matter. Solved to 1e-12 by Newton's
/// method, some tens of O(n³) iterations (the authors use least squares from SciPy). Conventions:
/// `ridge` is added to the diagonal of the cosine matrix, as for NashMtl; a zero gradient has
/// weight 0.
struct FairGrad {
  double alpha = 1;
  double ridge = 1e-6;

  static constexpr std::string_view name = "fair_grad";
  static constexpr bool needs_coordinates = false;

  void reset(std::size_t) const {
    detail::require_within(name, {"alpha", alpha}, 0.1, 20);
    detail::require_positive(name, {"ridge", ridge});
  }
  [[nodiscard]] static std::vector<double> state() { return {}; }
  void restore(std::span<const double>) const {}

  void weights(const TaskGradients& g, std::span<double> out) const {
    detail::fair_weights(g, alpha, ridge, out);
  }

  [[nodiscard]] std::string describe() const {
    return detail::describe_settings(name, {{"alpha", alpha}, {"ridge", ridge}});
  }
};

}  // namespace espalier
