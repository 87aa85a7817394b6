// SPDX-License-Identifier: Apache-2.0
// Poisson loss: counts, on a logarithmic scale.
#pragma once

#include <cmath>

#include "espalier/losses/logistic.hpp"
#include "espalier/losses/loss.hpp"

namespace espalier {

/// The negative log-likelihood of a count y with mean e^z, but for log y!, which z does not change:
///   value       e^z − y z; negative where y z is large
///   derivative  e^z − y
///   predict     e^z, the mean (e^80 beyond z = 80)
/// Above z = 30 the value goes on along the tangent of e^z at 30, and the derivative is that of the
/// tangent: convex still, and finite in float for z up to 1e4.
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
