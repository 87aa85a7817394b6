// SPDX-License-Identifier: Apache-2.0
// `BFloat16`: the upper half of a float. `Stored<T>`: values stored as T or as bf16.
#pragma once

#include <bit>
#include <cstdint>

#include "espalier/core/config.hpp"

namespace espalier {

/// 1 sign, 8 exponent and 7 fraction bits: the range of a float, two to three decimal digits. For
/// storage only: arithmetic is in float. A float is rounded to nearest, ties to even; NaN stays NaN
/// and keeps its sign; values beyond the largest (3.39e38) become infinite.
class BFloat16 {
 public:
  BFloat16() = default;
  explicit constexpr BFloat16(float x) {
    const auto all = std::bit_cast<std::uint32_t>(x);
    const bool is_nan = (all & 0x7FFFFFFFU) > 0x7F800000U;
    const std::uint32_t rounded = is_nan ? all | 0x00400000U : all + 0x7FFFU + (all >> 16U & 1U);
    bits_ = static_cast<std::uint16_t>(rounded >> 16U);
  }

  /// Exact.
  explicit constexpr operator float() const {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits_) << 16U);
  }
  [[nodiscard]] constexpr std::uint16_t bits() const { return bits_; }

 private:
  std::uint16_t bits_ = 0;
};

/// Refers to a weight matrix or a table that is stored as T or as bf16; the other pointer is null.
/// Does not own it.
template <class T>
struct Stored {
  const T* values = nullptr;
  const BFloat16* bf16 = nullptr;
  const T* packed = nullptr;  ///< null, or a copy of `values` packed by pack_weights()

  // NOLINTNEXTLINE(google-explicit-constructor): values are usually stored as they are.
  constexpr Stored(const T* plain) : values(plain) {}
  constexpr Stored(const T* plain, const T* packed_weights)
      : values(plain), packed(packed_weights) {}
  explicit constexpr Stored(const BFloat16* halves) : bf16(halves) {}
};

}  // namespace espalier
