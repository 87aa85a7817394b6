// SPDX-License-Identifier: Apache-2.0
// The logistic function σ(z) = 1 / (1 + e^−z) and its logarithms, for any z without overflow or
// cancellation.
#pragma once

#include <cmath>

#include "espalier/kernels/cpu/vector_math.hpp"

namespace espalier {

/// z and the exponential from which σ(z), σ(−z) and their logarithms are computed.
template <class T>
struct Logit {
  T z;
  T e;  ///< e^−|z|
};

template <class T>
[[nodiscard]] ESPALIER_HD Logit<T> logit(T z) {
  return {z, std::exp(-std::abs(z))};
}

template <>
[[nodiscard]] inline Logit<FloatRegister> logit(FloatRegister z) {
  const FloatRegister left = detail::minus_magnitude(z), power = detail::exponential_between(left);
  return {z, left < -87.3F ? FloatRegister{} : power};
}

/// σ(z), σ(−z) and both logarithms. NaN gives NaN.
template <class T>
struct Logistic {
  T up;        ///< σ(z)
  T down;      ///< σ(−z) = 1 − σ(z)
  T log_up;    ///< −log σ(z) = log(1 + e^−z)
  T log_down;  ///< −log σ(−z) = log(1 + e^z)
};

template <class T>
[[nodiscard]] ESPALIER_HD Logistic<T> logistic(Logit<T> x) {
  const T z = x.z, e = x.e, large = 1 / (1 + e), small = e * large, log = std::log1p(e);
  const bool right = z >= 0;
  return {right ? large : small, right ? small : large, log + (right ? T{0} : -z),
          log + (right ? z : T{0})};
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

/// 1 / (1 + e^−z).
template <class T>
[[nodiscard]] ESPALIER_HD T sigmoid(T z) {
  const T e = std::exp(-std::abs(z));
  return (z >= 0 ? T{1} : e) / (1 + e);
}

/// log(1 + e^z).
template <class T>
[[nodiscard]] ESPALIER_HD T softplus(T z) {
  return (z > 0 ? z : T{0}) + std::log1p(std::exp(-std::abs(z)));
}

/// e^min(z, 80), which is finite in float; NaN gives NaN.
template <class T>
[[nodiscard]] ESPALIER_HD T bounded_exp(T z) {
  return std::exp(z > T{80} ? T{80} : z);
}

}  // namespace espalier
