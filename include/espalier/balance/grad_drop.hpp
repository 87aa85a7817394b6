// SPDX-License-Identifier: Apache-2.0
// GradDrop: if gradients differ in sign, picks one sign at random and drops the other values.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/balance/gradient_method.hpp"
#include "espalier/balance/settings.hpp"
#include "espalier/core/random.hpp"

namespace espalier {

/// For each coordinate, with probability P = ½ (1 + Σ_k g_k / Σ_k |g_k|) keeps the positive values
/// and drops the negative ones, otherwise the reverse; the step is the sum of the kept values. Chen
/// et al., Just pick a sign: optimizing deep multitask models with gradient sign dropout, NeurIPS
/// 2020.
///
/// O(n) and one random number per coordinate. The expectation of the step is Σ_k g_k; without sign
/// conflicts the step equals it: `Equal`. The noise drives the model away from points where the
/// tasks' gradients oppose each other, towards minima that they share. Scaling all gradients by one
/// factor scales the step. Conventions: the paper's f is the identity; `leak`, the paper's ℓ, is
/// the fraction of the dropped values that is kept: 1 is `Equal`. If representations are balanced,
/// the values of every sample are the coordinates; the paper's multiplication by the sign of the
/// activation would change nothing, because it flips the signs of all tasks alike. Random numbers
/// depend on the trainer's seed, the step and the coordinate's index: they are the same for any
/// number of threads.
struct GradDrop {
  double leak = 0;              ///< of every task, used if `leaks` is empty
  std::vector<double> leaks{};  ///< one per task

  static constexpr std::string_view name = "grad_drop";
  static constexpr bool needs_coordinates = true;

  void keep(const LearningTasks& tasks) {
    if (!leaks.empty()) detail::keep_learning(name, "leaks", leaks, tasks);
  }
  void reset(std::size_t) const {
    detail::require_within(name, {"leak", leak}, 0, 1);
    for (const double l : leaks) detail::require_within(name, {"leak", l}, 0, 1);
  }
  [[nodiscard]] static std::vector<double> state() { return {}; }
  void restore(std::span<const double>) const {}

  template <class T>
  void rewrite(const GradientCoordinates<T>& g) const {
    constexpr std::size_t run = 64;  // coordinates per inner loop, which has no branches
    const std::uint64_t stream = mix(g.key, 0x6DA9D0);
    std::array<T, run> sum, size, sign, factor;
    for (std::size_t begin = 0; begin < g.size; begin += run) {
      const std::size_t n = (std::min)(run, g.size - begin);
      sum.fill(0);
      size.fill(0);
      for (const T* row : g.rows) {
        for (std::size_t i = 0; i < n; ++i) {
          sum[i] += row[begin + i];
          size[i] += std::abs(row[begin + i]);
        }
      }
      for (std::size_t i = 0; i < n; ++i) {
        const std::uint64_t bits = mix(stream ^ (g.first + begin + i)) >> 40U;
        const T draw = static_cast<T>(static_cast<std::int32_t>(bits)) * static_cast<T>(0x1p-24);
        sign[i] = static_cast<T>(0.5) * (1 + sum[i] / size[i]) > draw ? T{1} : T{-1};
      }
      for (std::size_t k = 0; k < g.rows.size(); ++k) {
        const T stays = static_cast<T>(leaks.empty() ? leak : leaks[g.tasks[k]]);
        T* ESPALIER_RESTRICT row = g.rows[k] + begin;
        for (std::size_t i = 0; i < n; ++i) factor[i] = row[i] * sign[i] > 0 ? T{1} : stays;
        for (std::size_t i = 0; i < n; ++i) row[i] *= factor[i];
      }
    }
  }

  void weights(const TaskGradients&, std::span<double> out) const {
    for (double& w : out) w = 1;
  }

  [[nodiscard]] std::string describe() const {
    if (leaks.empty()) return detail::describe_settings(name, {{"leak", leak}});
    std::string text = std::string(name) + "(leaks=";
    for (std::size_t k = 0; k < leaks.size(); ++k)
      text += (k == 0 ? "" : " ") + detail::setting_text(leaks[k]);
    return text + ")";
  }
};

}  // namespace espalier
