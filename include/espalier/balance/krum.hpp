// SPDX-License-Identifier: Apache-2.0
// Krum: the gradient that is closest to the others.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "espalier/balance/settings.hpp"
#include "espalier/balance/small_matrix.hpp"

namespace espalier {

/// Each gradient's score is the sum of its distances to its n − f − 2 nearest others,
/// f = `outliers`; the step is the mean of the `selected` gradients with the lowest scores.
/// Blanchard et al., Machine learning with adversaries: Byzantine tolerant gradient descent,
/// NeurIPS 2017.
///
/// O(n²). Robust to f arbitrary gradients. Designed for many workers on one task: the tasks that
/// are not selected learn nothing in that step. Scaling all gradients by one factor changes no
/// weight. Conventions: distances are not squared, as in TorchJD (the paper squares them); with
/// fewer than f + 3 gradients, at least one nearest other counts; ties go to the earlier task.
struct Krum {
  int outliers = 0;
  int selected = 1;

  static constexpr std::string_view name = "krum";
  static constexpr bool needs_coordinates = false;

  void reset(std::size_t) const {
    detail::require_within(name, {"outliers", double(outliers)}, 0, 1000);
    detail::require_within(name, {"selected", double(selected)}, 1, 1000);
  }
  [[nodiscard]] static std::vector<double> state() { return {}; }
  void restore(std::span<const double>) const {}

  void weights(const TaskGradients& g, std::span<double> out) const {
    const std::size_t n = g.size(), away = static_cast<std::size_t>(outliers) + 2;
    const std::size_t nearest = (std::min)(n - 1, n > away ? n - away : std::size_t{1});
    detail::TaskVector score{}, distance{};
    std::array<std::size_t, GradientAggregator::max_tasks> order;
    for (std::size_t i = 0; i < n; ++i) {
      std::size_t others = 0;
      for (std::size_t j = 0; j < n; ++j) {
        if (j == i) continue;
        distance[others++] = std::sqrt((std::max)(g(i, i) - g(i, j) + (g(j, j) - g(i, j)), 0.0));
      }
      std::sort(distance.begin(), distance.begin() + static_cast<std::ptrdiff_t>(others));
      score[i] = 0;
      for (std::size_t k = 0; k < nearest; ++k) score[i] += distance[k];
      order[i] = i;
      out[i] = 0;
    }
    const std::size_t chosen = (std::min)(n, static_cast<std::size_t>(selected));
    std::sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(n),
              [&](std::size_t a, std::size_t b) {
                return score[a] < score[b] || (score[a] == score[b] && a < b);
              });
    for (std::size_t k = 0; k < chosen; ++k) out[order[k]] = 1 / static_cast<double>(chosen);
  }

  [[nodiscard]] std::string describe() const {
    return detail::describe_settings(
        name, {{"outliers", double(outliers)}, {"selected", double(selected)}});
  }
};

}  // namespace espalier
