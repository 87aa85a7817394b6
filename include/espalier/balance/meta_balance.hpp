// SPDX-License-Identifier: Apache-2.0
// MetaBalance: scales the auxiliary tasks' gradients to the length of the target task's.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/balance/gradient_method.hpp"
#include "espalier/balance/settings.hpp"

namespace espalier {

/// The auxiliary gradients that are scaled: those longer than the target's, the shorter ones, or
/// all.
enum class MetaScale { longer, shorter, all };

/// With m_k a moving average of |g_k| and t the target task, the weight of every other task is
/// r m_t / m_k + 1 − r; the target's is 1. He et al., MetaBalance: improving multi-task
/// recommendations via adapting gradient magnitudes of auxiliary tasks, WWW 2022.
///
/// O(n); state: m and its bias correction. For one important task and others that help it. If r = 1
/// and all auxiliary gradients are scaled, the scales of the auxiliary losses do not matter.
/// Conventions: one length for all shared parameters (the paper: one per layer); m starts at 0, as
/// in the authors' code, and its bias is corrected (m / (1 − β^t) after t steps; the correction
/// cancels if no task is ever absent). r = 0.7, β = 0.9.
struct MetaBalance {
  std::size_t target = 0;  ///< index of the target task in the model
  MetaScale scale = MetaScale::all;
  double relax = 0.7;
  double beta = 0.9;

  static constexpr std::string_view name = "meta_balance";
  static constexpr bool needs_coordinates = false;

  std::vector<double> learnt{};  ///< m, then 1 − β^t; one per task each

  void keep(const LearningTasks& tasks) {
    if (tasks.all() == 0) return;
    detail::require_within(name, {"target", double(target)}, 0,
                           static_cast<double>(tasks.all() - 1));
    const std::size_t place = tasks.place(target);
    if (place == LearningTasks::none)
      detail::refuse_setting(name, {"target", double(target)},
                             "a task that learns: its weight is 0");
    target = place;
  }
  void reset(std::size_t tasks) {
    detail::require_within(name, {"relax", relax}, 0, 1);
    detail::require_within(name, {"beta", beta}, 0, 0.9999);
    learnt.assign(2 * tasks, 0.0);
  }

  void weights(const TaskGradients& g, std::span<double> out) {
    const std::size_t all = learnt.size() / 2;
    for (std::size_t i = 0; i < g.size(); ++i) {
      double &m = learnt[g.tasks[i]], &seen = learnt[all + g.tasks[i]];
      m = beta * m + (1 - beta) * g.norm(i);
      seen = beta * seen + 1 - beta;
    }
    const auto length = [&](std::size_t task) {
      return learnt[all + task] > 0 ? learnt[task] / learnt[all + task] : 0.0;
    };
    const double goal = length(target);
    const bool known = learnt[all + target] > 0;
    for (std::size_t i = 0; i < g.size(); ++i) {
      const double m = length(g.tasks[i]);
      const bool scaled =
          g.tasks[i] != target && known && m > 0 &&
          (scale == MetaScale::all || (scale == MetaScale::longer ? m > goal : m < goal));
      out[i] = scaled ? (std::min)(relax * goal / m + 1 - relax, 1e30) : 1.0;
    }
  }

  [[nodiscard]] std::vector<double> state() const { return learnt; }
  void restore(std::span<const double> state) { learnt.assign(state.begin(), state.end()); }
  [[nodiscard]] std::string describe() const {
    return detail::describe_settings(
        name,
        {{"target", double(target)}, {"scale", double(scale)}, {"relax", relax}, {"beta", beta}});
  }
};

}  // namespace espalier
