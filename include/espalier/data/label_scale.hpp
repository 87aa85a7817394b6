// SPDX-License-Identifier: Apache-2.0
// `LabelScale`: transforms labels for training, and predictions back to the label's unit.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/transform.hpp"

namespace espalier {

/// The model learns (t(y) − mean) / deviation of a label y, with t(y) = sign(y) · log(1 + |y|) if
/// log1p is set, otherwise t(y) = y.
struct LabelScale {
  bool log1p = false;
  double mean = 0;
  double deviation = 1;

  [[nodiscard]] bool changes() const { return log1p || mean != 0 || deviation != 1; }
  [[nodiscard]] double transformed(double y) const {
    return log1p ? features_detail::signed_log1p(y) : y;
  }
  [[nodiscard]] double to_learnt(double y) const { return (transformed(y) - mean) / deviation; }
  /// Converts back to the label's unit. With log1p, a predicted mean is not the mean of the label:
  /// e^mean(log y) ≤ mean(y).
  [[nodiscard]] double to_label(double z) const {
    const double v = z * deviation + mean;
    return log1p ? std::copysign(std::expm1(std::abs(v)), v) : v;
  }
};

/// Converts all predictions of one task to the label's unit, in place; clamps them to the range of
/// float.
inline void to_label_unit(const LabelScale& scale, std::vector<float>& values) {
  if (!scale.changes()) return;
  constexpr double largest = static_cast<double>(std::numeric_limits<float>::max());
  for (float& v : values)
    v = static_cast<float>(std::clamp(scale.to_label(static_cast<double>(v)), -largest, largest));
}

}  // namespace espalier
