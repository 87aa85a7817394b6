// SPDX-License-Identifier: Apache-2.0
// PE-LTR: Pareto-efficient weights with a lower bound for each.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/balance/nonnegative_program.hpp"
#include "espalier/balance/settings.hpp"

namespace espalier {

/// Weights with Σ w_k = 1 and w_k ≥ c_k that minimise |Σ w_k g_k|²: `Mgda` with a minimum weight
/// per task. Lin et al., A Pareto-efficient algorithm for multiple objective optimization in
/// e-commerce recommendation, RecSys 2019.
///
/// O(n³), exact: with w = c + (1 − Σ c) v it is the shortest vector in the hull of
/// (1 − Σ c) g_k + Σ c_j g_j (the authors solve without w ≥ c and then project, which is an
/// approximation). Scaling all gradients by one factor changes no weight. Conventions: c is
/// `least`, one per task, or `least_each` for all tasks if `least` is empty; if tasks are absent, c
/// of the others is unchanged.
struct PeLtr {
  double least_each = 0.05;
  std::vector<double> least{};

  static constexpr std::string_view name = "pe_ltr";
  static constexpr bool needs_coordinates = false;

  std::vector<double> bounds{};

  void keep(const LearningTasks& tasks) {
    if (!least.empty()) detail::keep_learning(name, "least weights", least, tasks);
  }
  void reset(std::size_t tasks) {
    bounds = least.empty() ? std::vector<double>(tasks, least_each) : least;
    double sum = 0;
    for (const double c : bounds) {
      detail::require_within(name, {"least", c}, 0, 1);
      sum += c;
    }
    if (sum > 1 + 1e-12)
      detail::refuse_setting(name, {"the sum of the least weights", sum}, "at most 1");
  }
  [[nodiscard]] static std::vector<double> state() { return {}; }
  void restore(std::span<const double>) const {}

  void weights(const TaskGradients& g, std::span<double> out) const {
    const std::size_t n = g.size();
    detail::TaskVector c{};
    double rest = 1;
    for (std::size_t i = 0; i < n; ++i) rest -= c[i] = bounds[g.tasks[i]];
    rest = (std::max)(rest, 0.0);
    for (double& w : out) w = 1 / static_cast<double>(n);
    if (rest > 0) detail::shortest_in_hull(detail::shifted_gramian(g, rest, {c.data(), n}), out);
    for (std::size_t i = 0; i < n; ++i) out[i] = c[i] + rest * out[i];
  }

  [[nodiscard]] std::string describe() const {
    if (least.empty()) return detail::describe_settings(name, {{"least_each", least_each}});
    std::string text(name);
    for (const double c : least)
      text += (text.size() == name.size() ? "(least=" : " ") + detail::setting_text(c);
    return text + ")";
  }
};

}  // namespace espalier
