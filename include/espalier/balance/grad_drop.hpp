// SPDX-License-Identifier: Apache-2.0
// GradDrop: where gradients differ in sign, one sign is drawn and the others are dropped.
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

/// For each coordinate P = ½ (1 + Σ_k g_k / Σ_k |g_k|) is the chance that the positive values stay
/// and the negative ones go, else the other way round; the step is the sum of what stayed. Chen et
/// al., Just pick a sign: optimizing deep multitask models with gradient sign dropout, NeurIPS 2020.
///
/// O(n) and one random number a coordinate. On average over draws the step is
/// Σ_k g_k; without conflicts of sign it is that: `Equal`. The noise drives the model out of points
/// where tasks pull against each other, towards minima that they share. Scaling all gradients by one
/// factor scales the step. Conventions: f is the identity; `leak`, ℓ of the paper, is how much of
/// what goes stays after all: 1 is `Equal`. On representations every sample's values are
/// coordinates; the paper's multiplication by the sign of the activation changes nothing there, as
/// it turns all tasks' signs alike. Numbers are drawn from the trainer's seed, the step and the
/// coordinate's number: the same for any number of threads.
struct GradDrop {
  double leak = 0;              ///< of every task, or
  std::vector<double> leaks{};  ///< one a task

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
    constexpr std::size_t run = 64;  // coordinates at a time, for loops without branches
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
