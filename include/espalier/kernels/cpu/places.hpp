// SPDX-License-Identifier: Apache-2.0
// Elementwise formulas of registers, the same for every place of a vector; σ and tanh of registers.
#pragma once

#include <cmath>
#include <cstddef>
#include <type_traits>

#include "espalier/core/config.hpp"
#include "espalier/kernels/cpu/simd.hpp"
#include "espalier/kernels/cpu/vector_math.hpp"

namespace espalier::cpu::ESPALIER_COMPILED_SET {

/// A register's worth of neighbouring values, from value `at` of a vector on.
template <class T>
struct WholeRegister {
  Index at;
  [[nodiscard]] Vector<T> get(const T* from) const { return load(from + at); }
  void put(T* to, const Vector<T>& v) const { store<T>(to + at, v); }
};

/// Fewer values than a register has: the others are 0 and are not stored.
template <class T>
struct PartOfRegister {
  Index at, count;
  [[nodiscard]] Vector<T> get(const T* from) const {
    T values[std::size_t{lanes<T>}]{};
    copy_few(from + at, count, values);
    return load(values);
  }
  void put(T* to, const Vector<T>& v) const {
    T values[std::size_t{lanes<T>}];
    store<T>(values, v);
    copy_few(values, count, to + at);
  }
};

template <class T>
struct SingleValue {
  Index at;
  [[nodiscard]] T get(const T* from) const { return from[at]; }
  void put(T* to, T v) const { to[at] = v; }
};

/// Calls formula(places) for all places of a vector of `n` values: registers of floats, of which
/// the last may be part of one, so that all places have the same exponential; else single values.
template <class T, class Formula>
[[gnu::always_inline]] inline void for_places(Index n, const Formula& formula) {
  Index i = 0;
  if constexpr (std::is_same_v<T, float>) {
    for (; i + lanes<T> <= n; i += lanes<T>) formula(WholeRegister<T>{i});
    if (i < n) formula(PartOfRegister<T>{i, n - i});
  } else {
    for (; i < n; ++i) formula(SingleValue<T>{i});
  }
}

}  // namespace espalier::cpu::ESPALIER_COMPILED_SET

namespace espalier::cpu {

/// σ(x) = 1 / (1 + e^−x) of a number or a register. NaN gives NaN.
template <class V>
[[nodiscard]] inline V sigmoid(V x) {
  constexpr Element<V> one{1};
  return one / (one + exponential(-x));
}

/// tanh x of a number or a register. NaN gives NaN. In a register: (1 − e^−2|x|) / (1 + e^−2|x|)
/// with the sign of x, and, since that loses digits near 0, a polynomial for |x| < 0.625 (Cephes).
template <class V>
[[nodiscard]] inline V hyperbolic_tangent(V x) {
  if constexpr (std::is_same_v<V, Element<V>>) {
    return std::tanh(x);
  } else {
    const V minus = espalier::detail::minus_magnitude(x), e = exponential(minus + minus);
    const V far = (1.0F - e) / (1.0F + e), x2 = x * x, x4 = x2 * x2;
    const V p = ((x2 * -5.70498872745e-3F + 2.06390887954e-2F) * x4 +
                 (x2 * -5.37397155531e-2F + 1.33314422036e-1F)) *
                    x2 +
                -3.33332819422e-1F;
    const V near = (p * x2) * x + x;
    return minus > -0.625F ? near : x < 0.0F ? -far : far;
  }
}

}  // namespace espalier::cpu
