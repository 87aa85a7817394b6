// SPDX-License-Identifier: Apache-2.0
// The logistic function of a register of floats.
#pragma once

#include "espalier/kernels/cpu/vector_math.hpp"
#include "espalier/losses/logistic.hpp"

namespace espalier {

template <>
[[nodiscard]] inline Logit<FloatRegister> logit(FloatRegister z) {
  const FloatRegister left = detail::minus_magnitude(z), power = detail::exponential_between(left);
  return {z, left < -87.3F ? FloatRegister{} : power};
}

/// One division, executed in parallel with log(1 + e) = e p(e), p of degree 9. Within 3 ulp.
template <>
[[nodiscard]] inline Logistic<FloatRegister> logistic(Logit<FloatRegister> x) {
  const auto right = x.z >= 0.0F;
  const FloatRegister left = detail::minus_magnitude(x.z), e = x.e;
  const FloatRegister large = 1.0F / (1.0F + e), small = e * large;
  const FloatRegister e2 = e * e, e4 = e2 * e2;
  const FloatRegister p =
      ((e * -0.499998930F + 1.0F) + (e * -0.249516160F + 0.333297100F) * e2) +
      ((e * -0.152696670F + 0.196632740F) + (e * -0.0563736100F + 0.105436236F) * e2) * e4 +
      (e * -0.00317605700F + 0.0195425260F) * (e4 * e4);
  const FloatRegister near = e * p, far = near - left;
  return {right ? large : small, right ? small : large, right ? near : far, right ? far : near};
}

}  // namespace espalier
