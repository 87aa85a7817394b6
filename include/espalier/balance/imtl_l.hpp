// SPDX-License-Identifier: Apache-2.0
// IMTL-L: learns factors that scale all losses to the same size.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/balance/settings.hpp"
#include "espalier/balance/task_adam.hpp"

namespace espalier {

/// w_k = e^(s_k) with s learnt: Σ_k (e^(s_k) L_k − s_k) is minimised over s too; w_k converges to
/// 1 / L_k. Liu et al., Towards impartial multi-task learning, ICLR 2021.
///
/// O(n), no extra pass. Like `Uncertainty`, but the weights converge to twice those. Conventions: s
/// starts at 0 and takes one Adam step after each training step, on that step's losses, as in
/// `Uncertainty`; a task that is absent, or whose loss is infinite or negative, keeps its s;
/// weights are at most `max_weight`.
struct ImtlL {
  double learning_rate = 1e-2;
  double max_weight = 1e4;

  static constexpr std::string_view name = "imtl_l";
  static constexpr bool needs_current_losses = false;

  detail::TaskAdam s{};

  void reset(std::size_t tasks) {
    detail::require_positive(name, {"learning_rate", learning_rate});
    detail::require_within(name, {"max_weight", max_weight}, 1, 1e300);
    s.reset(tasks);
  }
  void weights(std::span<const double>, std::span<double> out) const {
    for (std::size_t k = 0; k < out.size(); ++k) out[k] = std::exp(s.value[k]);
  }
  void observe(std::span<const double> losses) {
    for (std::size_t k = 0; k < losses.size(); ++k) {
      const double gradient = std::exp(s.value[k]) * losses[k] - 1;
      if (!(losses[k] >= 0) || !std::isfinite(gradient * gradient)) continue;
      s.step(k, gradient, learning_rate);
      s.value[k] = (std::min)(s.value[k], std::log(max_weight));
    }
  }
  [[nodiscard]] std::vector<double> state() const {
    std::vector<double> all;
    s.append_to(all);
    return all;
  }
  void restore(std::span<const double> state) { s.restore(state); }
  [[nodiscard]] std::string describe() const {
    return detail::describe_settings(
        name, {{"learning_rate", learning_rate}, {"max_weight", max_weight}});
  }
};

}  // namespace espalier
