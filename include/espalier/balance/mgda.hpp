// SPDX-License-Identifier: Apache-2.0
// The multiple-gradient descent algorithm: the shortest vector in the convex hull of the task
// gradients.
#pragma once

#include <string_view>

#include "espalier/balance/nonnegative_program.hpp"

namespace espalier {

/// Weights α ≥ 0 with Σ α_k = 1 that minimise |Σ α_k g_k|² = αᵀ G Gᵀ α. The resulting d has
/// g_kᵀ d ≥ |d|² for every task: a small step along −d makes no loss worse, and d = 0 means that
/// the point is Pareto-stationary. Désidéri, Comptes rendus 2012; Sener & Koltun, Multi-task
/// learning as multi-objective optimization, NeurIPS 2018.
///
/// Solved exactly by an active-set method, a few times O(n³) (the papers use Frank–Wolfe, an
/// approximation). Scaling all gradients by one factor changes no weight; a task whose gradient is
/// much shorter than the others' gets nearly all the weight. If several α give the shortest d and
/// equal weights are among them, the weights are equal; but zero gradients, if any, share all the
/// weight. Helps if no task may get worse; slow if one task is nearly learnt and its gradient
/// short.
struct Mgda {
  static constexpr std::string_view name = "mgda";
  static constexpr bool needs_coordinates = false;

  void weights(const TaskGradients& gradients, std::span<double> out) const {
    const std::size_t n = gradients.size();
    detail::TaskMatrix gramian(n);
    for (std::size_t i = 0; i < n * n; ++i) gramian.values[i] = gradients.gramian[i];
    detail::shortest_in_hull(gramian, out);
  }
};

}  // namespace espalier
