// SPDX-License-Identifier: Apache-2.0
// Dynamic task prioritisation: hard tasks first.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/balance/settings.hpp"

namespace espalier {

/// w_k ∝ −(1 − κ_k)^γ log κ_k, the focal weight of the task's performance κ_k in (0, 1). Guo et
/// al., Dynamic task prioritization for multitask learning, ECCV 2018.
///
/// O(n), no extra pass. Gives more weight to tasks that perform badly; `Uncertainty` gives them
/// less. Conventions: κ_k is a moving average (`rate`) of e^(−L_k), limited to at most 1; for cross
/// entropy this is the geometric mean of the probabilities of the true labels (the paper's κ is a
/// metric such as accuracy); the weights sum to n. κ = ½ for a task that has not been seen yet.
struct DynamicTaskPriority {
  double gamma = 1;
  double rate = 0.1;

  static constexpr std::string_view name = "dynamic_task_priority";
  static constexpr bool needs_current_losses = false;

  std::vector<double> skill{};  ///< κ; NaN before the first loss

  void reset(std::size_t tasks) {
    detail::require_within(name, {"gamma", gamma}, 0, 10);
    detail::require_within(name, {"rate", rate}, 1e-6, 1);
    skill.assign(tasks, std::nan(""));
  }
  void weights(std::span<const double>, std::span<double> out) const {
    double sum = 0;
    for (std::size_t k = 0; k < out.size(); ++k) {
      const double kappa =
          skill[k] == skill[k] ? (std::min)((std::max)(skill[k], 1e-6), 1 - 1e-6) : 0.5;
      sum += out[k] = -std::pow(1 - kappa, gamma) * std::log(kappa);
    }
    for (double& w : out) w *= static_cast<double>(out.size()) / sum;
  }
  void observe(std::span<const double> losses) {
    for (std::size_t k = 0; k < losses.size(); ++k) {
      if (!std::isfinite(losses[k])) continue;
      const double now = (std::min)(std::exp(-losses[k]), 1.0);
      skill[k] = skill[k] == skill[k] ? (1 - rate) * skill[k] + rate * now : now;
    }
  }
  [[nodiscard]] std::vector<double> state() const { return skill; }
  void restore(std::span<const double> state) { skill.assign(state.begin(), state.end()); }
  [[nodiscard]] std::string describe() const {
    return detail::describe_settings(name, {{"gamma", gamma}, {"rate", rate}});
  }
};

}  // namespace espalier
