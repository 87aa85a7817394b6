// SPDX-License-Identifier: Apache-2.0
// Products of small tiles that fit in the cache, by the micro-kernels of the matrix product.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <type_traits>
#include <utility>

#include "espalier/core/config.hpp"
#include "espalier/kernels/cpu/gemm.hpp"
#include "espalier/kernels/cpu/simd.hpp"

namespace espalier::cpu::ESPALIER_COMPILED_SET {

/// Largest number of queries, of keys and of channels in a tile.
inline constexpr Index tile_side = 64;

/// A matrix of up to 64 × 64 values, column-major, its columns padded to whole registers.
/// Micro-kernels may write up to 7 columns too many.
template <class T>
struct alignas(64) Tile {
  T values[std::size_t{(tile_side + 8) * tile_side}];
};

/// The micro-kernels of an instruction set, which may be larger than the one compiled for.
template <class T>
struct TileKernels {
  using Kernel = void (*)(Index, const T*, Index, const T* const*, Index,
                          const detail::TileOutput<T>&);
  /// For panels of one height; the last columns of a tile are computed by `four`, 4 at a time.
  struct Panel {
    Index columns;
    Kernel kernel, four;
  };
  Index lanes;
  Panel panels[3];  ///< one, two and three registers high

  /// Returns n, rounded up to whole registers.
  [[nodiscard]] Index padded(Index n) const { return (n + lanes - 1) / lanes * lanes; }
};

/// Those of the instruction set in use.
template <class T>
[[nodiscard]] inline TileKernels<T> tile_kernels() {
#define ESPALIER_TILE_KERNELS(set)                                                   \
  {                                                                                  \
    set::lanes<T>, {                                                                 \
      {set::nr_one_vector, &set::micro_kernel<T, 1, set::nr_one_vector>,             \
       &set::micro_kernel<T, 1, 4>},                                                 \
          {set::nr, &set::micro_kernel<T, 2, set::nr>, &set::micro_kernel<T, 2, 4>}, \
          {set::nr, &set::micro_kernel<T, 3, set::nr>, &set::micro_kernel<T, 3, 4>}, \
    }                                                                                \
  }
#if ESPALIER_DISPATCH
  const InstructionSet in_use = instruction_set();
  if (in_use == InstructionSet::avx512) return ESPALIER_TILE_KERNELS(avx512);
  if (in_use == InstructionSet::avx2) return ESPALIER_TILE_KERNELS(avx2);
#endif
  return ESPALIER_TILE_KERNELS(ESPALIER_COMPILED_SET);
#undef ESPALIER_TILE_KERNELS
}

/// What is needed of a product whose left operand, or whose result, is triangular. Row j of it has
/// columns from j on, or up to j; the rest is skipped where whole panels allow.
enum class Needed { all, columns_from_row, columns_to_row, depth_from_row, depth_to_row };

/// C = A B or C += A B. A (rows × k) and C (rows × n) are tiles; `rows`: whole registers.
template <class T>
void tile_product(const TileKernels<T>& kernels, Index rows, Index n, Index k, const T* a,
                  const GemmInput<T>& b, T* c, Needed needed = Needed::all, bool add = false) {
  detail::TileOutput<T> out{};
  out.stride = rows;
  out.add = add;
  for (Index i = 0; i < rows; i += out.rows) {
    const int vectors = panel_vectors((rows - i) / kernels.lanes);
    const auto& panel = kernels.panels[vectors - 1];
    out.rows = vectors * kernels.lanes;
    const Index j_end = needed == Needed::columns_to_row ? (std::min)(n, i + out.rows) : n;
    const Index p_end = needed == Needed::depth_to_row ? (std::min)(k, i + out.rows) : k;
    const Index p = needed == Needed::depth_from_row ? i : 0;
    for (Index j = needed == Needed::columns_from_row ? i : 0; j < j_end; j += out.columns) {
      const bool few = j_end - j <= 4;
      const T* right[8];
      out.columns = few ? 4 : static_cast<int>(panel.columns);
      for (Index q = 0; q < out.columns; ++q)  // beyond the last column: repeats it, not read
        right[q] = b.data + p * b.row + (std::min)(j + q, j_end - 1) * b.column;
      out.data = c + j * rows + i;
      (few ? panel.four : panel.kernel)(p_end - p, a + p * rows + i, rows, right, b.row, out);
    }
  }
}

/// Stores each group of four lanes to its own place, `step` apart.
template <class T, std::size_t... G>
[[gnu::always_inline]] inline void store_fours(const Vector<T>& v, T* to, Index step,
                                               std::index_sequence<G...>) {
  using Four = typename VectorOf<T, 4>::type;
  const auto put = [](const Four& four, T* place) { std::memcpy(place, &four, sizeof four); };
  (put(__builtin_shufflevector(v, v, 4 * G, 4 * G + 1, 4 * G + 2, 4 * G + 3),
       to + static_cast<Index>(G) * step),
   ...);
}

/// to[r + c · to_step] = from[c + r · from_step] for r < 4, c < lanes.
template <class T>
[[gnu::always_inline]] inline void turn_registers(const T* from, Index from_step, T* to,
                                                  Index to_step) {
  constexpr auto groups = std::make_index_sequence<static_cast<std::size_t>(lanes<T> / 4)>{};
  Vector<T> v[4];
  ESPALIER_UNROLL
  for (Index r = 0; r < 4; ++r) v[r] = load(from + r * from_step);
  transpose_fours<T>(v[0], v[1], v[2], v[3]);
  ESPALIER_UNROLL
  for (Index c = 0; c < 4; ++c) store_fours<T>(v[c], to + c * to_step, 4 * to_step, groups);
}

/// The same for c < 4.
template <class T>
[[gnu::always_inline]] inline void turn_fours(const T* from, Index from_step, T* to,
                                              Index to_step) {
  using Four = typename VectorOf<T, 4>::type;
  Four v[4], half[4];
  ESPALIER_UNROLL
  for (Index r = 0; r < 4; ++r) std::memcpy(&v[r], from + r * from_step, sizeof v[r]);
  ESPALIER_UNROLL
  for (Index r = 0; r < 4; r += 2) {
    half[r] = __builtin_shufflevector(v[r], v[r + 1], 0, 4, 2, 6);
    half[r + 1] = __builtin_shufflevector(v[r], v[r + 1], 1, 5, 3, 7);
  }
  ESPALIER_UNROLL
  for (Index c = 0; c < 2; ++c) {
    v[c] = __builtin_shufflevector(half[c], half[c + 2], 0, 1, 4, 5);
    v[c + 2] = __builtin_shufflevector(half[c], half[c + 2], 2, 3, 6, 7);
  }
  ESPALIER_UNROLL
  for (Index c = 0; c < 4; ++c) std::memcpy(to + c * to_step, &v[c], sizeof v[c]);
}

/// to[r + c · to_step] = from[c + r · from_step] for r < rows, c < columns, in blocks of High ×
/// Wide; the last ones overlap the ones before.
template <class T, Index High, Index Wide>
void turn_blocks(const T* from, Index from_step, Index rows, Index columns, T* to, Index to_step) {
  for (Index i = 0; i < rows; i += High) {
    const Index r = (std::min)(i, rows - High);
    for (Index j = 0; j < columns; j += Wide) {
      const Index c = (std::min)(j, columns - Wide);
      const T* const source = from + r * from_step + c;
      T* const place = to + c * to_step + r;
      if constexpr (Wide > 4) {
        turn_registers(source, from_step, place, to_step);
      } else if constexpr (Wide == 4) {
        turn_fours(source, from_step, place, to_step);
      } else {
        *place = *source;
      }
    }
  }
}
/// The same, in the largest blocks that fit.
template <class T>
void turn(const T* from, Index from_step, Index rows, Index columns, T* to, Index to_step) {
  constexpr Index widest = (std::max)(lanes<T>, Index{4});
  if (rows >= 4 && columns >= widest) {
    turn_blocks<T, 4, widest>(from, from_step, rows, columns, to, to_step);
  } else if (rows >= 4 && columns >= 4) {
    turn_blocks<T, 4, 4>(from, from_step, rows, columns, to, to_step);
  } else {
    turn_blocks<T, 1, 1>(from, from_step, rows, columns, to, to_step);
  }
}

/// to[i] = 0 for i < n.
template <class T>
[[gnu::always_inline]] inline void clear_few(T* to, Index n) {
  Vector<T> zero{};
  keep_in_register(zero);  // GCC would otherwise call memset, which is slower
  Index i = 0;
  for (; i + lanes<T> <= n; i += lanes<T>) store<T>(to + i, zero);
  for (; i < n; ++i) to[i] = zero[0];
}

/// Tokens that are neighbours in a matrix: one operand of a product.
template <class T>
struct Tokens {
  const T* data;  ///< the first channel of the first token
  Index step, count;
};

/// Packs `channels` values of each token as a tile with a row per token; rows from x.count on are
/// zero.
template <class T>
void pack_tokens(const Tokens<T>& x, Index channels, T* to, Index rows) {
  turn(x.data, x.step, x.count, channels, to, rows);
  for (Index c = 0; c < channels && x.count < rows; ++c)
    clear_few(to + c * rows + x.count, rows - x.count);
}

/// out = ⟨a, b⟩ for each token of a (rows) and of b (columns), over d channels. `packed` receives a
/// and may have it already, if `is_packed`.
template <class T>
void dot_products(const TileKernels<T>& kernels, const Tokens<T>& a, const Tokens<T>& b, Index d,
                  Needed needed, T* packed, bool is_packed, T* out) {
  const Index rows = kernels.padded(a.count);
  for (Index c = 0; c < d; c += tile_side) {
    const Index channels = (std::min)(tile_side, d - c);
    if (!is_packed || d > tile_side)
      pack_tokens<T>({a.data + c, a.step, a.count}, channels, packed, rows);
    tile_product(kernels, rows, b.count, channels, packed, {b.data + c, 1, b.step}, out, needed,
                 c > 0);
  }
}

/// Calls put(j, c, n, sums) for row j < count of `weights` and each group of channels [c, c + n),
/// with their Σ_t weights_jt · values_t.
template <class T, class Put>
void weighted_sums(const TileKernels<T>& kernels, const T* weights, Index count,
                   const Tokens<T>& values, Index d, Needed needed, T* room, const Put& put) {
  constexpr Index at_once = 16;
  alignas(64) T turned[std::size_t{at_once * tile_side}];
  const Index rows = kernels.padded(count);
  for (Index c = 0; c < d; c += tile_side) {
    const Index channels = (std::min)(tile_side, d - c);
    tile_product(kernels, rows, channels, values.count, weights, {values.data + c, values.step, 1},
                 room, needed);
    for (Index j = 0; j < count; j += at_once) {
      const Index some = (std::min)(at_once, count - j);
      turn(room + j, rows, channels, some, turned, tile_side);
      for (Index t = 0; t < some; ++t) put(j + t, c, channels, turned + t * tile_side);
    }
  }
}

}  // namespace espalier::cpu::ESPALIER_COMPILED_SET
