// SPDX-License-Identifier: Apache-2.0
// The geometric loss strategy: minimises the geometric mean of the losses.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"

namespace espalier {

/// The objective is (Π L_k)^(1/n), so w_k = (Π L_j)^(1/n) / (n L_k). Chennupati et al., MultiNet++,
/// CVPR workshops 2019.
///
/// O(n); needs the losses of the current step, and so a barrier between forward and backward pass.
/// Scaling one loss scales the step but does not change its direction. Losses must be positive.
/// Conventions: n counts the tasks with a positive finite loss in the batch; any other task has
/// weight 1 and is ignored; losses below 1e-12 count as 1e-12.
struct GeometricMean {
  static constexpr std::string_view name = "geometric_mean";
  static constexpr bool needs_current_losses = true;

  void reset(std::size_t) const {}
  void weights(std::span<const double> losses, std::span<double> out) const {
    const auto usable = [](double loss) { return loss > 0 && std::isfinite(loss); };
    double logs = 0, count = 0;
    for (const double loss : losses) {
      if (!usable(loss)) continue;
      logs += std::log((std::max)(loss, 1e-12));
      ++count;
    }
    for (std::size_t k = 0; k < out.size(); ++k) {
      out[k] = usable(losses[k])
                   ? std::exp(logs / count - std::log((std::max)(losses[k], 1e-12))) / count
                   : 1.0;
    }
  }
  void observe(std::span<const double>) const {}
  [[nodiscard]] std::vector<double> state() const { return {}; }
  void restore(std::span<const double>) const {}
};

}  // namespace espalier
