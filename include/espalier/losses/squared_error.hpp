// SPDX-License-Identifier: Apache-2.0
// Half the squared error: predicts the mean.
#pragma once

#include "espalier/losses/loss.hpp"

namespace espalier {

/// value ½ (z − y)²; derivative z − y; predict z, the mean. Because of the ½, a reported mean of
/// this loss is half the mean squared error.
struct SquaredError {
  static constexpr std::string_view name = "squared_error";
  static constexpr LabelKind label = LabelKind::real;
  static constexpr int outputs = 1;
  static constexpr bool takes_registers = true;
  static constexpr bool scales_labels = true;

  template <class T>
  ESPALIER_HD static T evaluate(T z, T y, T& gradient) {
    const T d = z - y;
    gradient = d;
    return d * d / 2;
  }
  template <class T>
  ESPALIER_HD static T predict(T z) {
    return z;
  }
};

using MeanSquaredError = SquaredError;

}  // namespace espalier
