// SPDX-License-Identifier: Apache-2.0
// The tile of a product that stays in registers, and its way out: along the rows of C, or across.
#pragma once

#include <cstddef>
#include <cstring>
#include <utility>

#include "espalier/kernels/activation.hpp"
#include "espalier/kernels/cpu/simd.hpp"

namespace espalier::cpu::detail {

// tile_vectors · tile_columns sums, as many vectors of one operand and a value of the other,
// spread: all registers of the machine. A tile of one vector is wider, so that multiply-adds need
// not wait for the one before.
inline constexpr int tile_vectors = 3;
inline constexpr int tile_columns = vector_registers == 32 ? 8 : 4;
inline constexpr int narrow_columns = 8;
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

template <class T, class V>
[[gnu::always_inline]] inline void activate_vector(V& y, Activation activation) {
  const V zero{};
  if (activation == Activation::relu) y = y < zero ? zero : y;  // a NaN stays one
  if (activation == Activation::leaky_relu) y = y < zero ? y * static_cast<T>(0.01) : y;
}

/// What a tile multiplies, and how: values of T. bfloat16_pairs.hpp has pairs of them.
template <class T>
struct Values {
  using Operand = T;
  [[gnu::always_inline]] static void multiply_add(Vector<T>& sum, const Vector<T>& a, T b) {
    sum += a * b;
  }
};

/// Sums of a tile, and all loops over them written out: an array that is indexed by constants alone
/// is registers.
template <class T, int Vectors, int Columns>
struct Tile {
  static constexpr Index n = lanes<T>;
  static constexpr auto every_vector = std::make_index_sequence<std::size_t{Vectors}>{};
  static constexpr auto every_sum = std::make_index_sequence<std::size_t{Vectors * Columns}>{};
  static constexpr auto every_sample = std::make_index_sequence<std::size_t{n / 4}>{};
  static constexpr auto every_four = std::make_index_sequence<std::size_t{Vectors * Columns / 4}>{};

  Vector<T> sum[std::size_t{Vectors * Columns}];  ///< column after column

  template <std::size_t... I>
  [[gnu::always_inline]] inline void clear(std::index_sequence<I...>) {
    ((sum[I] = Vector<T>{}), ...);
  }

  template <class Operand, std::size_t... I>
  [[gnu::always_inline]] static inline void load_vectors(const Operand* a, Vector<Operand>* left,
                                                         std::index_sequence<I...>) {
    ((left[I] = load(a + static_cast<Index>(I) * n)), ...);
    (keep_in_register(left[I]), ...);
  }

  template <class Math, std::size_t... I>
  [[gnu::always_inline]] inline void multiply_add(const Vector<typename Math::Operand>* left,
                                                  const typename Math::Operand* const* right,
                                                  Index at, std::index_sequence<I...>) {
    (Math::multiply_add(sum[I], left[I % Vectors], right[I / Vectors][at]), ...);
  }

  template <std::size_t... I>
  [[gnu::always_inline]] inline void store_along(const TileOutput<T>& c,
                                                 std::index_sequence<I...>) const {
    if (c.finish) {
      (put<static_cast<Index>(I % Vectors) * n, static_cast<Index>(I / Vectors)>(sum[I], c), ...);
    } else if (c.add) {
      ((store(at<I>(c), load(at<I>(c)) + sum[I])), ...);
    } else {
      ((store(at<I>(c), sum[I])), ...);
    }
  }

  template <std::size_t I>
  [[gnu::always_inline]] static inline T* at(const TileOutput<T>& c) {
    return c.data + static_cast<Index>(I / Vectors) * c.stride +
           static_cast<Index>(I % Vectors) * n;
  }

  template <Index Row, Index Column>
  [[gnu::always_inline]] static inline void put(Vector<T> y, const TileOutput<T>& c) {
    T* const to = c.data + Column * c.stride + Row;
    if (c.add) y += load(to);
    if (c.bias != nullptr) y += load(c.bias + Row);
    activate_vector<T>(y, c.activation);
    store(to, y);
  }

  /// Four rows of C at a time are turned, and leave sample by sample.
  template <std::size_t... I>
  [[gnu::always_inline]] inline void store_across(const TileOutput<T>& c,
                                                  std::index_sequence<I...>) const {
    (put_four<static_cast<int>(I) / Vectors, static_cast<int>(I) % Vectors>(c), ...);
  }

  template <int Group, int V>
  [[gnu::always_inline]] inline void put_four(const TileOutput<T>& c) const {
    constexpr std::size_t first = std::size_t{Group * 4 * Vectors + V};
    Vector<T> four[4] = {sum[first], sum[first + Vectors], sum[first + 2 * Vectors],
                         sum[first + 3 * Vectors]};
    const T* const bias = c.finish && c.bias != nullptr ? c.bias + 4 * Group : nullptr;
    if (bias != nullptr) {
      ESPALIER_UNROLL
      for (int i = 0; i < 4; ++i) four[i] += bias[i];
    }
    if (c.finish && !c.add) {
      ESPALIER_UNROLL
      for (int i = 0; i < 4; ++i) activate_vector<T>(four[i], c.activation);
    }
    transpose_fours<T>(four[0], four[1], four[2], four[3]);
    T* const to = c.data + V * n * c.stride + 4 * Group;
    put_samples<0>(four[0], to, c, every_sample);
    put_samples<1>(four[1], to, c, every_sample);
    put_samples<2>(four[2], to, c, every_sample);
    put_samples<3>(four[3], to, c, every_sample);
  }

  /// Samples Q, Q + 4, …: four values each.
  template <Index Q, std::size_t... L>
  [[gnu::always_inline]] static inline void put_samples(const Vector<T>& values, T* to,
                                                        const TileOutput<T>& c,
                                                        std::index_sequence<L...>) {
    (put_sample<static_cast<int>(L)>(values, to + (static_cast<Index>(4 * L) + Q) * c.stride, c),
     ...);
  }

  template <int L>
  [[gnu::always_inline]] static inline void put_sample(const Vector<T>& values, T* to,
                                                       const TileOutput<T>& c) {
    using Four = typename VectorOf<T, 4>::type;
    Four y = __builtin_shufflevector(values, values, 4 * L, 4 * L + 1, 4 * L + 2, 4 * L + 3);
    if (c.add) {
      Four old;
      std::memcpy(&old, to, sizeof old);
      y += old;
      if (c.finish) activate_vector<T>(y, c.activation);
    }
    std::memcpy(to, &y, sizeof y);
  }

  template <std::size_t... I>
  [[gnu::always_inline]] inline void copy_to(T* values, std::index_sequence<I...>) const {
    (store(values + static_cast<Index>(I) * n, sum[I]), ...);
  }
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

/// `k` steps of Vectors · lanes values of a, `a_step` apart, times b[0] … b[Columns − 1], each
/// `b_step` apart.
template <class T, int Vectors, int Columns, class Math = Values<T>>
[[gnu::noinline]] ESPALIER_ALIGN_LOOPS void tile(Index k,
                                                 const typename Math::Operand* ESPALIER_RESTRICT a,
                                                 Index a_step,
                                                 const typename Math::Operand* const* b,
                                                 Index b_step, const TileOutput<T>& c) {
  if (c.add && !c.across) {
    // Every line: gradients that wait in a far cache would cost as long as the product.
    for (int j = 0; j < c.columns; ++j) {
      const T* const column = c.data + j * c.stride;
      for (Index i = 0; i < c.rows; i += cache_line<T>) __builtin_prefetch(column + i, 1);
      __builtin_prefetch(column + c.rows - 1, 1);
    }
  }
  Tile<T, Vectors, Columns> sums;
  sums.clear(sums.every_sum);
  const typename Math::Operand* right[std::size_t{Columns}];
  for (int j = 0; j < Columns; ++j) right[j] = b[j];
  for (Index p = 0; p < k; ++p, a += a_step) {
    Vector<typename Math::Operand> left[std::size_t{Vectors}];
    sums.load_vectors(a, left, sums.every_vector);
    sums.template multiply_add<Math>(left, right, p * b_step, sums.every_sum);
  }
  const bool whole = c.rows == Vectors * lanes<T> && c.columns == Columns;
  if (whole && !c.across) {
    sums.store_along(c, sums.every_sum);
    return;
  }
  if constexpr (lanes<T> >= 4) {
    if (whole) {
      sums.store_across(c, sums.every_four);
      return;
    }
  }
  T values[std::size_t{Vectors * Columns * lanes<T>}];
  sums.copy_to(values, sums.every_sum);
  store_part(values, Vectors * lanes<T>, c);
}

}  // namespace espalier::cpu::detail
