// SPDX-License-Identifier: Apache-2.0
// Registers of bf16 pairs, and the operation sum += a_0 b_0 + a_1 b_1 in float: with AVX-512 BF16
// instructions if the compiler targets them, else emulated.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

#include "espalier/kernels/bfloat16.hpp"
#include "espalier/kernels/cpu/simd.hpp"

namespace espalier::cpu::ESPALIER_COMPILED_SET {

/// Two neighbouring values along the depth of a product; the first is in the lower half.
using Pair = std::uint32_t;
using Pairs = Vector<Pair>;

[[nodiscard]] inline Pair pair(BFloat16 first, BFloat16 second) {
  return static_cast<Pair>(first.bits()) | static_cast<Pair>(second.bits()) << 16U;
}
[[nodiscard]] inline Pair pair(float first, float second) {
  return pair(BFloat16(first), BFloat16(second));
}

[[nodiscard]] inline Vector<float> first_of(const Pairs& p) {
  return std::bit_cast<Vector<float>>(p << 16U);
}
[[nodiscard]] inline Vector<float> second_of(const Pairs& p) {
  return std::bit_cast<Vector<float>>(p & 0xFFFF0000U);
}

template <std::size_t First, std::size_t... I>
[[nodiscard]] inline Vector<float> every_other(const Vector<float>& a, const Vector<float>& b,
                                               std::index_sequence<I...>) {
  return __builtin_shufflevector(a, b, (First + 2 * I)...);
}

/// Interleaves the lower and the upper half of 2 · lanes values of 16 bits.
template <std::size_t... I>
inline void interleave_halves(Vector<std::uint16_t>& halves, std::index_sequence<I...>) {
  halves = __builtin_shufflevector(halves, halves, (I / 2 + I % 2 * sizeof...(I) / 2)...);
}

/// Computes in float, on any machine. Rounds twice per pair, like AVX-512 BF16, but does not flush
/// values below 1.2e-38 to zero.
struct EmulatedPairs {
  using Operand = Pair;

  [[nodiscard]] static Vector<std::uint32_t> rounded(const Vector<float>& x) {
    const auto all = std::bit_cast<Vector<std::uint32_t>>(x);
    const Vector<std::uint32_t> near = all + 0x7FFFU + (all >> 16U & 1U);
    return (all & 0x7FFFFFFFU) > 0x7F800000U ? all | 0x00400000U : near;
  }
  /// Returns the pair (first[i], second[i]) in lane i.
  [[nodiscard]] static Pairs pair_up(const Vector<float>& first, const Vector<float>& second) {
    return rounded(first) >> 16U | (rounded(second) & 0xFFFF0000U);
  }
  /// Converts 2 · lanes contiguous values.
  [[nodiscard]] static Pairs to_pairs(const float* from) {
    constexpr auto all = std::make_index_sequence<static_cast<std::size_t>(lanes<float>)>{};
    const Vector<float> a = load(from), b = load(from + lanes<float>);
    return pair_up(every_other<0>(a, b, all), every_other<1>(a, b, all));
  }
  [[nodiscard]] static Pairs to_pairs(const BFloat16* from) {
    Pairs pairs;
    std::memcpy(&pairs, from, sizeof pairs);
    return pairs;
  }

  [[gnu::always_inline]] static void multiply_add(Vector<float>& sum, const Pairs& a,
                                                  const Pairs& b) {
    sum += second_of(a) * second_of(b);
    sum += first_of(a) * first_of(b);
  }
  [[gnu::always_inline]] static void multiply_add(Vector<float>& sum, const Pairs& a, Pair b) {
    multiply_add(sum, a, Pairs{} + b);
  }
};

#if defined(__AVX512BF16__)

/// Uses VDPBF16PS and VCVTNE2PS2BF16.
struct NativePairs : EmulatedPairs {
  [[nodiscard]] static Pairs pair_up(const Vector<float>& first, const Vector<float>& second) {
    constexpr auto all =
        std::make_index_sequence<std::size_t{2} * static_cast<std::size_t>(lanes<float>)>{};
    Pairs pairs;
    Vector<std::uint16_t> halves;
    const __m512bh narrowed = _mm512_cvtne2ps_pbh(second, first);
    std::memcpy(&halves, &narrowed, sizeof halves);
    interleave_halves(halves, all);
    std::memcpy(&pairs, &halves, sizeof pairs);
    return pairs;
  }
  using EmulatedPairs::to_pairs;
  [[nodiscard]] static Pairs to_pairs(const float* from) {
    Pairs pairs;
    const __m512bh narrowed = _mm512_cvtne2ps_pbh(load(from + lanes<float>), load(from));
    std::memcpy(&pairs, &narrowed, sizeof pairs);
    return pairs;
  }

  [[gnu::always_inline]] static void multiply_add(Vector<float>& sum, const Pairs& a,
                                                  const Pairs& b) {
    __m512bh left, right;
    std::memcpy(&left, &a, sizeof left);
    std::memcpy(&right, &b, sizeof right);
    sum = _mm512_dpbf16_ps(sum, left, right);
  }
  [[gnu::always_inline]] static void multiply_add(Vector<float>& sum, const Pairs& a, Pair b) {
    multiply_add(sum, a, Pairs{} + b);
  }
};

using MachinePairs = NativePairs;
#else
using MachinePairs = EmulatedPairs;
#endif

}  // namespace espalier::cpu::ESPALIER_COMPILED_SET
