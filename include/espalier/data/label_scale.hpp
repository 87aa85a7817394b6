// SPDX-License-Identifier: Apache-2.0
// `LabelScale`: from labels to what is learnt of them, and back.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/transform.hpp"

namespace espalier {

/// What is learnt of a label y is (t(y) − mean) / deviation, with t(y) = sign(y) · log(1 + |y|) or y itself.
struct LabelScale {
  bool log1p = false;
  double mean = 0;
  double deviation = 1;

  [[nodiscard]] bool changes() const { return log1p || mean != 0 || deviation != 1; }
  [[nodiscard]] double transformed(double y) const { return log1p ? features_detail::signed_log1p(y) : y; }
  [[nodiscard]] double to_learnt(double y) const { return (transformed(y) - mean) / deviation; }
  /// In the label's unit. After log1p what was a mean is one no more: e^mean(log y) is below mean(y).
  [[nodiscard]] double to_label(double z) const {
    const double v = z * deviation + mean;
    return log1p ? std::copysign(std::expm1(std::abs(v)), v) : v;
  }
};

/// Predictions in the label's unit, a task's all in place; at most the largest float.
inline void to_label_unit(const LabelScale& scale, std::vector<float>& values) {
  if (!scale.changes()) return;
  constexpr double largest = static_cast<double>(std::numeric_limits<float>::max());
  for (float& v : values) v = static_cast<float>(std::clamp(scale.to_label(static_cast<double>(v)), -largest, largest));
}

}  // namespace espalier
