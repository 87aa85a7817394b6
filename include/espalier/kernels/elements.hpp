// SPDX-License-Identifier: Apache-2.0
// Functions for formulas that work on one number and on a register of numbers alike.
#pragma once

#include <cmath>

#include "espalier/core/config.hpp"

namespace espalier {

namespace detail {
template <class T>
struct ElementOf {
  using type = T;
};
}  // namespace detail

/// The element type: float for a register of floats, T for a number.
template <class T>
using Element = typename detail::ElementOf<T>::type;

/// Returns `x` in every lane.
template <class T>
[[nodiscard]] ESPALIER_HD constexpr T splat(Element<T> x) {
  return T{} + x;
}

/// |x|; NaN gives NaN.
template <class T>
[[nodiscard]] ESPALIER_HD constexpr T magnitude(T x) {
  return x < Element<T>{0} ? -x : x;
}

/// e^x. Specialised for registers in kernels/cpu/vector_math.hpp.
template <class T>
[[nodiscard]] ESPALIER_HD T exponential(T x) {
  return std::exp(x);
}

}  // namespace espalier
