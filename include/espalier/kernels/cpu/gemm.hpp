// SPDX-License-Identifier: Apache-2.0
// The matrix product that the dense kernels stand on: packed, blocked for the caches, tiled for the registers.
#pragma once

#include <algorithm>

#include "espalier/core/buffer.hpp"
#include "espalier/kernels/activation.hpp"
#include "espalier/kernels/cpu/simd.hpp"

namespace espalier::cpu {

/// C (m × n, column after column, `stride` apart) and what happens to a product on its way there.
template <class T>
struct GemmOutput {
  T* data = nullptr;
  Index stride = 0;
  bool accumulate = false;                          ///< C += A B instead of C = act(A B + bias)
  const T* bias = nullptr;                          ///< one a row, or null
  Activation activation = Activation::identity;     ///< identity, relu or leaky_relu; others follow in a pass of their own
};

/// A (m × k): element (i, p) is data[i · row + p · column]; one of the two steps is 1.
/// B (k × n): element (p, j) is data[p · row + j · column].
template <class T>
struct GemmInput {
  const T* data = nullptr;
  Index row = 0;
  Index column = 0;
};

namespace detail {

// The tile of C that stays in registers is mv · lanes rows by nr columns: mv · nr accumulators, mv vectors of A and,
// without AVX-512's broadcast operands, one of B. Blocks of kc · mc values of A are packed and stay in the second cache.
inline constexpr int tile_vectors = vector_registers == 32 ? 3 : 2;
inline constexpr int tile_columns = vector_registers == 32 ? 8 : 6;
inline constexpr Index block_depth = 256;
template <class T>
inline constexpr Index block_rows = (std::max)(Index{1}, Index{1024} / (tile_vectors * lanes<T>)) * tile_vectors * lanes<T> / 2;

/// Packs rows [0, m) of A, depth [0, k), into panels of `rows` rows: panel[p · rows + i]; missing rows are zero.
template <class T>
inline void pack_panel(const GemmInput<T>& a, Index m, Index k, Index rows, T* panel) {
  constexpr Index n = lanes<T>;
  if (a.column == 1) {  // depth is contiguous: transpose
    for (Index i = 0; i < rows; i += n) {
      Index p = 0;
      if (i + n <= m) {
        for (; p + n <= k; p += n) transpose(a.data + i * a.row + p, a.row, panel + p * rows + i, rows);
      }
      for (; p < k; ++p) {
        for (Index r = i; r < i + n; ++r) panel[p * rows + r] = r < m ? a.data[r * a.row + p] : T{0};
      }
    }
    return;
  }
  for (Index p = 0; p < k; ++p) {
    const T* from = a.data + p * a.column;
    T* to = panel + p * rows;
    if (m == rows) {
      for (Index i = 0; i < rows; i += n) store(to + i, load(from + i));
    } else {
      for (Index i = 0; i < rows; ++i) to[i] = i < m ? from[i] : T{0};
    }
  }
}

/// One tile: `Vectors` · lanes rows, all columns of the tile, of which `columns` are kept and `rows` rows.
template <class T, int Vectors>
inline void tile(Index k, const T* ESPALIER_RESTRICT a, const T* const* b, Index b_row, Index rows, int columns,
                 const GemmOutput<T>& c, bool first, bool last) {
  constexpr Index n = lanes<T>;
  Vector<T> sum[static_cast<std::size_t>(Vectors)][static_cast<std::size_t>(tile_columns)];
  for (int v = 0; v < Vectors; ++v) {
    for (int j = 0; j < tile_columns; ++j) sum[v][j] = Vector<T>{};
  }
  for (Index p = 0; p < k; ++p) {
    Vector<T> left[static_cast<std::size_t>(Vectors)];
    for (int v = 0; v < Vectors; ++v) left[v] = load(a + (p * Vectors + v) * n);
    for (int j = 0; j < tile_columns; ++j) {
      const T right = b[j][p * b_row];
      for (int v = 0; v < Vectors; ++v) sum[v][j] += left[v] * right;
    }
  }
  const bool add = c.accumulate || !first;
  const bool finish = last && !c.accumulate;
  const bool whole = rows == Vectors * n;
  for (int j = 0; j < columns; ++j) {
    T* out = c.data + j * c.stride;
    T partial[static_cast<std::size_t>(Vectors * n)];
    if (!whole) {
      for (Index i = 0; i < Vectors * n; ++i) partial[i] = add && i < rows ? out[i] : T{0};
    }
    for (int v = 0; v < Vectors; ++v) {
      Vector<T> y = sum[v][j];
      if (add) y += load((whole ? out : partial) + v * n);
      if (finish) {
        if (c.bias != nullptr) {
          T bias[static_cast<std::size_t>(n)];
          if (whole) {
            y += load(c.bias + v * n);
          } else {
            for (Index i = 0; i < n; ++i) bias[i] = v * n + i < rows ? c.bias[v * n + i] : T{0};
            y += load(bias);
          }
        }
        const Vector<T> zero{};
        if (c.activation == Activation::relu) y = y < zero ? zero : y;  // a NaN stays one
        if (c.activation == Activation::leaky_relu) y = y < zero ? y * static_cast<T>(0.01) : y;
      }
      store((whole ? out : partial) + v * n, y);
    }
    if (!whole) std::copy_n(partial, rows, out);
  }
}

template <class T>
inline T* packed(std::size_t size) {
  thread_local Buffer<T> buffer;
  if (buffer.size() < size) buffer = Buffer<T>(size);
  return buffer.data();
}

}  // namespace detail

/// C = act(A B + bias) or C += A B. What a column of C becomes does not depend on the other columns.
template <class T>
void gemm(Index m, Index n, Index k, const GemmInput<T>& a, const GemmInput<T>& b, const GemmOutput<T>& c) {
  using namespace detail;
  constexpr Index width = lanes<T>;
  constexpr Index panel_rows = tile_vectors * width;
  if (m == 0 || n == 0) return;
  const Index depth = (std::min)(k, block_depth), height = (std::min)((m + width - 1) / width * width, block_rows<T>);
  T* const pack = packed<T>(static_cast<std::size_t>((std::max)(depth, Index{1}) * (height + panel_rows)));
  for (Index p = 0; p == 0 || p < k; p += block_depth) {
    const Index kc = (std::min)(block_depth, k - p);
    const bool first = p == 0, last = p + block_depth >= k;
    for (Index i = 0; i < m; i += block_rows<T>) {
      const Index mc = (std::min)(block_rows<T>, m - i);
      // Panels of full height, and a last one with as few vectors as its rows need.
      T* to = pack;
      for (Index r = 0; r < mc; r += panel_rows) {
        const Index rows = (std::min)(panel_rows, (mc - r + width - 1) / width * width);
        pack_panel<T>({a.data + (i + r) * a.row + p * a.column, a.row, a.column}, (std::min)(rows, mc - r), kc, rows, to);
        to += rows * kc;
      }
      for (Index j = 0; j < n; j += tile_columns) {
        const int columns = static_cast<int>((std::min)(Index{tile_columns}, n - j));
        const T* right[tile_columns];
        for (int q = 0; q < tile_columns; ++q) {  // beyond the last column: the last again, to be thrown away
          right[q] = b.data + p * b.row + (j + (std::min)(q, columns - 1)) * b.column;
        }
        const T* panel = pack;
        for (Index r = 0; r < mc; r += panel_rows) {
          const Index rows = (std::min)(panel_rows, mc - r);
          GemmOutput<T> out = c;
          out.data = c.data + (i + r) + j * c.stride;
          if (c.bias != nullptr) out.bias = c.bias + i + r;
          const Index vectors = (rows + width - 1) / width;
          if (vectors == 1) {
            tile<T, 1>(kc, panel, right, b.row, rows, columns, out, first, last);
          } else if (vectors == 2) {
            tile<T, 2>(kc, panel, right, b.row, rows, columns, out, first, last);
          } else if constexpr (tile_vectors == 3) {
            tile<T, 3>(kc, panel, right, b.row, rows, columns, out, first, last);
          }
          panel += vectors * width * kc;
        }
      }
    }
  }
}

}  // namespace espalier::cpu
