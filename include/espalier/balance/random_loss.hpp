// SPDX-License-Identifier: Apache-2.0
// Random loss weighting: new random weights each step.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/balance/settings.hpp"
#include "espalier/core/random.hpp"

namespace espalier {

/// w = n softmax(z), with z standard normal, drawn anew in each step. Lin et al., Reasonable
/// effectiveness of random weighting, TMLR 2022: a baseline that other methods should beat.
///
/// O(n), no extra pass. The weights sum to n.
struct RandomLoss {
  std::uint64_t seed = 1;

  static constexpr std::string_view name = "random_loss";
  static constexpr bool needs_current_losses = false;

  double step = 0;

  void reset(std::size_t) { step = 0; }
  void weights(std::span<const double>, std::span<double> out) const {
    Random random(seed, static_cast<std::uint64_t>(step));
    double sum = 0;
    for (double& w : out) sum += w = std::exp(random.normal());
    for (double& w : out) w *= static_cast<double>(out.size()) / sum;
  }
  void observe(std::span<const double>) { ++step; }
  [[nodiscard]] std::vector<double> state() const { return {step}; }
  void restore(std::span<const double> state) { step = state[0]; }
  [[nodiscard]] std::string describe() const {
    return std::string(name) + "(seed=" + std::to_string(seed) + ")";
  }
};

}  // namespace espalier
