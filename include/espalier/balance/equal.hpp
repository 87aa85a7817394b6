// SPDX-License-Identifier: Apache-2.0
// Equal: every weight is 1, so that only the tasks' static weights count.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"

namespace espalier {

/// Every weight is 1.
struct Equal {
  static constexpr std::string_view name = "equal";
  static constexpr bool needs_current_losses = false;

  void reset(std::size_t) {}
  void weights(std::span<const double>, std::span<double> out) const {
    std::fill(out.begin(), out.end(), 1.0);
  }
  void observe(std::span<const double>) {}
  [[nodiscard]] std::vector<double> state() const { return {}; }
  void restore(std::span<const double>) {}
};

}  // namespace espalier
