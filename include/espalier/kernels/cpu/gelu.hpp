// SPDX-License-Identifier: Apache-2.0
// GELU and its derivative, of a number or of a register of floats.
#pragma once

#include <type_traits>

#include "espalier/kernels/activation.hpp"
#include "espalier/kernels/cpu/simd.hpp"
#include "espalier/kernels/cpu/vector_math.hpp"

namespace espalier::cpu::ESPALIER_COMPILED_SET {

/// Of the standard normal distribution: Φ(x), and e^(−x²/2).
struct NormalRegister {
  FloatRegister below, bell;
};

/// Both within 6 ulp, also far below 0, where 1 + erf has no digits left; e^(−x²/2) < 1.2e-38 is 0.
/// Φ(−a) = e^(−a²/2) p(s) / (a + 3) for a ≥ 0, s = (a − 3) / (a + 3), with p of degree 8 fitted for
/// a < 13.3, and, since that loses digits near 0, Φ(x) = 1/2 + x q(x²) for |x| < 0.75, q of degree
/// 4; relative errors of the fits: below 4e-8. NaN gives NaN.
[[nodiscard]] inline NormalRegister normal_distribution(const FloatRegister& x) {
  constexpr float most = 14;  // e^(−most²/2) is 0
  const FloatRegister any = -espalier::detail::minus_magnitude(x);
  const FloatRegister a = any > most ? splat<FloatRegister>(most) : any;
  // a² = h² + (a − h)(a + h), where h has 12 bits: h² is exact. The error of a rounded a² would
  // become a relative error of e^(−a²/2).
  const auto h = espalier::detail::same_bits<FloatRegister>(
      espalier::detail::same_bits<espalier::detail::BitsRegister>(a) & 0xFFFFF000U);
  const FloatRegister r = (a - h) * (a + h) * -0.5F, r2 = r * r;  // |r| < 0.09
  const FloatRegister correction =
      ((r * 4.16666667e-2F + 1.66666667e-1F) * r2 + (r * 0.5F + 1.0F)) * r + 1.0F;
  const FloatRegister bell = exponential(h * h * -0.5F) * correction;

  const FloatRegister t = 1.0F / (a + 3.0F), s = (a - 3.0F) * t, s2 = s * s, s4 = s2 * s2;
  const FloatRegister low =
      (s * -4.72572218e-2F + 2.30019258e-1F) * s2 + (s * -5.09332227e-1F + 7.29083671e-1F);
  const FloatRegister high =
      (s * -9.11422958e-4F + 1.07748691e-3F) * s2 + (s * 6.9295021e-3F + -1.04795197e-2F);
  const FloatRegister p = (s4 * -2.72206643e-4F + high) * s4 + low;
  const FloatRegister tail = bell * (p * t);

  const FloatRegister z = a * a, z2 = z * z;
  const FloatRegister slope =
      ((z * 1.02940568e-4F + -1.18128506e-3F) * z2 + (z * 9.97234897e-3F + -6.6490295e-2F)) * z +
      3.98942279e-1F;
  return {a < 0.75F ? x * slope + 0.5F : x < 0.0F ? tail : 1.0F - tail, bell};
}

}  // namespace espalier::cpu::ESPALIER_COMPILED_SET

namespace espalier::cpu {

/// x Φ(x).
template <class V>
[[nodiscard]] inline V gelu(V x) {
  if constexpr (std::is_same_v<V, Element<V>>) {
    return activate(Activation::gelu, x);
  } else {
    return x * normal_distribution(x).below;
  }
}

/// Φ(x) + x φ(x).
template <class V>
[[nodiscard]] inline V gelu_derivative(V x) {
  if constexpr (std::is_same_v<V, Element<V>>) {
    return activation_derivative(Activation::gelu, x, x);
  } else {
    const NormalRegister normal = normal_distribution(x);
    return normal.below + x * normal.bell * 0.398942280F;
  }
}

}  // namespace espalier::cpu
