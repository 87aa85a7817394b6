// SPDX-License-Identifier: Apache-2.0
// What a matrix product reads and writes.
#pragma once

#include "espalier/core/config.hpp"
#include "espalier/kernels/activation.hpp"
#include "espalier/kernels/cpu/device.hpp"

namespace espalier::cpu {

/// C (m × n, column after column, `stride` apart) and what happens to a product on its way there.
template <class T>
struct GemmOutput {
  T* data = nullptr;
  Index stride = 0;
  bool accumulate = false;  ///< C += A B instead of C = act(A B + bias)
  const T* bias = nullptr;  ///< one a row, or null
  Activation activation =
      Activation::identity;  ///< identity, relu or leaky_relu; others follow in a pass of their own
};

/// A (m × k): element (i, p) is data[i · row + p · column]; one of the two steps is 1.
/// B (k × n): element (p, j) is data[p · row + j · column]; one of the two steps is 1.
template <class T>
struct GemmInput {
  const T* data = nullptr;
  Index row = 0;
  Index column = 0;
};

/// Rows of the next panel of a matrix that is kept in panels, where `left` are left: whole registers
/// of any set of instructions; 0 where too few are left. In a panel column lies after column.
[[nodiscard]] constexpr Index panel_height(Index left) {
  return left >= 48 && left != 64 ? 48 : left >= 32 ? 32 : 0;
}

/// W (m × k, row after row) in panels. Rows below the last panel are left out.
template <class T>
void make_panels(const T* w, Index m, Index k, T* panels) {
  for (Index i = 0, height; (height = panel_height(m - i)) > 0; i += height) {
    for (Index p = 0; p < k; ++p) {
      for (Index r = 0; r < height; ++r) *panels++ = w[(i + r) * k + p];
    }
  }
}

/// The same by device, for passes.
[[nodiscard]] constexpr Index panel_height(Device, Index left) { return panel_height(left); }
template <class T>
void make_panels(Device, const T* w, Index m, Index k, T* panels) {
  make_panels(w, m, k, panels);
}

namespace detail {

template <class T>
inline constexpr Index cache_line = 64 / static_cast<Index>(sizeof(T));

/// Where a tile goes in C, and what becomes of its sums. Without `across`, vectors lie along the
/// rows of C; with it, along its columns, and `rows` and `columns` are exchanged.
template <class T>
struct TileOutput {
  T* data;
  Index stride;
  const T* bias;
  Activation activation;
  Index rows;   ///< values kept along the vectors
  int columns;  ///< columns kept
  bool add;     ///< to what is there
  bool finish;  ///< with bias and activation
  bool across;
};

/// A tile that is cut off by the end of C, value by value. `values`: `height` of each column.
template <class T>
[[gnu::noinline]] void store_part(const T* values, Index height, const TileOutput<T>& c) {
  const Index row_step = c.across ? c.stride : 1, column_step = c.across ? 1 : c.stride;
  for (int j = 0; j < c.columns; ++j, values += height) {
    for (Index i = 0; i < c.rows; ++i) {
      T& to = c.data[i * row_step + j * column_step];
      T y = c.add ? to + values[i] : values[i];
      if (c.finish) {
        if (c.bias != nullptr) y += c.bias[c.across ? j : i];
        y = activate(c.activation, y);
      }
      to = y;
    }
  }
}

}  // namespace detail

}  // namespace espalier::cpu
