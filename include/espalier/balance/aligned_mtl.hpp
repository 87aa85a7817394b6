// SPDX-License-Identifier: Apache-2.0
// Aligned-MTL: scales the principal components of the gradients to equal length.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "espalier/balance/settings.hpp"
#include "espalier/balance/small_matrix.hpp"

namespace espalier {

/// The eigenvalue of G Gᵀ that sets the length of all principal components.
enum class AlignScale { least, median, mean };

/// G Gᵀ = V Λ Vᵀ; replaces the gradients with the nearest ones whose matrix has condition number 1:
/// weights α = √λ_s V Λ^(−1/2) Vᵀ p, with p the preferences and λ_s by default the least non-zero
/// eigenvalue. Senushkin et al., Independent component alignment for multi-task learning, CVPR
/// 2023.
///
/// O(n³), exact. With gradients of full rank the aligned ones are orthogonal, so that every task
/// improves: g_kᵀ d = √λ_s (V Λ^(1/2) Vᵀ p)_k. Scaling all gradients by one factor changes no
/// weight. Conventions: p = 1 / n each, as in TorchJD (`sum = true`: 1 each, as in LibMTL);
/// eigenvalues up to n ε times the greatest count as 0. `AlignScale::mean` is the authors' code.
struct AlignedMtl {
  AlignScale scale = AlignScale::least;
  bool sum = false;

  static constexpr std::string_view name = "aligned_mtl";
  static constexpr bool needs_coordinates = false;

  void weights(const TaskGradients& g, std::span<double> out) const {
    const std::size_t n = g.size();
    const double preference = sum ? 1 : 1 / static_cast<double>(n);
    double longest = 0;
    for (std::size_t i = 0; i < n; ++i) longest = (std::max)(longest, g(i, i));
    for (double& w : out) w = preference;
    if (!(longest > 0)) return;
    detail::TaskMatrix gramian(n);
    for (std::size_t i = 0; i < n * n; ++i) gramian.values[i] = g.gramian[i] / longest;
    const detail::SymmetricEigen e = detail::eigen_of(gramian);
    const double tolerance = detail::rank_tolerance(e);
    detail::TaskVector kept{};
    std::size_t rank = 0;
    double mean = 0;
    for (std::size_t i = 0; i < n; ++i) {
      if (e.values[i] > tolerance) mean += kept[rank++] = e.values[i];
    }
    std::sort(kept.begin(), kept.begin() + static_cast<std::ptrdiff_t>(rank));
    const double chosen = scale == AlignScale::least    ? kept[0]
                          : scale == AlignScale::median ? kept[(rank - 1) / 2]
                                                        : mean / static_cast<double>(rank);
    for (double& w : out) w = 0;
    for (std::size_t k = 0; k < n; ++k) {
      if (!(e.values[k] > tolerance)) continue;
      double along = 0;
      for (std::size_t i = 0; i < n; ++i) along += e.vectors(i, k) * preference;
      along *= std::sqrt(chosen / e.values[k]);
      for (std::size_t i = 0; i < n; ++i) out[i] += along * e.vectors(i, k);
    }
  }

  [[nodiscard]] std::string describe() const {
    return detail::describe_settings(name, {{"scale", double(scale)}, {"sum", sum ? 1.0 : 0.0}});
  }
};

}  // namespace espalier
