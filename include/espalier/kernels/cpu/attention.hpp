// SPDX-License-Identifier: Apache-2.0
// Self-attention between the tokens of a sample: softmax, or pointwise weights. Works on tiles of
// queries × keys, so memory does not depend on the length of a sample.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <type_traits>

#include "espalier/core/segments.hpp"
#include "espalier/core/view.hpp"
#include "espalier/kernels/cpu/attention_tiles.hpp"
#include "espalier/kernels/cpu/device.hpp"
#include "espalier/kernels/cpu/gate.hpp"
#include "espalier/kernels/cpu/simd.hpp"
#include "espalier/kernels/cpu/vector_math.hpp"

namespace espalier {

/// Settings of self-attention.
struct Attention {
  Index heads = 1;
  bool causal = false;  ///< a token attends to itself and to the tokens before it only
};

namespace cpu {
namespace ESPALIER_COMPILED_SET {

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

/// The tokens of a sample: a head's q, k and v, of d channels.
template <class T>
struct Head {
  const T* data;
  Index step, width, d;

  /// part: 0 for q, 1 for k, 2 for v.
  [[nodiscard]] Tokens<T> tokens(Index part, Index first, Index count) const {
    return {data + part * width + first * step, step, count};
  }
};

template <class T>
struct ForwardTiles {
  TileKernels<T> kernels = tile_kernels<T>();
  Tile<T> queries, scores, sums;
  T keep[std::size_t{tile_side}], gain[std::size_t{tile_side}];
};

/// y of a tile of queries, over all keys.
template <class T, class Weights>
void attend_tile(const Head<T>& x, const TokenTile& queries, Weights& weights,
                 ForwardTiles<T>& tiles, View<T> y) {
  const Index count = queries.count(), rows = tiles.kernels.padded(count);
  const Index end = queries.attended(count - 1);
  T* const to = y.column(queries.column) + queries.head * x.d;
  for (Index u = 0; u < end; u += tile_side) {
    const Index keys = (std::min)(tile_side, end - u);
    const bool triangular = queries.causal && u == queries.first;
    const Scores<T> s{tiles.scores.values, rows, keys, triangular};
    dot_products(tiles.kernels, x.tokens(0, queries.first, count), x.tokens(1, u, keys), x.d,
                 triangular ? Needed::columns_to_row : Needed::all, tiles.queries.values, u > 0,
                 s.values);
    weights.weigh(queries, s, u == 0, u + keys == end, tiles.keep, tiles.gain);
    for (Index t = 0; triangular && t < keys; ++t) clear_few(s.values + t * rows, t);
    weighted_sums(
        tiles.kernels, s.values, count, x.tokens(2, u, keys), x.d,
        triangular ? Needed::depth_to_row : Needed::all, tiles.sums.values,
        [&](Index j, Index c, Index n, const T* sums) {
          const T gain = tiles.gain[j], keep = tiles.keep[j];
          if (u == 0) {
            combine(to + j * y.stride + c, sums, n, [gain](auto, auto sum) { return gain * sum; });
          } else {
            combine(to + j * y.stride + c, sums, n,
                    [gain, keep](auto before, auto sum) { return keep * before + gain * sum; });
          }
        });
  }
  weights.finish(queries);
}

template <class T>
struct BackwardTiles {
  TileKernels<T> kernels = tile_kernels<T>();
  Tile<T> room, scores, slopes, turned;
};

/// Replaces scores and slopes, a row per key and a column per query, by weights and gradients.
template <class T, class Gradient>
void weigh_backward(const Gradient& gradient, const TokenTile& queries, Index rows, Index d,
                    bool triangular, T* scores, T* slopes) {
  for (Index j = 0; j < queries.count(); ++j, scores += rows, slopes += rows) {
    const Index end = triangular ? j + 1 : rows;
    const auto query = gradient.query(queries, j, d);
    for (Index i = 0; i < end; i += lanes<T>) {
      Vector<T> score = load(scores + i), slope = load(slopes + i);
      gradient.weigh(query, score, slope);
      store<T>(scores + i, score);
      store<T>(slopes + i, slope);
    }
    clear_few(scores + end, rows - end);
    clear_few(slopes + end, rows - end);
  }
}

/// What the queries give to a tile of keys, and the keys to the queries. FlashAttention-2 (Dao
/// 2023): weights are recomputed.
template <class T, class Gradient>
void attend_tile_backward(const Head<T>& x, const TokenTile& keys, const Gradient& gradient,
                          BackwardTiles<T>& tiles, View<const T> dy, View<T> dx, bool accumulate) {
  const TileKernels<T>& kernels = tiles.kernels;
  const Index key_count = keys.count(), rows = kernels.padded(key_count);
  T *const scores = tiles.scores.values, *const slopes = tiles.slopes.values;
  T *const turned = tiles.turned.values, *const room = tiles.room.values;
  const Tokens<T> k = x.tokens(1, keys.first, key_count), v = x.tokens(2, keys.first, key_count);
  const Index start = keys.causal ? keys.first : 0;
  for (Index i = start; i < keys.length; i += tile_side) {
    const TokenTile queries{keys.head, keys.column - keys.first + i, i, keys.length, keys.causal};
    const Index count = queries.count(), query_rows = kernels.padded(count);
    const bool triangular = keys.causal && i == keys.first;
    const Tokens<T> q = x.tokens(0, i, count);
    const Tokens<T> d{dy.column(queries.column) + keys.head * x.d, dy.stride, count};
    const auto from_row = [triangular](Needed needed) { return triangular ? needed : Needed::all; };
    dot_products(kernels, k, q, x.d, from_row(Needed::columns_from_row), room, false, scores);
    dot_products(kernels, v, d, x.d, from_row(Needed::columns_from_row), room, false, slopes);
    weigh_backward(gradient, queries, rows, x.d, triangular, scores, slopes);
    const auto add_to = [&](Index part, Index column, bool add) {
      return [to = dx.column(column) + part * x.width + keys.head * x.d, step = dx.stride, add](
                 Index j, Index c, Index n, const T* sums) {
        if (add) {
          combine(to + j * step + c, sums, n, [](auto before, auto sum) { return before + sum; });
        } else {
          copy_few(sums, n, to + j * step + c);
        }
      };
    };
    weighted_sums(kernels, scores, key_count, d, x.d, from_row(Needed::depth_from_row), room,
                  add_to(2, keys.column, accumulate || i > start));
    weighted_sums(kernels, slopes, key_count, q, x.d, from_row(Needed::depth_from_row), room,
                  add_to(1, keys.column, accumulate || i > start));
    pack_tokens<T>({slopes, rows, count}, key_count, turned, query_rows);
    weighted_sums(kernels, turned, count, k, x.d, from_row(Needed::depth_to_row), room,
                  add_to(0, queries.column, accumulate || keys.first > 0));
  }
}

/// Calls f(x, tile) for each sample, head and tile of the sample's tokens.
template <class T, class Function>
void for_each_tile(View<const T> qkv, Segments s, Attention a, const Function& f) {
  const Index width = qkv.rows / 3, d = width / a.heads;
  for (Index j = 0; j < s.samples; ++j) {
    const Index begin = s.begin(j), length = s.length(j);
    for (Index h = 0; h < a.heads; ++h) {
      const Head<T> x{qkv.column(begin) + h * d, qkv.stride, width, d};
      for (Index i = 0; i < length; i += tile_side)
        f(x, TokenTile{h, begin + i, i, length, a.causal});
    }
  }
}

template <class T, class Weights>
void attend(View<const T> qkv, Segments s, Attention a, Weights weights, View<T> y) {
  ForwardTiles<T> tiles;
  for_each_tile(qkv, s, a, [&](const Head<T>& x, const TokenTile& queries) {
    attend_tile(x, queries, weights, tiles, y);
  });
}

template <class T, class Gradient>
void attend_backward(View<const T> qkv, Segments s, Attention a, const Gradient& gradient,
                     View<const T> dy, View<T> dx, bool accumulate) {
  BackwardTiles<T> tiles;
  for_each_tile(qkv, s, a, [&](const Head<T>& x, const TokenTile& keys) {
    attend_tile_backward(x, keys, gradient, tiles, dy, dx, accumulate);
  });
}

/// 1 / √d.
template <class T>
[[nodiscard]] T score_scale(View<const T> qkv, Attention a) {
  const Index d = qkv.rows / 3 / a.heads;
  return T{1} / std::sqrt(static_cast<T>(d));
}

}  // namespace ESPALIER_COMPILED_SET

/// qkv: 3w × tokens; a column has q, k, v in this order, each with `a.heads` heads of d values.
/// y: w × tokens. For each head and token i, over the tokens u of the same sample:
///   y_i = Σ_u a_iu v_u,  a_i = softmax over u of ⟨q_i, k_u⟩ / √d
/// log_sum: heads × tokens, receives log Σ_u exp(⟨q_i, k_u⟩ / √d), for the backward pass.
template <class T>
void attention_forward(Device, View<const T> qkv, Segments s, Attention a, View<T> y,
                       View<T> log_sum) {
  attend(qkv, s, a, SoftmaxWeights<T>(score_scale(qkv, a), log_sum), y);
}

/// dv_u (+)= Σ_i a_iu dy_i; with s_iu = a_iu (⟨v_u, dy_i⟩ − ⟨y_i, dy_i⟩) / √d:
/// dq_i (+)= Σ_u s_iu k_u, dk_u (+)= Σ_i s_iu q_i. y, log_sum: of the forward pass.
template <class T>
void attention_backward(Device, View<const T> qkv, Segments s, Attention a, View<const T> y,
                        View<const T> log_sum, View<const T> dy, View<T> dqkv, bool accumulate) {
  attend_backward(qkv, s, a, SoftmaxGradient<T>{score_scale(qkv, a), y, log_sum, dy}, dy, dqkv,
                  accumulate);
}

/// The same with a_iu = silu(⟨q_i, k_u⟩ / √d) / n_i, n_i the number of tokens to which i attends
/// (HSTU: Zhai et al. 2024).
template <class T>
void pointwise_attention_forward(Device, View<const T> qkv, Segments s, Attention a, View<T> y) {
  attend(qkv, s, a, PointwiseWeights<T>{score_scale(qkv, a)}, y);
}

/// As attention_backward() with s_iu = silu′(⟨q_i, k_u⟩ / √d) ⟨v_u, dy_i⟩ / (n_i √d).
template <class T>
void pointwise_attention_backward(Device, View<const T> qkv, Segments s, Attention a,
                                  View<const T> dy, View<T> dqkv, bool accumulate) {
  attend_backward(qkv, s, a, PointwiseGradient<T>{score_scale(qkv, a)}, dy, dqkv, accumulate);
}

}  // namespace cpu
}  // namespace espalier
