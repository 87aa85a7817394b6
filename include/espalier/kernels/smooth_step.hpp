// SPDX-License-Identifier: Apache-2.0
// The smooth step of DSelect-k (Hazimeh et al., NeurIPS 2021).
#pragma once

#include "espalier/core/config.hpp"

namespace espalier {

/// Returns S(t): 0 below −½, 1 above ½, −2 t³ + 3/2 t + ½ between; NaN gives NaN. Writes S′(t) to
/// `slope`.
template <class T>
[[nodiscard]] ESPALIER_HD T smooth_step(T t, T& slope) {
  const bool inside = t > static_cast<T>(-0.5) && t < static_cast<T>(0.5);
  slope = inside ? static_cast<T>(1.5) - 6 * t * t : T{0};
  if (t != t) return t;
  return inside ? (static_cast<T>(1.5) - 2 * t * t) * t + static_cast<T>(0.5) : t > 0 ? T{1} : T{0};
}

}  // namespace espalier
