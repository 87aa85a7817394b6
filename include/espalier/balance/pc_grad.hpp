// SPDX-License-Identifier: Apache-2.0
// PCGrad: removes from each gradient its conflicts with the others.
#pragma once

#include <string>
#include <string_view>

#include "espalier/balance/small_matrix.hpp"
#include "espalier/core/random.hpp"

namespace espalier {

/// Takes each g_i and the other g_j in random order: if the current g_i has a negative inner
/// product with g_j, projects it onto the normal plane of g_j: g_i ← g_i − (g_iᵀ g_j / |g_j|²) g_j.
/// The step is the sum of the results. Yu et al., Gradient surgery for multi-task learning, NeurIPS
/// 2020.
///
/// At most O(n³). Without conflicts it equals `Equal`. With two tasks the result conflicts with
/// neither; with more it may, because a later projection can undo an earlier one. Scaling all
/// gradients by one factor scales the step; weights are at least 1. The step is 0 if the gradients
/// are exactly opposed. Conventions: the sum (the paper's algorithm; some implementations divide by
/// n). The order is shuffled for each task and step; with `random_order = false` it is the task
/// order.
struct PcGrad {
  bool random_order = true;

  static constexpr std::string_view name = "pc_grad";
  static constexpr bool needs_coordinates = false;

  void weights(const TaskGradients& g, std::span<double> out) const {
    const std::size_t n = g.size();
    Random random(g.key, 0x9C62AD);
    std::array<std::size_t, GradientAggregator::max_tasks> order;
    for (std::size_t i = 0; i < n; ++i) order[i] = i, out[i] = 0;
    detail::TaskVector own{};
    for (std::size_t i = 0; i < n; ++i) {
      if (random_order) random.shuffle(std::span(order.data(), n));
      for (std::size_t k = 0; k < n; ++k) own[k] = k == i ? 1 : 0;
      for (std::size_t a = 0; a < n; ++a) {
        const std::size_t j = order[a];
        if (j == i || !(g(j, j) > 0)) continue;
        double product = 0;
        for (std::size_t k = 0; k < n; ++k) product += g(j, k) * own[k];
        if (product < 0) own[j] -= product / g(j, j);
      }
      for (std::size_t k = 0; k < n; ++k) out[k] += own[k];
    }
  }

  [[nodiscard]] std::string describe() const {
    return std::string(name) + (random_order ? "" : "(random_order=false)");
  }
};

}  // namespace espalier
