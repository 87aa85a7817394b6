// SPDX-License-Identifier: Apache-2.0
// Losses for numbers: squared, absolute, Huber.
#pragma once

#include "espalier/losses/loss.hpp"

namespace espalier {

/// ½ (z − y)², the paper-and-pencil form: its derivative is z − y.
struct SquaredError {
  static constexpr std::string_view name = "squared_error";
  static constexpr LabelKind label = LabelKind::real;
  static constexpr int outputs = 1;

  template <class T>
  ESPALIER_HD static T evaluate(T z, T y, T& gradient) {
    gradient = z - y;
    return gradient * gradient / 2;
  }
  template <class T>
  ESPALIER_HD static T predict(T z) {
    return z;
  }
};

using MeanSquaredError = SquaredError;

/// |z − y|; derivative ±1, and 0 at z = y.
struct AbsoluteError {
  static constexpr std::string_view name = "absolute_error";
  static constexpr LabelKind label = LabelKind::real;
  static constexpr int outputs = 1;

  template <class T>
  ESPALIER_HD static T evaluate(T z, T y, T& gradient) {
    const T d = z - y;
    gradient = static_cast<T>((d > 0) - (d < 0));
    return std::abs(d);
  }
  template <class T>
  ESPALIER_HD static T predict(T z) {
    return z;
  }
};

/// Where the Huber loss turns from a parabola into lines.
struct Delta {
  double value = 1;
};

/// ½ d² for |d| ≤ δ, else δ (|d| − δ/2), with d = z − y. Huber 1964.
template <Delta D = Delta{}>
struct Huber {
  static_assert(D.value > 0, "espalier: Huber loss needs delta greater than 0");
  static constexpr std::string_view name = "huber";
  static constexpr LabelKind label = LabelKind::real;
  static constexpr int outputs = 1;

  template <class T>
  ESPALIER_HD static T evaluate(T z, T y, T& gradient) {
    constexpr T delta = static_cast<T>(D.value);
    const T d = z - y, size = std::abs(d);
    gradient = size <= delta ? d : (d > 0 ? delta : -delta);
    return size <= delta ? d * d / 2 : delta * (size - delta / 2);
  }
  template <class T>
  ESPALIER_HD static T predict(T z) {
    return z;
  }
};

}  // namespace espalier
