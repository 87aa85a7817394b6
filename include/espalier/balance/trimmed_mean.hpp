// SPDX-License-Identifier: Apache-2.0
// TrimmedMean: the mean of each coordinate without its greatest and least values.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>

#include "espalier/balance/gradient_method.hpp"
#include "espalier/balance/settings.hpp"

namespace espalier {

/// For each coordinate, discards the t greatest and the t least of the n values, t = `trim`; the
/// step is the mean of the others. Yin et al., Byzantine-robust distributed learning: towards
/// optimal statistical rates, ICML 2018.
///
/// O(n²) per coordinate. Robust to any t outlier gradients: every coordinate of the step lies
/// between the least and the greatest value of the others. Designed for many workers on one task:
/// if few tasks have a non-zero gradient at a coordinate, exactly those values are trimmed. t = 0
/// is `MeanGradient`; three tasks and t = 1 give the median. Scaling all gradients by one factor
/// scales the step. Conventions: with fewer than 2 t + 1 tasks in the batch, t is the greatest
/// value that keeps at least one; which of several equal values are discarded does not matter.
struct TrimmedMean {
  int trim = 1;

  static constexpr std::string_view name = "trimmed_mean";
  static constexpr bool needs_coordinates = true;

  void reset(std::size_t) const { detail::require_within(name, {"trim", double(trim)}, 0, 1000); }
  [[nodiscard]] static std::vector<double> state() { return {}; }
  void restore(std::span<const double>) const {}

  template <class T>
  void rewrite(const GradientCoordinates<T>& g) const {
    constexpr std::size_t run = 64;  // coordinates per inner loop, which has no branches
    const std::size_t n = g.rows.size();
    const std::size_t cut = (std::min)(static_cast<std::size_t>(trim), (n - 1) / 2);
    const T middle = static_cast<T>(n - 1) / 2, away = middle - static_cast<T>(cut);
    const T share = T{1} / static_cast<T>(n - 2 * cut);
    std::array<std::array<T, run>, GradientAggregator::max_tasks> rank;  // of each of the n values
    for (std::size_t begin = 0; begin < g.size; begin += run) {
      const std::size_t size = (std::min)(run, g.size - begin);
      for (std::size_t k = 0; k < n; ++k) {
        const T* own = g.rows[k] + begin;
        T* ESPALIER_RESTRICT below = rank[k].data();
        std::fill_n(below, size, T{0});
        for (std::size_t j = 0; j < n; ++j) {
          const T* other = g.rows[j] + begin;
          if (j < k) {
            for (std::size_t i = 0; i < size; ++i) below[i] += other[i] <= own[i] ? T{1} : T{0};
          } else if (j > k) {
            for (std::size_t i = 0; i < size; ++i) below[i] += other[i] < own[i] ? T{1} : T{0};
          }
        }
      }
      for (std::size_t k = 0; k < n; ++k) {
        T* ESPALIER_RESTRICT row = g.rows[k] + begin;
        T* ESPALIER_RESTRICT factor = rank[k].data();
        for (std::size_t i = 0; i < size; ++i)
          factor[i] = std::abs(factor[i] - middle) <= away ? share : T{0};
        for (std::size_t i = 0; i < size; ++i) row[i] *= factor[i];
      }
    }
  }

  void weights(const TaskGradients&, std::span<double> out) const {
    for (double& w : out) w = 1;
  }

  [[nodiscard]] std::string describe() const {
    return detail::describe_settings(name, {{"trim", double(trim)}});
  }
};

}  // namespace espalier
