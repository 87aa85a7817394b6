// SPDX-License-Identifier: Apache-2.0
// Poisson loss: counts; z is the logarithm of the mean.
#pragma once

#include <cmath>

#include "espalier/losses/logistic.hpp"
#include "espalier/losses/loss.hpp"

namespace espalier {

/// The negative log-likelihood of a count y with mean e^z, without log y!, which does not depend on
/// z:
///   value       e^z − y z; negative if y z is large
///   derivative  e^z − y
///   predict     e^z, the mean (e^80 for z > 80)
/// For z > 30, the value uses the tangent of e^z at 30 instead of e^z, and the derivative its slope
/// e^30: the loss is still convex, and finite in float for z up to 1e4.
struct Poisson {
  static constexpr std::string_view name = "poisson";
  static constexpr LabelKind label = LabelKind::count;
  static constexpr int outputs = 1;
  static constexpr bool takes_registers = true;

  template <class T>
  ESPALIER_HD static T evaluate(T z, T y, T& gradient) {
    using E = Element<T>;
    const T excess = z > E{30} ? z - E{30} : T{};
    const T slope = exponential<T>(z > E{30} ? splat<T>(30) : z);
    gradient = slope - y;
    return slope * (E{1} + excess) - y * z;
  }
  template <class T>
  ESPALIER_HD static T predict(T z) {
    return bounded_exp(z);
  }
};

}  // namespace espalier
