// SPDX-License-Identifier: Apache-2.0
// Operands and output of a matrix product, and packed weights.
#pragma once

#include "espalier/core/config.hpp"
#include "espalier/kernels/activation.hpp"
#include "espalier/kernels/cpu/device.hpp"

namespace espalier::cpu {

/// C (m × n, column-major, leading dimension `stride`), with the epilogue.
template <class T>
struct GemmOutput {
  T* data = nullptr;
  Index stride = 0;
  bool accumulate = false;  ///< C += A B instead of C = act(A B + bias)
  const T* bias = nullptr;  ///< m values, or null
  /// identity, relu or leaky_relu; others are applied in a separate pass.
  Activation activation = Activation::identity;
};

/// A (m × k): element (i, p) is data[i · row + p · column]; one of the two strides is 1.
/// B (k × n): element (p, j) is data[p · row + j · column]; one of the two strides is 1.
template <class T>
struct GemmInput {
  const T* data = nullptr;
  Index row = 0;
  Index column = 0;
};

/// Rows of the next panel of packed weights, of `left` remaining rows: a multiple of the register
/// width of every instruction set, or 0 if too few remain. A panel is column-major.
[[nodiscard]] constexpr Index packed_rows(Index left) {
  return left >= 48 && left != 64 ? 48 : left >= 32 ? 32 : 0;
}

/// Packs W (m × k, row-major) into panels. Rows below the last panel are not packed.
template <class T>
void pack_weights(const T* w, Index m, Index k, T* panels) {
  for (Index i = 0, height; (height = packed_rows(m - i)) > 0; i += height) {
    for (Index p = 0; p < k; ++p) {
      for (Index r = 0; r < height; ++r) *panels++ = w[(i + r) * k + p];
    }
  }
}

// Overloads by device, for passes.
[[nodiscard]] constexpr Index packed_rows(Device, Index left) { return packed_rows(left); }
template <class T>
void pack_weights(Device, const T* w, Index m, Index k, T* panels) {
  pack_weights(w, m, k, panels);
}

namespace detail {

template <class T>
inline constexpr Index cache_line = 64 / static_cast<Index>(sizeof(T));

/// Destination and epilogue of a tile. `transposed`: the output is Cᵀ, so vectors run along its
/// columns, and `rows` and `columns` are exchanged.
template <class T>
struct TileOutput {
  T* data;
  Index stride;
  const T* bias;
  Activation activation;
  Index rows;   ///< valid values along the vectors
  int columns;  ///< valid columns
  bool add;     ///< C += sums
  bool finish;  ///< apply bias and activation
  bool transposed;
};

/// Stores a partial tile at C's edge, value by value. `values`: column-major, leading dimension
/// `height`.
template <class T>
[[gnu::noinline]] void store_part(const T* values, Index height, const TileOutput<T>& c) {
  const Index row_step = c.transposed ? c.stride : 1, column_step = c.transposed ? 1 : c.stride;
  for (int j = 0; j < c.columns; ++j, values += height) {
    for (Index i = 0; i < c.rows; ++i) {
      T& to = c.data[i * row_step + j * column_step];
      T y = c.add ? to + values[i] : values[i];
      if (c.finish) {
        if (c.bias != nullptr) y += c.bias[c.transposed ? j : i];
        y = activate(c.activation, y);
      }
      to = y;
    }
  }
}

}  // namespace detail

}  // namespace espalier::cpu
