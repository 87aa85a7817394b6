// SPDX-License-Identifier: Apache-2.0
// Self-attention between the tokens of a sample: softmax, or pointwise weights. Works on tiles of
// queries × keys, so memory does not depend on the length of a sample.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "espalier/core/segments.hpp"
#include "espalier/core/view.hpp"
#include "espalier/kernels/cpu/attention_bias.hpp"
#include "espalier/kernels/cpu/attention_tiles.hpp"
#include "espalier/kernels/cpu/attention_weights.hpp"
#include "espalier/kernels/cpu/device.hpp"
#include "espalier/kernels/cpu/simd.hpp"

namespace espalier {

/// Settings of self-attention.
struct Attention {
  Index heads = 1;
  bool causal = false;  ///< a token attends to itself and to the tokens before it only
};

namespace cpu {
namespace ESPALIER_COMPILED_SET {

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

/// Adds the bias of the queries and of the keys from `first` on to their scores.
template <class T>
void add_bias(TileBias<T>& bias, const TokenTile& queries, Index first, const Scores<T>& s) {
  bias.begin_queries_by_keys(queries.head, queries.first, first);
  for (Index u = 0; u < s.keys; ++u)
    bias.add(s.values + u * s.rows, u, s.triangular ? u / lanes<T> * lanes<T> : 0, s.rows);
}

template <class T>
struct ForwardTiles {
  TileKernels<T> kernels = tile_kernels<T>();
  Tile<T> queries, scores, sums;
  T keep[std::size_t{tile_side}], gain[std::size_t{tile_side}];
};

/// y of a tile of queries, over all keys.
template <class T, class Weights>
void attend_tile(const Head<T>& x, const TokenTile& queries, Weights& weights, TileBias<T>& bias,
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
    if (bias.exists()) add_bias(bias, queries, u, s);
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

/// The bias of keys, a row each, and queries, a column each.
template <class T>
void add_bias_backward(TileBias<T>& bias, const TokenTile& queries, const TokenTile& keys,
                       Index rows, bool triangular, T* scores) {
  bias.begin_keys_by_queries(keys.head, queries.first, keys.first);
  for (Index j = 0; j < queries.count(); ++j)
    bias.add(scores + j * rows, j, 0, triangular ? j + 1 : rows);
}

/// Its gradient, from those of the scores. Rows that no key has are cleared first.
template <class T>
void collect_bias(TileBias<T>& bias, const TokenTile& queries, Index key_count, Index rows,
                  T* slopes) {
  for (Index j = 0; j < queries.count(); ++j, slopes += rows) {
    clear_few(slopes + key_count, rows - key_count);
    bias.collect(slopes, j, rows);
  }
  bias.finish();
}

/// What the queries give to a tile of keys, and the keys to the queries. FlashAttention-2 (Dao
/// 2023): weights are recomputed.
template <class T, class Gradient>
void attend_tile_backward(const Head<T>& x, const TokenTile& keys, const Gradient& gradient,
                          TileBias<T>& bias, BackwardTiles<T>& tiles, View<const T> dy, View<T> dx,
                          bool accumulate) {
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
    if (bias.exists()) add_bias_backward(bias, queries, keys, rows, triangular, scores);
    weigh_backward(gradient, queries, rows, x.d, triangular, scores, slopes);
    if (bias.exists()) collect_bias(bias, queries, key_count, rows, slopes);
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

/// 1 / √d.
template <class T>
[[nodiscard]] T score_scale(View<const T> qkv, Attention a) {
  const Index d = qkv.rows / 3 / a.heads;
  return T{1} / std::sqrt(static_cast<T>(d));
}

template <class T, class Weights>
void attend(View<const T> qkv, Segments s, Attention a, Weights weights,
            const AttentionBias<T>& bias, View<T> y) {
  ForwardTiles<T> tiles;
  TileBias<T> of_tile(bias, T{1} / score_scale(qkv, a));
  for_each_tile(qkv, s, a, [&](const Head<T>& x, const TokenTile& queries) {
    attend_tile(x, queries, weights, of_tile, tiles, y);
  });
}

template <class T, class Gradient>
void attend_backward(View<const T> qkv, Segments s, Attention a, const Gradient& gradient,
                     const AttentionBias<T>& bias, View<const T> dy, View<T> dx, bool accumulate) {
  BackwardTiles<T> tiles;
  TileBias<T> of_tile(bias, T{1} / score_scale(qkv, a));
  for_each_tile(qkv, s, a, [&](const Head<T>& x, const TokenTile& keys) {
    attend_tile_backward(x, keys, gradient, of_tile, tiles, dy, dx, accumulate);
  });
}

}  // namespace ESPALIER_COMPILED_SET

/// qkv: 3w × tokens; a column has q, k, v in this order, each with `a.heads` heads of d values.
/// y: w × tokens. For each head and token i, over the tokens u of the same sample:
///   y_i = Σ_u a_iu v_u,  a_i = softmax over u of x_iu = ⟨q_i, k_u⟩ / √d + bias of (i, u)
/// log_sum: heads × tokens, receives log Σ_u exp x_iu, for the backward pass.
template <class T>
void attention_forward(Device, View<const T> qkv, Segments s, Attention a, View<T> y,
                       View<T> log_sum, const AttentionBias<T>& bias = {}) {
  attend(qkv, s, a, SoftmaxWeights<T>(score_scale(qkv, a), log_sum), bias, y);
}

/// dv_u (+)= Σ_i a_iu dy_i; with s_iu = a_iu (⟨v_u, dy_i⟩ − ⟨y_i, dy_i⟩):
/// dq_i (+)= Σ_u s_iu k_u / √d, dk_u (+)= Σ_i s_iu q_i / √d, and the gradient of a bucket of the
/// bias += Σ s_iu over its pairs. y, log_sum: of the forward pass.
template <class T>
void attention_backward(Device, View<const T> qkv, Segments s, Attention a, View<const T> y,
                        View<const T> log_sum, View<const T> dy, View<T> dqkv, bool accumulate,
                        const AttentionBias<T>& bias = {}) {
  attend_backward(qkv, s, a, SoftmaxGradient<T>{score_scale(qkv, a), y, log_sum, dy}, bias, dy,
                  dqkv, accumulate);
}

/// The same with a_iu = silu(x_iu) / n_i, n_i the number of tokens to which i attends (HSTU: Zhai
/// et al. 2024).
template <class T>
void pointwise_attention_forward(Device, View<const T> qkv, Segments s, Attention a, View<T> y,
                                 const AttentionBias<T>& bias = {}) {
  attend(qkv, s, a, PointwiseWeights<T>{score_scale(qkv, a)}, bias, y);
}

/// As attention_backward() with s_iu = silu′(x_iu) ⟨v_u, dy_i⟩ / n_i.
template <class T>
void pointwise_attention_backward(Device, View<const T> qkv, Segments s, Attention a,
                                  View<const T> dy, View<T> dqkv, bool accumulate,
                                  const AttentionBias<T>& bias = {}) {
  attend_backward(qkv, s, a, PointwiseGradient<T>{score_scale(qkv, a)}, bias, dy, dqkv, accumulate);
}

}  // namespace cpu
}  // namespace espalier
