// SPDX-License-Identifier: Apache-2.0
// ConFIG: the direction with the same cosine to every gradient.
#pragma once

#include <string_view>

#include "espalier/balance/small_matrix.hpp"

namespace espalier {

/// d = (Σ_k g_kᵀ x) x with the unit vector x ∝ U⁺ 1, where the rows of U are the unit gradients: x
/// has the same cosine to each of them. U⁺ 1 = Uᵀ (U Uᵀ)⁺ 1 needs only the cosine matrix C of the
/// gradients: α_k ∝ (C⁺ 1)_k / |g_k|. Liu et al., ConFIG: towards conflict-free training of physics
/// informed neural networks, ICLR 2025.
///
/// O(n³), exact. If the gradients are linearly independent, every task improves. The direction does
/// not depend on the scales of the losses; the length is the sum of the gradients' components along
/// it. Conventions: eigenvalues of C up to 1e-10 of the greatest count as 0; a zero gradient is
/// ignored; opposed gradients give 0.
struct ConFig {
  static constexpr std::string_view name = "con_fig";
  static constexpr bool needs_coordinates = false;

  void weights(const TaskGradients& g, std::span<double> out) const {
    const std::size_t n = g.size();
    const detail::TaskMatrix c = detail::cosines_of(g);
    detail::TaskVector ones{}, x{};
    for (std::size_t i = 0; i < n; ++i) ones[i] = g(i, i) > 0 ? 1 : 0;
    detail::pseudo_solve(c, {ones.data(), n}, {x.data(), n}, 1e-10);
    const double length = detail::length_of(c, {x.data(), n});
    double along = 0, most = 0;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) along += g.norm(i) * c(i, j) * x[j];
      most = (std::max)(most, std::abs(x[i]));
    }
    const bool none = !(most > 1e-9) || !(length > 1e-9 * most);
    for (std::size_t i = 0; i < n; ++i) {
      out[i] = none || !(g(i, i) > 0) ? 0.0 : along / length * (x[i] / length) / g.norm(i);
    }
  }
};

}  // namespace espalier
