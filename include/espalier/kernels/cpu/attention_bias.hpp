// SPDX-License-Identifier: Apache-2.0
// The bias of a tile of attention's scores, and its gradient.
#pragma once

#include <algorithm>
#include <cstddef>

#include "espalier/core/config.hpp"
#include "espalier/kernels/attention_bias.hpp"
#include "espalier/kernels/cpu/attention_tiles.hpp"
#include "espalier/kernels/cpu/simd.hpp"

namespace espalier::cpu::ESPALIER_COMPILED_SET {

/// The bias of one pair of tiles at a time. Row r and column c of a tile have the bias of the
/// difference r − c, so a tile needs a line of values, of which each column reads a part; the
/// gradients are sums along diagonals. `unit`: 1 / √d is not yet multiplied, so a bias counts √d
/// times.
template <class T>
class TileBias {
 public:
  TileBias(const AttentionBias<T>& bias, T unit) : bias_(bias), unit_(unit) {}

  [[nodiscard]] bool exists() const { return bias_.weights != nullptr; }

  /// The tile whose rows are queries from `query` on, and whose columns are keys from `key` on.
  void begin_queries_by_keys(Index head, Index query, Index key) { begin(head, query - key, 1); }
  void begin_keys_by_queries(Index head, Index query, Index key) { begin(head, key - query, -1); }

  /// Adds the bias to rows first … end − 1 of column c, in whole registers.
  void add(T* column, Index c, Index first, Index end) const {
    for (Index r = first; r < end; r += lanes<T>)
      store<T>(column + r, load(column + r) + load(line_ + middle + r - c));
  }
  /// Adds the gradients of rows 0 … end − 1 of column c to the sums along diagonals.
  void collect(const T* column, Index c, Index end) {
    for (Index r = 0; r < end; r += lanes<T>) {
      T* const sums = sums_ + middle + r - c;
      store<T>(sums, load(sums) + load(column + r));
    }
  }
  /// Gives these sums to the buckets.
  void finish() {
    T* const to = bias_.gradients + head_ * bias_.buckets.count();
    for (Index r = -middle; r < tile_side; ++r) to[bucket(r)] += unit_ * sums_[middle + r];
  }

 private:
  static constexpr Index middle = tile_side - 1;

  [[nodiscard]] Index bucket(Index r) const { return bias_.buckets.of(sign_ * (base_ + r)); }
  void begin(Index head, Index base, Index sign) {
    head_ = head;
    base_ = base;
    sign_ = sign;
    const T* const from = bias_.weights + head * bias_.buckets.count();
    for (Index r = -middle; r < tile_side; ++r) line_[middle + r] = unit_ * from[bucket(r)];
    std::fill_n(sums_, 2 * tile_side, T{0});
  }

  AttentionBias<T> bias_;
  T unit_;
  Index head_ = 0, base_ = 0, sign_ = 1;
  T line_[std::size_t{2 * tile_side}], sums_[std::size_t{2 * tile_side}];
};

}  // namespace espalier::cpu::ESPALIER_COMPILED_SET
