// SPDX-License-Identifier: Apache-2.0
// From scores to weights, and back from gradients: softmax over keys, and pointwise weights.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <type_traits>

#include "espalier/core/view.hpp"
#include "espalier/kernels/cpu/attention_tiles.hpp"
#include "espalier/kernels/cpu/gate.hpp"
#include "espalier/kernels/cpu/simd.hpp"
#include "espalier/kernels/cpu/vector_math.hpp"

namespace espalier::cpu::ESPALIER_COMPILED_SET {

/// e^x.
template <class T>
[[nodiscard]] [[gnu::always_inline]] inline Vector<T> exponentials_of(Vector<T> x) {
  if constexpr (std::is_same_v<T, float>) {
    return exponential(x);
  } else {
    for (Index i = 0; i < lanes<T>; ++i) x[i] = std::exp(x[i]);
    return x;
  }
}

/// σ(x).
template <class T>
[[nodiscard]] [[gnu::always_inline]] inline Vector<T> sigmoids_of(Vector<T> x) {
  return T{1} / (exponentials_of<T>(-x) + T{1});
}

/// Neighbouring tokens of a sample, seen by one head.
struct TokenTile {
  Index head, column;   ///< `column`: of the first of them
  Index first, length;  ///< position of the first in its sample, tokens of the sample
  bool causal;

  [[nodiscard]] Index count() const { return (std::min)(tile_side, length - first); }
  /// The number of tokens to which token j attends.
  [[nodiscard]] Index attended(Index j) const { return causal ? first + j + 1 : length; }
};

/// A tile of scores ⟨q, k⟩, a row per query and a column per key.
template <class T>
struct Scores {
  T* values;
  Index rows, keys;
  bool triangular;  ///< row j has the columns up to j

  /// Register i needs the columns before end(i).
  [[nodiscard]] Index end(Index i) const {
    return triangular ? (std::min)(keys, i + lanes<T>) : keys;
  }
};

/// Softmax, while tiles of keys arrive: keeps each query's largest score and its sum of
/// exponentials.
template <class T>
class SoftmaxWeights {
 public:
  SoftmaxWeights(T scale, View<T> log_sum) : scale_(scale), log_sum_(log_sum) {}

  /// Replaces scores by weights; then y = keep · y + gain · Σ weights · v for each query.
  void weigh(const TokenTile&, const Scores<T>& s, bool first, bool last, T* keep, T* gain) {
    for (Index u = 0; s.triangular && u < s.keys; ++u) {
      T* const column = s.values + u * s.rows;
      std::fill(column + u / lanes<T> * lanes<T>, column + u, -std::numeric_limits<T>::infinity());
    }
    for (Index i = 0; i < s.rows; i += lanes<T>) {
      const Vector<T> most = largest(s, i, first ? load(s.values + i) : load(most_ + i));
      Vector<T> kept{}, sum{};
      if (!first) {
        kept = exponentials_of<T>((load(most_ + i) - most) * scale_);
        sum = kept * load(sum_ + i);
      }
      T* value = s.values + i;
      for (Index u = s.end(i); u > 0; --u, value += s.rows) {
        const Vector<T> weight = exponentials_of<T>((load(value) - most) * scale_);
        store<T>(value, weight);
        sum += weight;
      }
      const Vector<T> factor = last ? T{1} / sum : Vector<T>{} + T{1};
      store<T>(most_ + i, most);
      store<T>(sum_ + i, sum);
      store<T>(gain + i, factor);
      store<T>(keep + i, factor * kept);
    }
  }

  void finish(const TokenTile& queries) const {
    for (Index j = 0; j < queries.count(); ++j)
      log_sum_(queries.head, queries.column + j) = most_[j] * scale_ + std::log(sum_[j]);
  }

 private:
  [[nodiscard]] static Vector<T> largest(const Scores<T>& s, Index i, Vector<T> most) {
    Vector<T> other = most;  // two chains of dependent operations
    const Index end = s.end(i);
    const T* value = s.values + i;
    Index u = 0;
    for (; u + 2 <= end; u += 2, value += 2 * s.rows) {
      const Vector<T> a = load(value), b = load(value + s.rows);
      most = a > most ? a : most;
      other = b > other ? b : other;
    }
    if (u < end) {
      const Vector<T> a = load(value);
      most = a > most ? a : most;
    }
    return other > most ? other : most;
  }

  T scale_;
  View<T> log_sum_;
  T most_[std::size_t{tile_side}];
  T sum_[std::size_t{tile_side}];
};

/// Weights silu(score) / n, n the number of tokens to which a query attends.
template <class T>
struct PointwiseWeights {
  T scale;

  void weigh(const TokenTile& queries, const Scores<T>& s, bool, bool, T* keep, T* gain) const {
    for (Index i = 0; i < s.rows; i += lanes<T>) {
      T* value = s.values + i;
      for (Index u = s.end(i); u > 0; --u, value += s.rows) {
        const Vector<T> score = load(value) * scale;
        store<T>(value, score * sigmoids_of<T>(score));
      }
    }
    for (Index j = 0; j < queries.count(); ++j) {
      keep[j] = 1;
      gain[j] = T{1} / static_cast<T>(queries.attended(j));
    }
  }
  void finish(const TokenTile&) const {}
};

/// From a score and ⟨v, dy⟩ (`slope`): the softmax weight, and the gradient of ⟨q, k⟩.
template <class T>
struct SoftmaxGradient {
  T scale;
  View<const T> y, log_sum, dy;

  struct Query {
    T log_sum, mean;
  };
  [[nodiscard]] Query query(const TokenTile& queries, Index j, Index d) const {
    const Index column = queries.column + j, row = queries.head * d;
    return {log_sum(queries.head, column), dot(y.column(column) + row, dy.column(column) + row, d)};
  }
  [[gnu::always_inline]] void weigh(const Query& q, Vector<T>& score, Vector<T>& slope) const {
    score = exponentials_of<T>(score * scale - q.log_sum);
    slope = score * (slope - q.mean) * scale;
  }
};

/// The same for PointwiseWeights.
template <class T>
struct PointwiseGradient {
  T scale;

  [[nodiscard]] T query(const TokenTile& queries, Index j, Index) const {
    return T{1} / static_cast<T>(queries.attended(j));
  }
  [[gnu::always_inline]] void weigh(T share, Vector<T>& score, Vector<T>& slope) const {
    const Vector<T> x = score * scale, sigmoid = sigmoids_of<T>(x);
    score = x * sigmoid * share;
    slope *= sigmoid * (x * (T{1} - sigmoid) + T{1}) * (share * scale);
  }
};

}  // namespace espalier::cpu::ESPALIER_COMPILED_SET
