// SPDX-License-Identifier: Apache-2.0
// Elementwise products: masks and gates on features.
#pragma once

#include "espalier/core/view.hpp"
#include "espalier/kernels/cpu/device.hpp"

namespace espalier::cpu {

/// y (+)= scale · a ∘ b. y must not overlap a or b.
template <class T>
void multiply(Device, View<const T> a, View<const T> b, T scale, View<T> y, bool accumulate) {
  for (Index j = 0; j < y.cols; ++j) {
    const T* ESPALIER_RESTRICT left = a.column(j);
    const T* ESPALIER_RESTRICT right = b.column(j);
    T* ESPALIER_RESTRICT to = y.column(j);
    if (accumulate) {
      for (Index i = 0; i < y.rows; ++i) to[i] += scale * left[i] * right[i];
    } else {
      for (Index i = 0; i < y.rows; ++i) to[i] = scale * left[i] * right[i];
    }
  }
}

}  // namespace espalier::cpu
