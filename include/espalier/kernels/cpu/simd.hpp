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

// Before a short loop whose passes are to stand in a row, whatever the optimisation level: its
// arrays are registers then.
#if defined(__clang__)
#define ESPALIER_UNROLL _Pragma("clang loop unroll(full)")
#else
#define ESPALIER_UNROLL _Pragma("GCC unroll 16")
#endif

// On a function whose one loop is all of the work: the loop begins with a line of the instruction
// cache. Where it straddled three instead of two, a product took a quarter longer (Zen 3).
#if defined(__GNUC__) && !defined(__clang__)
#define ESPALIER_ALIGN_LOOPS [[gnu::optimize("align-loops=64")]]
#else
#define ESPALIER_ALIGN_LOOPS
#endif

template <class T>
inline constexpr Index lanes = vector_bytes / static_cast<Index>(sizeof(T));

namespace detail {
template <class T, Index Count = lanes<T>>
struct VectorOf {
  typedef T type __attribute__((vector_size(Count * static_cast<Index>(sizeof(T)))));
};
}  // namespace detail

/// `lanes<T>` values of T in a register; + − * / and comparisons work lane by lane.
template <class T>
using Vector = typename detail::VectorOf<T>::type;

template <class T>
[[nodiscard]] inline Vector<T> load(const T* p) {
  Vector<T> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

/// Keeps `v` in a register: GCC would rather read it from memory at every use.
template <class V>
inline void keep_in_register([[maybe_unused]] V& v) {
#if defined(__x86_64__)
  asm("" : "+v"(v));
#endif
}

template <class T>
inline void store(T* p, const Vector<T>& v) {
  std::memcpy(p, &v, sizeof v);
}

/// to[i] = f(to[i], from[i]), a register at a time, then four values, then value by value: f takes
/// any of them. Rows of embedding tables are narrower than a register.
template <class T, class Function>
[[gnu::always_inline]] inline void combine(T* to, const T* from, Index n, const Function& f) {
  Index i = 0;
  for (; i + lanes<T> <= n; i += lanes<T>) store<T>(to + i, f(load(to + i), load(from + i)));
  if constexpr (lanes<T> >= 8) {
    using Four = typename detail::VectorOf<T, 4>::type;
    for (; i + 4 <= n; i += 4) {
      Four a, b;
      std::memcpy(&a, to + i, sizeof a);
      std::memcpy(&b, from + i, sizeof b);
      a = f(a, b);
      std::memcpy(to + i, &a, sizeof a);
    }
  }
  for (; i < n; ++i) to[i] = f(to[i], from[i]);
}

/// to[i] = from[i] for a few values: a call of memcpy would cost more than they do.
template <class T>
[[gnu::always_inline]] inline void copy_few(const T* from, Index n, T* to) {
  Index i = 0;
  for (; i + lanes<T> <= n; i += lanes<T>) store<T>(to + i, load(from + i));
  for (; i + 4 <= n; i += 4) std::memcpy(to + i, from + i, 4 * sizeof(T));
  for (; i < n; ++i) to[i] = from[i];
}

namespace detail {

template <class T, std::size_t... I>
inline void zip(const Vector<T>& a, const Vector<T>& b, Vector<T>& low, Vector<T>& high,
                std::index_sequence<I...>) {
  constexpr std::size_t n = sizeof...(I);
  low = __builtin_shufflevector(a, b, (I / 2 + (I % 2) * n)...);
  high = __builtin_shufflevector(a, b, (n / 2 + I / 2 + (I % 2) * n)...);
}

template <class T, std::size_t By, std::size_t... I>
inline void add_turned(Vector<T>& v, std::index_sequence<I...>) {
  v += __builtin_shufflevector(v, v, ((I + By) % sizeof...(I))...);
}

}  // namespace detail

/// The sum of all lanes, in halves.
template <class T>
[[nodiscard]] inline T sum_of_lanes(Vector<T> v) {
  constexpr auto all = std::make_index_sequence<static_cast<std::size_t>(lanes<T>)>{};
  if constexpr (lanes<T> >= 16) detail::add_turned<T, 8>(v, all);
  if constexpr (lanes<T> >= 8) detail::add_turned<T, 4>(v, all);
  if constexpr (lanes<T> >= 4) detail::add_turned<T, 2>(v, all);
  detail::add_turned<T, 1>(v, all);
  return v[0];
}

namespace detail {

template <class T, std::size_t High, std::size_t... I>
inline void zip_fours(const Vector<T>& a, const Vector<T>& b, Vector<T>& out,
                      std::index_sequence<I...>) {
  out = __builtin_shufflevector(a, b, (I / 4 * 4 + I % 4 / 2 + 2 * High + I % 2 * sizeof...(I))...);
}

template <class T, std::size_t High, std::size_t... I>
inline void join_fours(const Vector<T>& a, const Vector<T>& b, Vector<T>& out,
                       std::index_sequence<I...>) {
  out = __builtin_shufflevector(a, b, (I / 4 * 4 + I % 2 + 2 * High + I % 4 / 2 * sizeof...(I))...);
}

}  // namespace detail

/// Within each four lanes, a square of four by four transposed: a becomes a[0], b[0], c[0], d[0],
/// a[4], b[4], …; b the lanes after those. No value leaves its four lanes, which is what the
/// machine does fastest.
template <class T>
inline void transpose_fours(Vector<T>& a, Vector<T>& b, Vector<T>& c, Vector<T>& d) {
  if constexpr (lanes<T> >= 4) {
    constexpr auto all = std::make_index_sequence<static_cast<std::size_t>(lanes<T>)>{};
    Vector<T> ab[2], cd[2];
    detail::zip_fours<T, 0>(a, b, ab[0], all);
    detail::zip_fours<T, 1>(a, b, ab[1], all);
    detail::zip_fours<T, 0>(c, d, cd[0], all);
    detail::zip_fours<T, 1>(c, d, cd[1], all);
    detail::join_fours<T, 0>(ab[0], cd[0], a, all);
    detail::join_fours<T, 1>(ab[0], cd[0], b, all);
    detail::join_fours<T, 0>(ab[1], cd[1], c, all);
    detail::join_fours<T, 1>(ab[1], cd[1], d, all);
  }
}

/// to[c · to_stride + r] = from[r · from_stride + c] for r, c < lanes: a square of registers,
/// transposed by rounds of interleaving.
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
