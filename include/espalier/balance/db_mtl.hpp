// SPDX-License-Identifier: Apache-2.0
// DB-MTL: logarithms of losses, gradients of one length.
#pragma once

#include <algorithm>
#include <string_view>

#include "espalier/balance/gradient_method.hpp"

namespace espalier {

/// The gradient of log L_k is g_k / L_k; all are made as long as the longest of them:
/// α_k = max_j (|g_j| / L_j) / |g_k|. Lin et al., Dual-balancing for multi-task learning, 2023.
///
/// O(n). Scaling a loss changes nothing. Helps when losses differ in scale. Conventions: the
/// gradients of this step; the paper may average them over steps first (its β > 0), which needs the
/// gradients themselves and not their products. A loss ≤ 0, or unknown, counts as 1; a gradient of
/// 0 has weight 0.
struct DbMtl {
  static constexpr std::string_view name = "db_mtl";
  static constexpr bool needs_coordinates = false;

  void weights(const TaskGradients& g, std::span<double> out) const {
    double longest = 0;
    for (std::size_t i = 0; i < g.size(); ++i) {
      const bool known = !g.losses.empty() && g.losses[i] > 0 && std::isfinite(g.losses[i]);
      longest = (std::max)(longest, g.norm(i) / (known ? g.losses[i] + 1e-8 : 1.0));
    }
    for (std::size_t i = 0; i < g.size(); ++i) {
      out[i] = g(i, i) > 0 ? (std::min)(longest / g.norm(i), 1e30) : 0.0;
    }
  }
};

}  // namespace espalier
