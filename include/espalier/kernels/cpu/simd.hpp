// SPDX-License-Identifier: Apache-2.0
// Vectors as wide as what the compiler targets, by the vector extensions that GCC and Clang share.
#pragma once

#include <cstddef>
#include <cstring>
#include <utility>

#include "espalier/core/config.hpp"

namespace espalier::cpu {

#if defined(__AVX512F__)
inline constexpr int vector_bytes = 64;
inline constexpr int vector_registers = 32;
#elif defined(__AVX__)
inline constexpr int vector_bytes = 32;
inline constexpr int vector_registers = 16;
#else
inline constexpr int vector_bytes = 16;
inline constexpr int vector_registers = 16;
#endif

namespace detail {
template <class T>
struct VectorOf {
  typedef T type __attribute__((vector_size(vector_bytes)));
};
}  // namespace detail

/// `lanes<T>` values of T in a register; + − * / and comparisons work lane by lane.
template <class T>
using Vector = typename detail::VectorOf<T>::type;
template <class T>
inline constexpr Index lanes = vector_bytes / static_cast<Index>(sizeof(T));

template <class T>
[[nodiscard]] inline Vector<T> load(const T* p) {
  Vector<T> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

template <class T>
inline void store(T* p, const Vector<T>& v) {
  std::memcpy(p, &v, sizeof v);
}

namespace detail {

template <class T, std::size_t... I>
inline void zip(const Vector<T>& a, const Vector<T>& b, Vector<T>& low, Vector<T>& high,
                std::index_sequence<I...>) {
  constexpr std::size_t n = sizeof...(I);
  low = __builtin_shufflevector(a, b, (I / 2 + (I % 2) * n)...);
  high = __builtin_shufflevector(a, b, (n / 2 + I / 2 + (I % 2) * n)...);
}

}  // namespace detail

/// to[c · to_stride + r] = from[r · from_stride + c] for r, c < lanes: a square of registers, transposed by rounds of
/// interleaving.
template <class T>
inline void transpose(const T* from, Index from_stride, T* to, Index to_stride) {
  constexpr Index n = lanes<T>;
  Vector<T> a[static_cast<std::size_t>(n)], b[static_cast<std::size_t>(n)];
  for (Index r = 0; r < n; ++r) a[r] = load(from + r * from_stride);
  for (Index round = 1; round < n; round *= 2) {
    for (Index r = 0; r < n / 2; ++r) {
      detail::zip<T>(a[r], a[r + n / 2], b[2 * r], b[2 * r + 1],
                     std::make_index_sequence<static_cast<std::size_t>(n)>{});
    }
    for (Index r = 0; r < n; ++r) a[r] = b[r];
  }
  for (Index r = 0; r < n; ++r) store(to + r * to_stride, a[r]);
}

}  // namespace espalier::cpu
