// SPDX-License-Identifier: Apache-2.0
// IMTL-G: the step has the same component along every gradient.
#pragma once

#include <string_view>

#include "espalier/balance/small_matrix.hpp"

namespace espalier {

/// Weights with Σ α_k = 1 for which d = Σ α_k g_k has the same projection on every unit gradient:
/// dᵀ u_i = dᵀ u_j. With C the cosine matrix: α_k = (C⁺ 1)_k / |g_k|, divided by their sum. Liu et
/// al., Towards impartial multi-task learning, ICLR 2021.
///
/// O(n³), exact. Weights may be negative. Scaling all gradients by one factor changes no weight;
/// scaling one gradient does not change the direction of d. If the sum of the weights is 0 (opposed
/// gradients), there is no such d: all weights are 0, as in TorchJD. Conventions: if C is singular,
/// its pseudo-inverse, with eigenvalues up to 1e-10 of the greatest counting as 0 (TorchJD: that of
/// G Gᵀ, which depends on the scales of the gradients); a zero gradient is ignored.
struct ImtlG {
  static constexpr std::string_view name = "imtl_g";
  static constexpr bool needs_coordinates = false;

  void weights(const TaskGradients& g, std::span<double> out) const {
    const std::size_t n = g.size();
    detail::TaskVector ones{};
    double shortest = 0;
    for (std::size_t i = 0; i < n; ++i) {
      ones[i] = g(i, i) > 0 ? 1 : 0;
      if (g(i, i) > 0 && (shortest == 0 || g.norm(i) < shortest)) shortest = g.norm(i);
    }
    detail::pseudo_solve(detail::cosines_of(g), {ones.data(), n}, out, 1e-10);
    double sum = 0, size = 0, most = 0;
    for (const double x : out) most = (std::max)(most, std::abs(x));
    for (std::size_t i = 0; i < n; ++i) {
      out[i] = g(i, i) > 0 ? out[i] * (shortest / g.norm(i)) : 0.0;
      sum += out[i];
      size += std::abs(out[i]);
    }
    const bool none = !(most > 1e-9) || !(std::abs(sum) > 1e-9 * size);
    for (std::size_t i = 0; i < n; ++i) out[i] = none ? 0.0 : out[i] / sum;
  }
};

}  // namespace espalier
