// SPDX-License-Identifier: Apache-2.0
// The matrix product that the dense kernels stand on: tiled for the registers, blocked for the
// caches.
#pragma once

#include <algorithm>
#include <cstring>

#include "espalier/core/buffer.hpp"
#include "espalier/kernels/cpu/device.hpp"
#include "espalier/kernels/cpu/gemm_dot.hpp"
#include "espalier/kernels/cpu/gemm_tile.hpp"
#include "espalier/kernels/cpu/narrow_kernels.hpp"

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

namespace detail {

// A panel is as many rows of A as a tile is high, `block_depth` deep: it is read from front to back
// for every few columns of B, at the speed of the second cache. A depth that needs a second block
// costs more: C is read and written again.
// Two panels are packed at a time: memory is read in longer runs, and the second cache keeps room
// for B.
inline constexpr Index block_depth = 512;
inline constexpr Index block_panels = 2;
template <class T>
inline constexpr Index panel_rows = tile_vectors* lanes<T>;
template <class T>
inline constexpr Index left_values = block_panels* panel_rows<T>* block_depth;
inline constexpr Index right_values = 128 * block_depth;

/// The height of the next panel in vectors: never one alone where two of two will do.
[[nodiscard]] constexpr int panel_vectors(Index left) {
  return left > 4 || left == 3 ? tile_vectors : left > 1 ? 2 : 1;
}

/// Packs rows [0, m) of A, depth [0, k), into a panel of `rows` rows: panel[p · rows + i]; missing
/// rows are zero.
template <class T>
inline void pack_panel(const GemmInput<T>& a, Index m, Index k, Index rows, T* panel) {
  constexpr Index n = lanes<T>;
  if (a.column == 1) {  // depth is contiguous: transpose
    for (Index i = 0; i < rows; i += n) {
      Index p = 0;
      if (i + n <= m) {
        for (; p + n <= k; p += n)
          transpose(a.data + i * a.row + p, a.row, panel + p * rows + i, rows);
      }
      for (; p < k; ++p) {
        for (Index r = i; r < i + n; ++r)
          panel[p * rows + r] = r < m ? a.data[r * a.row + p] : T{0};
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

/// Packs columns [0, n) of B, which lie side by side, depth [0, k): `tile_columns` at a time, one
/// step of the depth after the other.
template <class T>
inline void pack_columns(const GemmInput<T>& b, Index n, Index k, T* to) {
  constexpr Index width = tile_columns;
  constexpr Index at_once = 16 / width;  // a line of the cache is read once
  const Index size = k * width;
  Index j = 0;
  for (; j + at_once * width <= n; j += at_once * width, to += at_once * size) {
    for (Index p = 0; p < k; ++p) {
      const T* from = b.data + j + p * b.row;
      for (Index t = 0; t < at_once; ++t)
        std::memcpy(to + t * size + p * width, from + t * width, sizeof(T) * width);
    }
  }
  for (; j + width <= n; j += width, to += size) {
    for (Index p = 0; p < k; ++p)
      std::memcpy(to + p * width, b.data + j + p * b.row, sizeof(T) * width);
  }
  for (Index p = 0; j < n && p < k; ++p) std::copy_n(b.data + j + p * b.row, n - j, to + p * width);
}

/// Room for packed values, the same for any product: a thread's first product makes it.
template <class T>
inline T* pack_room() {
  thread_local Buffer<T> buffer(static_cast<std::size_t>(left_values<T> + right_values));
  return buffer.data();
}

/// One panel times columns [0, n) of B.
template <class T, int Vectors, int Columns, class Math = Values<T>>
inline void panel_times_columns(Index k, const typename Math::Operand* panel, Index panel_step,
                                const GemmInput<typename Math::Operand>& b, bool b_packed, Index n,
                                TileOutput<T> c) {
  const Index column_step = c.across ? 1 : c.stride;
  const Index right_step = b_packed ? tile_columns : b.row;
  const typename Math::Operand* right[std::size_t{Columns}];
  for (Index j = 0; j < n; j += Columns) {
    c.columns = static_cast<int>((std::min)(Index{Columns}, n - j));
    for (int q = 0; q < Columns;
         ++q) {  // beyond the last column: the last again, to be thrown away
      const Index column = j + (std::min)(q, c.columns - 1);
      right[q] = b_packed
                     ? b.data + column / tile_columns * (tile_columns * k) + column % tile_columns
                     : b.data + column * b.column;
    }
    tile<T, Vectors, Columns, Math>(k, panel, panel_step, right, right_step, c);
    c.data += Columns * column_step;
    if (c.across && c.bias != nullptr) c.bias += Columns;
  }
}

/// Packs `panels` of A, or finds them in place, and multiplies each with columns [0, n) of B.
/// Returns the rows that are done.
template <class T>
Index rows_times_columns(Index m, Index n, Index k, const GemmInput<T>& a, bool in_place,
                         const GemmInput<T>& b, bool b_packed, TileOutput<T> c, T* room) {
  constexpr Index width = lanes<T>;
  const Index row_step = c.across ? c.stride : 1;
  Index heights[std::size_t{block_panels}];
  Index panels = 0, end = 0;
  T* to = room;
  for (; panels < block_panels && end < m; ++panels) {
    const Index rows = panel_vectors((m - end + width - 1) / width) * width;
    // In place only where no vector reaches beyond the last row.
    if (!in_place || m - end < rows) {
      pack_panel<T>({a.data + end * a.row, a.row, a.column}, (std::min)(rows, m - end), k, rows,
                    to);
    }
    to += rows * k;
    end += rows;
    heights[panels] = rows;
  }
  const T* packed = room;
  T* const first = c.data;
  const T* const bias = c.bias;
  for (Index i = 0, panel = 0; panel < panels; ++panel) {
    const Index rows = heights[panel];
    const bool here = in_place && m - i >= rows;
    const T* left = here ? a.data + i : packed;
    const Index left_step = here ? a.column : rows;
    c.rows = (std::min)(rows, m - i);
    c.data = first + i * row_step;
    c.bias = bias == nullptr || c.across ? bias : bias + i;
    if (rows == width) {
      panel_times_columns<T, 1, narrow_columns>(k, left, left_step, b, b_packed, n, c);
    } else if (rows == 2 * width) {
      panel_times_columns<T, 2, tile_columns>(k, left, left_step, b, b_packed, n, c);
    } else {
      panel_times_columns<T, 3, tile_columns>(k, left, left_step, b, b_packed, n, c);
    }
    packed += rows * k;
    i += rows;
  }
  return end;
}

/// Vectors along the m rows of A. With `across`, C is given transposed.
template <class T>
void gemm_blocks(Index m, Index n, Index k, const GemmInput<T>& a, const GemmInput<T>& b,
                 const GemmOutput<T>& out, bool across) {
  // Packing pays where a value is used by several panels, or by many columns.
  const bool pack_right = b.row != 1 && m > panel_rows<T>;
  const bool in_place = a.row == 1 && n <= 2 * tile_columns;
  T* const left_room = pack_room<T>();
  T* const right_room = left_room + left_values<T>;
  const Index row_step = across ? out.stride : 1, column_step = across ? 1 : out.stride;
  const bool finishes =
      !out.accumulate && (out.bias != nullptr || out.activation != Activation::identity);
  TileOutput<T> c{};
  c.stride = out.stride;
  c.activation = out.activation;
  c.across = across;
  for (Index p = 0; p == 0 || p < k; p += block_depth) {
    const Index depth = (std::min)(block_depth, k - p);
    const Index column_block =
        pack_right ? right_values / (std::max)(depth, Index{1}) / tile_columns * tile_columns : n;
    c.add = out.accumulate || p > 0;
    c.finish = finishes && p + block_depth >= k;
    for (Index j = 0; j < n; j += column_block) {
      const Index columns = (std::min)(column_block, n - j);
      GemmInput<T> right{b.data + p * b.row + j * b.column, b.row, b.column};
      if (pack_right) {
        pack_columns(right, columns, depth, right_room);
        right.data = right_room;
      }
      for (Index i = 0; i < m;) {
        c.data = out.data + i * row_step + j * column_step;
        c.bias = out.bias == nullptr || across ? out.bias : out.bias + i;
        i += rows_times_columns<T>(m - i, columns, depth,
                                   {a.data + i * a.row + p * a.column, a.row, a.column}, in_place,
                                   right, pack_right, c, left_room);
      }
    }
  }
}

}  // namespace detail

/// C = act(A B + bias) or C += A B. Where A and B both lie along the depth, what is packed is the
/// smaller of the two.
template <class T>
void gemm(Index m, Index n, Index k, const GemmInput<T>& a, const GemmInput<T>& b,
          const GemmOutput<T>& c) {
  if (m == 0 || n == 0) return;
  const bool deep = a.column == 1 && b.row == 1;
  if (deep && (m <= detail::most_dots || n <= detail::most_dots)) {
    detail::gemm_dots(m, n, k, a.data, a.row, b.data, b.column, c);
  } else if (deep && n < m) {
    detail::gemm_blocks<T>(n, m, k, {b.data, b.column, b.row}, {a.data, a.column, a.row}, c, true);
  } else {
    detail::gemm_blocks<T>(m, n, k, a, b, c, false);
  }
}

/// What a thread's first product would allocate.
template <class T>
void prepare_thread(Device device) {
  detail::pack_room<T>();
  if (const auto* narrow = narrow_kernels<T>(device)) narrow->prepare_thread();
}

}  // namespace espalier::cpu
