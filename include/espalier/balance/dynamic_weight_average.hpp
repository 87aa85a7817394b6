// SPDX-License-Identifier: Apache-2.0
// Dynamic weight average: more weight for a loss that falls slowly.
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

/// w_k = n exp(r_k / T) / Σ_j exp(r_j / T) with r_k = L_k(t − 1) / L_k(t − 2), the ratio of the
/// task's mean losses over the last two periods. Weights are 1 in the first two periods. Liu, Johns
/// & Davison, End-to-end multi-task learning with attention, CVPR 2019.
///
/// O(n), no extra pass. Depends on how fast losses fall, not on how large they are. Conventions: a
/// period is `period` steps (the paper: an epoch); T = 2; r = 1 for a task that has no losses in
/// one of the two periods, or whose mean loss is not positive in one of them.
struct DynamicWeightAverage {
  double temperature = 2;
  int period = 100;

  static constexpr std::string_view name = "dynamic_weight_average";
  static constexpr bool needs_current_losses = false;

  struct State {
    /// sum, count: of the losses in the current period; newer, older: mean losses of the last two
    /// periods (0: none).
    std::vector<double> sum, count, newer, older;
    double steps = 0;
  };
  State learnt{};

  void reset(std::size_t tasks) {
    detail::require_positive(name, {"temperature", temperature});
    detail::require_within(name, {"period", double(period)}, 1, 1e9);
    learnt.steps = 0;
    for (auto* part : {&learnt.sum, &learnt.count, &learnt.newer, &learnt.older})
      part->assign(tasks, 0.0);
  }

  void weights(std::span<const double>, std::span<double> out) const {
    double sum = 0, greatest = 0;
    for (std::size_t k = 0; k < out.size(); ++k) {
      const double newer = learnt.newer[k], older = learnt.older[k];
      out[k] = newer > 0 && older > 0 ? (std::min)(newer / older, 1e6) : 1.0;
      greatest = (std::max)(greatest, out[k]);
    }
    for (double& w : out) sum += w = std::exp((w - greatest) / temperature);
    for (double& w : out) w *= static_cast<double>(out.size()) / sum;
  }

  void observe(std::span<const double> losses) {
    for (std::size_t k = 0; k < losses.size(); ++k) {
      if (!std::isfinite(losses[k])) continue;
      learnt.sum[k] += losses[k];
      ++learnt.count[k];
    }
    if (++learnt.steps < period) return;
    learnt.steps = 0;
    for (std::size_t k = 0; k < losses.size(); ++k) {
      learnt.older[k] = learnt.newer[k];
      learnt.newer[k] = learnt.count[k] > 0 ? learnt.sum[k] / learnt.count[k] : 0.0;
      learnt.sum[k] = learnt.count[k] = 0;
    }
  }

  [[nodiscard]] std::vector<double> state() const {
    std::vector<double> all{learnt.steps};
    for (const auto* part : {&learnt.sum, &learnt.count, &learnt.newer, &learnt.older}) {
      all.insert(all.end(), part->begin(), part->end());
    }
    return all;
  }
  void restore(std::span<const double> state) {
    learnt.steps = state[0];
    std::size_t at = 1;
    for (auto* part : {&learnt.sum, &learnt.count, &learnt.newer, &learnt.older}) {
      for (double& value : *part) value = state[at++];
    }
  }
  [[nodiscard]] std::string describe() const {
    return detail::describe_settings(name,
                                     {{"temperature", temperature}, {"period", double(period)}});
  }
};

}  // namespace espalier
