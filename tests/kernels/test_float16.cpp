// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>

#include "espalier/kernels/float16.hpp"

using espalier::float_of_half;

TEST_CASE("every binary16 is the float that IEEE 754 defines") {
  int wrong = 0;
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float found = float_of_half(static_cast<std::uint16_t>(bits));
    const int exponent = static_cast<int>(bits >> 10U & 31U);
    const int fraction = static_cast<int>(bits & 1023U);
    const bool negative = bits >> 15U != 0;
    if (std::signbit(found) != negative) ++wrong;
    const float size = std::fabs(found);
    if (exponent == 31) {
      wrong += fraction == 0 ? !std::isinf(size) : !std::isnan(size);
    } else if (exponent == 0) {
      wrong += size != static_cast<float>(std::ldexp(fraction, -24));
    } else {
      wrong += size != static_cast<float>(std::ldexp(1024 + fraction, exponent - 25));
    }
  }
  CHECK(wrong == 0);
  CHECK(float_of_half(0x3C00) == 1.0F);
  CHECK(float_of_half(0xC000) == -2.0F);
  CHECK(float_of_half(0x7BFF) == 65504.0F);
  CHECK(float_of_half(0x0001) == 0x1p-24F);
}
