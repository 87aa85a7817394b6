// SPDX-License-Identifier: Apache-2.0
// FixedWeights: task weights that are known only at run time, for example from a command line or a
// search.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/balance/settings.hpp"

namespace espalier {

/// Constant weights, one per task in the model's order, multiplied by the tasks' static weights as
/// for every method: FixedWeights{{1, 0.3}}. At least 0. O(n), no extra pass.
///
/// Values measured on the validation split use the static weights only, so runs with different
/// fixed weights are comparable.
struct FixedWeights {
  std::vector<double> values;

  static constexpr std::string_view name = "fixed_weights";
  static constexpr bool needs_current_losses = false;

  void keep(const LearningTasks& tasks) { detail::keep_learning(name, "weights", values, tasks); }
  void reset(std::size_t) const {
    for (const double w : values) detail::require_not_negative(name, {"a weight", w});
  }
  void weights(std::span<const double>, std::span<double> out) const {
    std::copy(values.begin(), values.end(), out.begin());
  }
  void observe(std::span<const double>) const {}
  [[nodiscard]] std::vector<double> state() const { return {}; }
  void restore(std::span<const double>) const {}
  [[nodiscard]] std::string describe() const {
    std::string text(name);
    for (std::size_t k = 0; k < values.size(); ++k)
      text += (k == 0 ? "(" : ", ") + detail::setting_text(values[k]);
    return text + ")";
  }
};

}  // namespace espalier
