// SPDX-License-Identifier: Apache-2.0
// Activation functions and their derivatives, for one value at a time.
#pragma once

#include <cmath>
#include <cstdint>

#include "espalier/core/config.hpp"

namespace espalier {

enum class Activation : std::uint8_t {
  identity,
  relu,        ///< max(0, x)
  leaky_relu,  ///< x for x > 0, else 0.01 x
  gelu,        ///< x Φ(x) by erf, Φ the standard normal CDF (Hendrycks & Gimpel 2016)
  silu,        ///< x σ(x)
  tanh,
  sigmoid,
};

/// Returns whether the derivative needs the input of the activation; otherwise the output suffices.
[[nodiscard]] ESPALIER_HD constexpr bool needs_pre_activation(Activation a) {
  return a == Activation::gelu || a == Activation::silu;
}

template <class T>
[[nodiscard]] ESPALIER_HD T activate(Activation a, T x) {
  switch (a) {
    case Activation::identity:
      break;
    case Activation::relu:
      return x < 0 ? T{0} : x;  // NaN stays NaN
    case Activation::leaky_relu:
      return x > 0 ? x : static_cast<T>(0.01) * x;
    case Activation::gelu:
      return x / 2 * (1 + std::erf(x * static_cast<T>(0.70710678118654752)));
    case Activation::silu:
      return x / (1 + std::exp(-x));
    case Activation::tanh:
      return std::tanh(x);
    case Activation::sigmoid:
      return 1 / (1 + std::exp(-x));
  }
  return x;
}

/// dy/dx from x = `pre` (read only if needs_pre_activation(a)) and y = `post`.
template <class T>
[[nodiscard]] ESPALIER_HD T activation_derivative(Activation a, T pre, T post) {
  switch (a) {
    case Activation::identity:
      break;
    case Activation::relu:
      return post > 0 ? T{1} : T{0};
    case Activation::leaky_relu:
      return post > 0 ? T{1} : static_cast<T>(0.01);
    case Activation::gelu:
      return (1 + std::erf(pre * static_cast<T>(0.70710678118654752))) / 2 +
             pre * std::exp(-pre * pre / 2) * static_cast<T>(0.39894228040143268);
    case Activation::silu: {
      const T s = 1 / (1 + std::exp(-pre));
      return s * (1 + pre * (1 - s));
    }
    case Activation::tanh:
      return 1 - post * post;
    case Activation::sigmoid:
      return post * (1 - post);
  }
  return T{1};
}

}  // namespace espalier
