// SPDX-License-Identifier: Apache-2.0
// Linear combinations of neighbouring blocks, with the same weights for all samples.
#pragma once

#include "espalier/core/view.hpp"
#include "espalier/kernels/cpu/device.hpp"

namespace espalier::cpu {

/// y_o = Σ_i a_oi x_i. x: `inputs` contiguous blocks of `width` rows; y: `outputs` such blocks.
/// a: outputs × inputs, row-major.
template <class T>
void stitch_forward(Device, const T* a, Index inputs, Index outputs, View<const T> x, View<T> y) {
  const Index width = y.rows / outputs;
  for (Index j = 0; j < y.cols; ++j) {
    const T* ESPALIER_RESTRICT from = x.column(j);
    for (Index o = 0; o < outputs; ++o) {
      T* ESPALIER_RESTRICT to = y.column(j) + o * width;
      for (Index i = 0; i < inputs; ++i) {
        const T weight = a[o * inputs + i];
        const T* ESPALIER_RESTRICT part = from + i * width;
        if (i == 0) {
          for (Index r = 0; r < width; ++r) to[r] = weight * part[r];
        } else {
          for (Index r = 0; r < width; ++r) to[r] += weight * part[r];
        }
      }
    }
  }
}

/// dx_i (+)= Σ_o a_oi dy_o.
template <class T>
void stitch_input_gradient(Device, const T* a, Index inputs, Index outputs, View<const T> dy,
                           View<T> dx, bool accumulate) {
  const Index width = dy.rows / outputs;
  for (Index j = 0; j < dy.cols; ++j) {
    const T* ESPALIER_RESTRICT from = dy.column(j);
    for (Index i = 0; i < inputs; ++i) {
      T* ESPALIER_RESTRICT to = dx.column(j) + i * width;
      for (Index o = 0; o < outputs; ++o) {
        const T weight = a[o * inputs + i];
        const T* ESPALIER_RESTRICT part = from + o * width;
        if (o == 0 && !accumulate) {
          for (Index r = 0; r < width; ++r) to[r] = weight * part[r];
        } else {
          for (Index r = 0; r < width; ++r) to[r] += weight * part[r];
        }
      }
    }
  }
}

/// da_oi += Σ ⟨dy_o, x_i⟩ over the samples.
template <class T>
void stitch_weight_gradient(Device, Index inputs, Index outputs, View<const T> x, View<const T> dy,
                            T* da) {
  const Index width = dy.rows / outputs;
  for (Index j = 0; j < dy.cols; ++j) {
    for (Index o = 0; o < outputs; ++o) {
      const T* ESPALIER_RESTRICT d = dy.column(j) + o * width;
      for (Index i = 0; i < inputs; ++i) {
        const T* ESPALIER_RESTRICT part = x.column(j) + i * width;
        T sum = 0;
        for (Index r = 0; r < width; ++r) sum += d[r] * part[r];
        da[o * inputs + i] += sum;
      }
    }
  }
}

}  // namespace espalier::cpu
