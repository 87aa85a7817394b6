// SPDX-License-Identifier: Apache-2.0
// Dropout; the mask is a function of key, sample and row.
#pragma once

#include <cstdint>

#include "espalier/core/random.hpp"
#include "espalier/core/view.hpp"
#include "espalier/kernels/cpu/device.hpp"

namespace espalier::cpu {

/// y (+)= x ∘ mask / (1 − rate); the mask is 0 with probability `rate`, else 1. Column j is column
/// `first` + j of the whole batch, so the mask does not depend on microbatches or threads. The
/// backward pass is the same function.
template <class T>
void dropout(Device, View<const T> x, double rate, std::uint64_t key, Index first, View<T> y,
             bool accumulate) {
  // 32 random bits per value: two values share a hash.
  const auto threshold = static_cast<std::uint64_t>(rate * 0x1p32);
  const T scale = static_cast<T>(1 / (1 - rate));
  for (Index j = 0; j < x.cols; ++j) {
    const std::uint64_t column = mix(key, static_cast<std::uint64_t>(first + j));
    const T* from = x.column(j);
    T* to = y.column(j);
    for (Index i = 0; i < x.rows; ++i) {
      const std::uint64_t bits = mix(column + static_cast<std::uint64_t>(i / 2));
      const std::uint64_t half = i % 2 == 0 ? bits >> 32U : bits & 0xFFFFFFFFU;
      const T v = half < threshold ? T{0} : from[i] * scale;
      to[i] = accumulate ? to[i] + v : v;
    }
  }
}

}  // namespace espalier::cpu
