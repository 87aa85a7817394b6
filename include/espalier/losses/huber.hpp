// SPDX-License-Identifier: Apache-2.0
// Huber loss: squared error near the label, absolute error far from it.
#pragma once

#include "espalier/kernels/elements.hpp"
#include "espalier/losses/loss.hpp"

namespace espalier {

/// The threshold δ between the quadratic and the linear part, in the unit of the label.
struct Delta {
  double value = 1;
};

/// With d = z − y:
///   value       ½ d² for |d| ≤ δ, else δ (|d| − δ/2)
///   derivative  d, clamped to [−δ, δ]
///   predict     z
/// For standardised labels, δ is divided by their standard deviation, `unit`: the value is then the
/// loss in the unit of the label, divided by unit².
/// Huber, Robust estimation of a location parameter, Annals of Mathematical Statistics 1964.
template <Delta D = Delta{}>
struct Huber {
  static_assert(D.value > 0, "espalier: Huber loss needs delta greater than 0");
  static constexpr std::string_view name = "huber";
  static constexpr LabelKind label = LabelKind::real;
  static constexpr int outputs = 1;
  static constexpr bool takes_registers = true;
  static constexpr bool scales_labels = true;

  template <class T>
  ESPALIER_HD static T evaluate(T z, T y, T& gradient, Element<T> unit = 1) {
    const Element<T> delta = static_cast<Element<T>>(D.value) / unit;
    const T d = z - y, size = magnitude(d);
    gradient = d > delta ? splat<T>(delta) : (d < -delta ? splat<T>(-delta) : d);
    return size > delta ? delta * (size - delta / 2) : d * d / 2;
  }
  template <class T>
  ESPALIER_HD static T predict(T z) {
    return z;
  }
};

}  // namespace espalier
