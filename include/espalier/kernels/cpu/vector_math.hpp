// SPDX-License-Identifier: Apache-2.0
// Exponentials of registers of floats, and sums of floats in double.
#pragma once

#include <cstdint>
#include <cstring>

#include "espalier/kernels/cpu/simd.hpp"
#include "espalier/kernels/elements.hpp"

namespace espalier {

using FloatRegister = cpu::Vector<float>;

namespace detail {

template <>
struct ElementOf<FloatRegister> {
  using type = float;
};

using BitsRegister = typename cpu::VectorOf<std::uint32_t, cpu::lanes<float>>::type;

template <class To, class From>
[[nodiscard]] inline To same_bits(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To made;
  std::memcpy(&made, &from, sizeof made);
  return made;
}

}  // namespace detail

namespace cpu::ESPALIER_COMPILED_SET {

/// Sums floats in double, each lane separately.
class DoubleSum {
 public:
  /// `values`: one register of values.
  void add(const float* values) {
    add(low_, values);
    add(high_, values + half);
  }
  [[nodiscard]] double total() const {
    double sum = 0;
    for (Index i = 0; i < half; ++i) sum += low_[i] + high_[i];
    return sum;
  }

 private:
  static constexpr Index half = lanes<float> / 2;
  using Floats = typename VectorOf<float, half>::type;
  using Doubles = typename VectorOf<double, half>::type;

  static void add(Doubles& to, const float* values) {
    Floats read;
    std::memcpy(&read, values, sizeof read);
    to += __builtin_convertvector(read, Doubles);
  }

  Doubles low_{}, high_{};
};

}  // namespace cpu::ESPALIER_COMPILED_SET

namespace detail {

/// −|x|.
[[nodiscard]] inline FloatRegister minus_magnitude(const FloatRegister& x) {
  return same_bits<FloatRegister>(same_bits<BitsRegister>(x) | (1U << 31));
}

/// e^x for −87.3 ≤ x ≤ 88; NaN gives NaN.
/// x = n log 2 + r with |r| ≤ log 2 / 2; e^r = 1 + r + r² q(r), q of degree 5.
[[nodiscard]] inline FloatRegister exponential_between(const FloatRegister& x) {
  // Rounds to an integer by adding 1.5 · 2²³: the low bits of the sum are then the integer.
  constexpr float shift = 12582912.0F;
  FloatRegister shifted = x * 1.44269504F + shift;
  cpu::keep_in_register(shifted);  // keeps fast-math from simplifying shifted - shift
  const FloatRegister n = shifted - shift;
  const FloatRegister r = (x - n * 0.693359375F) - n * -2.12194440e-4F;  // log 2 in two parts
  // Terms in pairs, in parallel: the chain of dependent operations limits the speed.
  const FloatRegister r2 = r * r;
  const FloatRegister q =
      ((r * 1.98909808e-4F + 1.39336410e-3F) * r2 + (r * 8.33331093e-3F + 4.16664650e-2F)) * r2 +
      (r * 1.66666667e-1F + 0.5F);
  const auto power =
      same_bits<FloatRegister>((same_bits<BitsRegister>(shifted) << 23) + (127U << 23));
  return (q * r2 + r) * power + power;
}

}  // namespace detail

/// e^x within 1 ulp; e^88 for x > 88, 0 for x < −87.3. NaN gives NaN.
template <>
[[nodiscard]] inline FloatRegister exponential(FloatRegister x) {
  constexpr float least = -87.3F, most = 88.0F;
  const FloatRegister bounded = x > most ? splat<FloatRegister>(most) : x;
  const FloatRegister y = detail::exponential_between(bounded);
  return x < least ? FloatRegister{} : y;
}

}  // namespace espalier
