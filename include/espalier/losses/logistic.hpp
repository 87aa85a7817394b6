// SPDX-License-Identifier: Apache-2.0
// The logistic function σ(z) = 1 / (1 + e^−z) and its logarithms, for any z without overflow or
// cancellation.
#pragma once

#include <cmath>

#include "espalier/core/config.hpp"

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
