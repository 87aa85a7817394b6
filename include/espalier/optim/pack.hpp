// SPDX-License-Identifier: Apache-2.0
// `Pack<T>`: the elements of one vector register, so that an optimiser's formula is written once,
// for a single element.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>

#include "espalier/core/config.hpp"
#if defined(__CUDACC__)
#define ESPALIER_COMPILED_SET compiled_cuda  // nvcc has no vector types, and needs none
#else
#include "espalier/kernels/cpu/instruction_set.hpp"
#endif

// At most 32 bytes: an update is limited by memory bandwidth, and with narrower packs narrow
// embedding rows have a smaller remainder. Compiler vector types support + − * / with each other
// and with a T, but not the square root, and a loop around std::sqrt is not vectorised unless the
// application is compiled with -fno-math-errno: hence square_root().
#if defined(__CUDACC__)
#define ESPALIER_PACK_BYTES 0
#elif defined(__AVX__)
#define ESPALIER_PACK_BYTES 32
#elif defined(__SSE2__) || defined(__ARM_NEON)
#define ESPALIER_PACK_BYTES 16
#else
#define ESPALIER_PACK_BYTES 0
#endif

namespace espalier {

namespace ESPALIER_COMPILED_SET {

template <class T>
struct PackOf {
  using type = T;
};
#if ESPALIER_PACK_BYTES > 0
template <>
struct PackOf<float> {
  using type __attribute__((vector_size(ESPALIER_PACK_BYTES))) = float;
};
template <>
struct PackOf<double> {
  using type __attribute__((vector_size(ESPALIER_PACK_BYTES))) = double;
};
#endif

/// A vector of float or double; the scalar itself if the target has no vectors.
template <class T>
using Pack = typename PackOf<T>::type;

template <class T>
inline constexpr Index pack_size = static_cast<Index>(sizeof(Pack<T>) / sizeof(T));

/// √x, correctly rounded, of a scalar or of every element of a pack.
[[nodiscard]] ESPALIER_HD inline float square_root(float x) { return std::sqrt(x); }
[[nodiscard]] ESPALIER_HD inline double square_root(double x) { return std::sqrt(x); }
#if ESPALIER_PACK_BYTES == 32 && defined(__has_builtin) && __has_builtin(__builtin_ia32_sqrtps256)
// Compiler builtins: <immintrin.h> would add a third of a second to the compilation of every
// including file.
[[nodiscard]] inline Pack<float> square_root(Pack<float> x) { return __builtin_ia32_sqrtps256(x); }
[[nodiscard]] inline Pack<double> square_root(Pack<double> x) {
  return __builtin_ia32_sqrtpd256(x);
}
#elif ESPALIER_PACK_BYTES == 16 && defined(__has_builtin) && defined(__SSE2__) && \
    __has_builtin(__builtin_ia32_sqrtps)
[[nodiscard]] inline Pack<float> square_root(Pack<float> x) { return __builtin_ia32_sqrtps(x); }
[[nodiscard]] inline Pack<double> square_root(Pack<double> x) { return __builtin_ia32_sqrtpd(x); }
#elif ESPALIER_PACK_BYTES > 0
[[nodiscard]] inline Pack<float> square_root(Pack<float> x) {
  for (Index i = 0; i < pack_size<float>; ++i) x[i] = std::sqrt(x[i]);
  return x;
}
[[nodiscard]] inline Pack<double> square_root(Pack<double> x) {
  for (Index i = 0; i < pack_size<double>; ++i) x[i] = std::sqrt(x[i]);
  return x;
}
#endif

/// Loads pack_size<T> elements from an address of any alignment.
template <class T>
[[nodiscard]] inline Pack<T> load_pack(const T* from) {
  Pack<T> pack;
  std::memcpy(&pack, from, sizeof pack);
  return pack;
}

template <class T>
inline void store_pack(T* to, const Pack<T>& pack) {
  std::memcpy(to, &pack, sizeof pack);
}

template <class P>
struct ElementOfPack {
  using type = P;
};
#if ESPALIER_PACK_BYTES > 0
template <>
struct ElementOfPack<Pack<float>> {
  using type = float;
};
template <>
struct ElementOfPack<Pack<double>> {
  using type = double;
};
#endif

/// 10⁸ times the least normal number: about 10⁻³⁰ for float.
template <class T>
inline constexpr T least_of_tail = std::numeric_limits<T>::min() * static_cast<T>(1e8);

/// x, or 0 if |x| < least_of_tail. Otherwise a decaying
/// average whose gradients have become 0 ends as a denormal that never reaches 0, and denormals
/// make processors many times slower. NaN is kept.
template <class P>
[[nodiscard]] ESPALIER_HD inline P without_tail(const P& x) {
  using T = typename ElementOfPack<P>::type;
  constexpr T least = least_of_tail<T>;
  const P zero{};
  return x < least ? (x > -least ? zero : x) : x;
}

}  // namespace ESPALIER_COMPILED_SET
using namespace ESPALIER_COMPILED_SET;

}  // namespace espalier
