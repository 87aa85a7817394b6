// SPDX-License-Identifier: Apache-2.0
// Absolute error: the median of a number.
#pragma once

#include <cmath>

#include "espalier/losses/loss.hpp"

namespace espalier {

/// value |z − y|; derivative ±1, and 0 at z = y; predict z, the median.
struct AbsoluteError {
  static constexpr std::string_view name = "absolute_error";
  static constexpr LabelKind label = LabelKind::real;
  static constexpr int outputs = 1;

  template <class T>
  ESPALIER_HD static T evaluate(T z, T y, T& gradient) {
    const T d = z - y;
    gradient = d > 0 ? T{1} : (d < 0 ? T{-1} : d);
    return std::abs(d);
  }
  template <class T>
  ESPALIER_HD static T predict(T z) {
    return z;
  }
};

}  // namespace espalier
