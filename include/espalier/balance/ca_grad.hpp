// SPDX-License-Identifier: Apache-2.0
// CAGrad: maximises the worst task's improvement near the mean gradient.
#pragma once

#include <string>
#include <string_view>

#include "espalier/balance/nonnegative_program.hpp"
#include "espalier/balance/settings.hpp"

namespace espalier {

/// d = argmax min_k g_kᵀ d over |d − g₀| ≤ c |g₀|, with g₀ the mean gradient. Solved by its dual:
/// w ≥ 0, Σ w_k = 1 minimises g_wᵀ g₀ + c |g₀| |g_w| with g_w = Σ w_k g_k, and
/// d = g₀ + c |g₀| g_w / |g_w|. Liu et al., Conflict-averse gradient descent for multi-task
/// learning, NeurIPS 2021.
///
/// For c < 1 it converges to a minimum of the mean loss; c = 0 is `MeanGradient`; for c → ∞ the
/// step has the direction of `Mgda`. Scaling all gradients by one factor scales the step. Solved
/// exactly: for a given |g_w|, w is a shortest vector in a hull, and |g_w| is found by regula
/// falsi; some tens of O(n³) iterations. Conventions: `rescale` 0: d unchanged (the paper's
/// algorithm, TorchJD); 1: d / (1 + c²) (the authors' code); 2: d / (1 + c). If g_w = 0, at a
/// Pareto-stationary point, d = g₀ times the same factor, as in the authors' code.
struct CaGrad {
  double c = 0.4;
  int rescale = 0;

  static constexpr std::string_view name = "ca_grad";
  static constexpr bool needs_coordinates = false;

  void reset(std::size_t) const {
    detail::require_not_negative(name, {"c", c});
    detail::require_within(name, {"rescale", double(rescale)}, 0, 2);
  }
  [[nodiscard]] static std::vector<double> state() { return {}; }
  void restore(std::span<const double>) const {}

  void weights(const TaskGradients& given, std::span<double> out) const {
    const std::size_t n = given.size();
    const double equal = 1 / static_cast<double>(n);
    const double shrink = rescale == 1 ? 1 / (1 + c * c) : rescale == 2 ? 1 / (1 + c) : 1.0;
    for (std::size_t i = 0; i < n; ++i) out[i] = equal * shrink;
    // In units of the longest gradient, so that squares do not overflow.
    double longest = 0;
    for (std::size_t i = 0; i < n; ++i) longest = (std::max)(longest, given(i, i));
    if (!(longest > 0)) return;
    detail::TaskMatrix gramian(n);
    for (std::size_t i = 0; i < n * n; ++i) gramian.values[i] = given.gramian[i] / longest;
    const TaskGradients g{{gramian.values.data(), n * n}, given.tasks, {}, 0};
    detail::TaskVector shift{}, w{};
    for (std::size_t i = 0; i < n; ++i) shift[i] = equal;
    const double mean = detail::length_of(gramian, {shift.data(), n});
    const double radius = c * mean;
    if (!(radius > 0)) return;
    // √q = min over μ of ½ (q / μ + μ): for a given μ = radius · s, w gives the shortest vector in
    // the hull of the g_k + s g₀; the best μ is |g_w|. |g_w(s)| − radius · s decreases in s.
    const auto length_at = [&](double s) {
      for (std::size_t i = 0; i < n; ++i) shift[i] = s * equal;
      detail::shortest_in_hull(detail::shifted_gramian(g, 1, {shift.data(), n}), {w.data(), n});
      return detail::length_of(gramian, {w.data(), n});
    };
    double length = length_at(0);
    if (!(length > 0)) return;  // Pareto-stationary
    // Regula falsi with the Illinois rule. Bracket: |g_w| lies between the shortest length and 1.
    double low = length / radius, high = 1 / radius;
    double above = length_at(low) - radius * low, below = length_at(high) - radius * high;
    for (int i = 0, side = 0; i < 100 && above > 0 && below < 0 && high - low > 1e-14 * high; ++i) {
      const double middle = (above * high - below * low) / (above - below);
      length = length_at(middle);
      const double value = length - radius * middle;
      if (std::abs(value) <= 1e-14 * length) break;
      if (value > 0) {
        low = middle, above = value;
        if (side == 1) below /= 2;
        side = 1;
      } else {
        high = middle, below = value;
        if (side == -1) above /= 2;
        side = -1;
      }
    }
    if (!(above > 0)) length = length_at(low);
    if (!(length > 0)) return;
    for (std::size_t i = 0; i < n; ++i) out[i] = shrink * (equal + radius / length * w[i]);
  }

  [[nodiscard]] std::string describe() const {
    return detail::describe_settings(name, {{"c", c}, {"rescale", double(rescale)}});
  }
};

}  // namespace espalier
