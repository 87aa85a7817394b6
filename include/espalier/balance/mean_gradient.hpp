// SPDX-License-Identifier: Apache-2.0
// MeanGradient: the mean of the task gradients, the baseline for gradient methods.
#pragma once

#include <algorithm>
#include <string_view>

#include "espalier/balance/gradient_method.hpp"

namespace espalier {

/// Every weight is 1 / n, with n the number of tasks in the batch.
struct MeanGradient {
  static constexpr std::string_view name = "mean_gradient";
  static constexpr bool needs_coordinates = false;

  void weights(const TaskGradients& gradients, std::span<double> out) const {
    std::fill(out.begin(), out.end(), 1.0 / static_cast<double>(gradients.size()));
  }
};

}  // namespace espalier
