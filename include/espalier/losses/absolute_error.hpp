// SPDX-License-Identifier: Apache-2.0
// Absolute error: predicts the median.
#pragma once

#include "espalier/kernels/elements.hpp"
#include "espalier/losses/loss.hpp"

namespace espalier {

/// value |z − y|; derivative ±1, or 0 at z = y; predict z, the median.
struct AbsoluteError {
  static constexpr std::string_view name = "absolute_error";
  static constexpr LabelKind label = LabelKind::real;
  static constexpr int outputs = 1;
  static constexpr bool takes_registers = true;
  static constexpr bool scales_labels = true;

  template <class T>
  ESPALIER_HD static T evaluate(T z, T y, T& gradient) {
    const T d = z - y;
    using E = Element<T>;
    gradient = d > E{0} ? splat<T>(1) : (d < E{0} ? splat<T>(-1) : d);
    return magnitude(d);
  }
  template <class T>
  ESPALIER_HD static T predict(T z) {
    return z;
  }
};

}  // namespace espalier
