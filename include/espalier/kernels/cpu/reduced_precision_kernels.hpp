// SPDX-License-Identifier: Apache-2.0
// `ReducedPrecisionKernels`: products in less than single precision, as a table of functions, so
// that a program that does not use them does not compile them.
#pragma once

#include <cstdint>
#include <type_traits>

#include "espalier/core/view.hpp"
#include "espalier/kernels/bfloat16.hpp"
#include "espalier/kernels/cpu/device.hpp"

namespace espalier::cpu {

template <class T>
struct GemmOutput;

/// Inputs and outputs are T; values are bf16 only in storage and inside a product.
template <class T>
struct ReducedPrecisionKernels {
  /// y = act(W x + b), with b and act from `y`. W: outputs × inputs, row-major.
  void (*forward)(Stored<T> w, Index outputs, View<const T> x, const GemmOutput<T>& y);
  /// dx = Wᵀ dy, or dx += Wᵀ dy if `accumulate`.
  void (*input_gradient)(const T* w, View<const T> dy, View<T> dx, bool accumulate);
  /// dW += dy xᵀ.
  void (*weight_gradient)(View<const T> dy, View<const T> x, T* dw);
  /// y_j = row ids[j] of the table.
  void (*gather)(const BFloat16* table, const std::int32_t* ids, View<T> y);
  /// y_j = the sum, or the mean, of rows ids[offsets[j]] … ids[offsets[j + 1] − 1].
  void (*gather_pooled)(const BFloat16* table, const std::int32_t* ids, const std::int32_t* offsets,
                        bool mean, View<T> y);
  /// Allocates what a thread's first product would allocate.
  void (*prepare_thread)();
};

/// Returns the kernels of the device, or null; null for any T but float.
template <class T>
[[nodiscard]] constexpr const ReducedPrecisionKernels<T>* reduced_precision_kernels(Device device) {
  if constexpr (std::is_same_v<T, float>) return device.reduced;
  return nullptr;
}

}  // namespace espalier::cpu
