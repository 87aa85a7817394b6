// SPDX-License-Identifier: Apache-2.0
// Products of table rows with some columns of a layer's weights, and sums of such products.
#pragma once

#include "espalier/core/config.hpp"
#include "espalier/kernels/activation.hpp"
#include "espalier/kernels/cpu/device.hpp"
#include "espalier/kernels/cpu/gemm.hpp"
#include "espalier/kernels/cpu/simd.hpp"

namespace espalier::cpu {

/// Rounds `n` values up to whole registers.
template <class T>
[[nodiscard]] constexpr Index whole_registers(Device, Index n) {
  return (n + lanes<T> - 1) / lanes<T> * lanes<T>;
}

/// to += from, or to += scale · from.
template <class T>
void add_row(Device, const T* from, T* to, Index n) {
  combine(to, from, n, [](auto sum, auto more) { return sum + more; });
}
template <class T>
void add_row(Device, T scale, const T* from, T* to, Index n) {
  combine(to, from, n, [scale](auto sum, auto more) { return sum + scale * more; });
}

/// y += Σ_r rows[r], with y in registers.
template <class T>
void add_rows(Device device, const T* const* rows, int count, T* y, Index n) {
  constexpr Index at_once = 4 * lanes<T>;
  Index i = 0;
  for (; i + at_once <= n; i += at_once) {
    Vector<T> sum[4];
    for (Index v = 0; v < 4; ++v) sum[v] = load(y + i + v * lanes<T>);
    for (int r = 0; r < count; ++r) {
      for (Index v = 0; v < 4; ++v) sum[v] += load(rows[r] + i + v * lanes<T>);
    }
    for (Index v = 0; v < 4; ++v) store(y + i + v * lanes<T>, sum[v]);
  }
  for (int r = 0; r < count; ++r) add_row(device, rows[r] + i, y + i, n - i);
}

/// Some columns of a layer's matrix: W (out × width), row-major, rows `stride` apart. Does not own
/// them.
template <class T>
struct LayerColumns {
  T* data = nullptr;
  Index out = 0, width = 0, stride = 0;
};
template <class T>
[[nodiscard]] LayerColumns<T> layer_columns(Device, T* data, Index out, Index width, Index stride) {
  return {data, out, width, stride};
}

/// P = E Wᵀ. E: rows × width, P: rows × out, both row-major.
template <class T>
void project_rows(Device, const LayerColumns<const T>& w, const T* e, Index rows, T* p) {
  gemm<T>(w.out, rows, w.width, {w.data, w.stride, 1}, {e, 1, w.width},
          {p, w.out, false, nullptr, Activation::identity});
}

/// With G, the gradient of P: dW += Gᵀ E.
template <class T>
void project_weight_gradient(Device, const T* g, const T* e, Index rows,
                             const LayerColumns<T>& dw) {
  gemm<T>(dw.width, dw.out, rows, {e, 1, dw.width}, {g, dw.out, 1},
          {dw.data, dw.stride, true, nullptr, Activation::identity});
}

/// dE += G W.
template <class T>
void project_row_gradient(Device, const LayerColumns<const T>& w, const T* g, Index rows, T* de) {
  gemm<T>(w.width, rows, w.out, {w.data, 1, w.stride}, {g, 1, w.out},
          {de, w.width, true, nullptr, Activation::identity});
}

}  // namespace espalier::cpu
