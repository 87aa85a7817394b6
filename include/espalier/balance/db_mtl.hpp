// SPDX-License-Identifier: Apache-2.0
// DB-MTL: gradients of the log losses, scaled to equal length.
#pragma once

#include <algorithm>
#include <string_view>

#include "espalier/balance/gradient_method.hpp"

namespace espalier {

/// The gradient of log L_k is g_k / L_k; all are scaled to the length of the longest:
/// α_k = max_j (|g_j| / L_j) / |g_k|. Lin et al., Dual-balancing for multi-task learning, 2023.
///
/// O(n). Scaling a loss changes nothing. Helps if losses differ in scale. Conventions: uses the
/// gradients of the current step; the paper optionally averages them over steps (β > 0), which
/// needs the gradients themselves and not only their inner products. A loss that is unknown or ≤ 0
/// counts as 1; a zero gradient has weight 0.
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
