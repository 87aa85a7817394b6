// SPDX-License-Identifier: Apache-2.0
// Hard concrete gates: random numbers in [0, 1] that are often exactly 0 or 1, with a gradient.
#pragma once

#include <cmath>
#include <cstdint>

#include "espalier/core/random.hpp"
#include "espalier/kernels/cpu/device.hpp"

namespace espalier::cpu {

/// z_i = min(1, max(0, s (ζ − γ) + γ)) with β = 2/3, γ = −0.1, ζ = 1.1. If `random`, s = σ((log u −
/// log(1 − u) + log α_i) / β), u uniform, a function of `key` and i; else s = σ(log α_i). slopes:
/// receives ∂z/∂ log α, unless null.
template <class T>
void hard_concrete(Device, const T* log_alpha, Index count, std::uint64_t key, bool random, T* z,
                   T* slopes) {
  constexpr double beta = 2.0 / 3, low = -0.1, high = 1.1;
  for (Index i = 0; i < count; ++i) {
    double logit = static_cast<double>(log_alpha[i]);
    if (random) {
      const double u =
          (static_cast<double>(mix(key, static_cast<std::uint64_t>(i)) >> 11U) + 0.5) * 0x1p-53;
      logit = (std::log(u) - std::log1p(-u) + logit) / beta;
    }
    const double s = 1 / (1 + std::exp(-logit)), stretched = s * (high - low) + low;
    z[i] = static_cast<T>(stretched < 0 ? 0 : stretched > 1 ? 1 : stretched);
    const bool open = stretched > 0 && stretched < 1;
    if (slopes != nullptr)
      slopes[i] = open ? static_cast<T>(s * (1 - s) * (high - low) / (random ? beta : 1)) : T{0};
  }
}

}  // namespace espalier::cpu
