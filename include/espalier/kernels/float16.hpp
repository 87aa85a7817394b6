// SPDX-License-Identifier: Apache-2.0
// `float_of_half`: values stored as IEEE 754 binary16.
#pragma once

#include <bit>
#include <cstdint>

#include "espalier/core/config.hpp"

namespace espalier {

/// The float that 16 bits of binary16 stand for: 1 sign, 5 exponent and 10 fraction bits. Exact;
/// NaN stays NaN with its fraction.
[[nodiscard]] constexpr float float_of_half(std::uint16_t bits) noexcept {
  const std::uint32_t sign = (bits & 0x8000U) * 0x10000U, rest = bits & 0x7FFFU;
  if (rest >= 0x7C00U) return std::bit_cast<float>(sign | 0x7F800000U | (rest & 0x3FFU) << 13U);
  if (rest >= 0x400U) return std::bit_cast<float>(sign | ((rest << 13U) + 0x38000000U));
  // Subnormal: a multiple of 2^-24.
  const float size = static_cast<float>(rest) * 0x1p-24F;
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(size));
}

}  // namespace espalier
