// SPDX-License-Identifier: Apache-2.0
// Long short-term memory (Hochreiter & Schmidhuber 1997; Gers et al. 2000), in PyTorch's form, over
// sequences of any lengths.
#pragma once

#include <algorithm>
#include <type_traits>

#include "espalier/kernels/cpu/recurrent.hpp"

namespace espalier::cpu {

/// Rows of `cache`, and values of `scratch` a sample, if the state has `width` values.
[[nodiscard]] constexpr Index lstm_cache_rows(Index width) { return 6 * width; }
[[nodiscard]] constexpr Index lstm_scratch_rows(Index width) { return 6 * width; }

/// One token of a sample. gates: a; product: U h + c; h, cell: the state, which is replaced; kept:
/// its column of the cache, or null.
template <class T>
void lstm_token_forward(Index width, const T* gates, const T* product, T* h, T* cell, T* y,
                        T* kept) {
  for_places<T>(width, [=](const auto& at) {
    const auto sum = [&](Index gate) {
      return at.get(gates + gate * width) + at.get(product + gate * width);
    };
    const auto i = sigmoid(sum(0)), f = sigmoid(sum(1)), o = sigmoid(sum(3));
    const auto g = hyperbolic_tangent(sum(2));
    const auto next = f * at.get(cell) + i * g, seen = hyperbolic_tangent(next);
    at.put(cell, next);
    at.put(h, o * seen);
    at.put(y, o * seen);
    if (kept == nullptr) return;
    at.put(kept, i);
    at.put(kept + width, f);
    at.put(kept + 2 * width, g);
    at.put(kept + 3 * width, o);
    at.put(kept + 4 * width, next);
    at.put(kept + 5 * width, seen);
  });
}

/// The gradients of one token. before: the cell before it, or null: 0. dh, dcell: the gradients of
/// the state after it, from the later tokens; they are replaced by what the state before gets
/// without U: nothing, and the gradient of the cell. dgates: of a, and so of U h + c; dproduct: a
/// copy.
template <class T>
void lstm_token_backward(Index width, const T* kept, const T* before, T* dh, T* dcell, const T* dy,
                         T* dgates, T* dproduct) {
  constexpr T one{1};
  for_places<T>(width, [=](const auto& at) {
    const auto i = at.get(kept), f = at.get(kept + width), g = at.get(kept + 2 * width),
               o = at.get(kept + 3 * width), seen = at.get(kept + 5 * width);
    const auto d = at.get(dh) + at.get(dy);
    const auto dc = at.get(dcell) + d * o * (one - seen * seen);
    const auto put = [&](Index gate, const auto& v) {
      at.put(dgates + gate * width, v);
      at.put(dproduct + gate * width, v);
    };
    put(0, dc * g * (i * (one - i)));
    put(1, dc * get_or_zero(at, before) * (f * (one - f)));
    put(2, dc * i * (one - g * g));
    put(3, d * seen * (o * (one - o)));
    at.put(dcell, dc * f);
  });
  std::fill_n(dh, width, T{0});
}

/// lstm_forward() of at most recurrent_group samples.
template <class T>
void lstm_group_forward(const T* u, const T* c, View<const T> gates, const Segments& s,
                        bool reversed, View<T> y, View<T> cache, T* scratch) {
  const View<T> product = take_columns(scratch, 4 * y.rows, s.samples),
                h = take_columns(scratch, y.rows, s.samples),
                cell = take_columns(scratch, y.rows, s.samples);
  std::fill_n(cell.data, cell.rows * cell.cols, T{0});
  run_steps_forward(TokenOrder(s, reversed), u, c, product, h, [&](Index k, Index column) {
    lstm_token_forward(y.rows, gates.column(column), product.column(k), h.column(k), cell.column(k),
                       y.column(column), column_or_null(cache, column));
  });
}

/// lstm_backward() of at most recurrent_group samples.
template <class T>
void lstm_group_backward(const T* u, View<const T> y, View<const T> cache, const Segments& s,
                         bool reversed, View<const T> dy, View<T> dgates, T* du, T* dc,
                         T* scratch) {
  const Index width = y.rows;
  T* const room = scratch;
  const View<T> dproduct = take_columns(scratch, 4 * width, s.samples),
                dh = take_columns(scratch, width, s.samples),
                dcell = take_columns(scratch, width, s.samples);
  const View<const T> cells{cache.data + 4 * width, width, cache.cols, cache.stride};
  std::fill_n(dcell.data, dcell.rows * dcell.cols, T{0});
  run_steps_backward(
      TokenOrder(s, reversed), u, dproduct, dh, dc, [&](Index k, Index column, Index before) {
        lstm_token_backward(width, cache.column(column), column_or_null(cells, before),
                            dh.column(k), dcell.column(k), dy.column(column), dgates.column(column),
                            dproduct.column(k));
      });
  add_recurrent_weight_gradient(dgates, y, s, reversed, du, room);
}

/// For each token, h and cell the state before it (0 at first) and a its column of `gates`:
///
///   i, f, o = σ(a + U h + c),  g = tanh(a + U h + c), each with its rows of a, U and c,
///   cell′ = f ∘ cell + i ∘ g,  y = h′ = o ∘ tanh(cell′), the state after it
///
/// gates: 4H × tokens, u: 4H × H, row-major, c: 4H, all in the order i, f, g, o. y: H × tokens.
/// `reversed`: each sample from its last token to its first. cache: 6H × tokens, receives i, f, g,
/// o, cell′, tanh(cell′); null if there is no backward pass. scratch: 6H values for each of the
/// samples, at most 64. Products are in T, also if the device has kernels of reduced precision,
/// whose errors would add up over the steps.
template <class T>
void lstm_forward(Device, const T* u, const T* c, View<const T> gates, Segments s, bool reversed,
                  View<T> y, View<T> cache, T* scratch) {
  for_sample_groups(s, [&](const Segments& group, Index first, Index n) {
    lstm_group_forward(u, c, some_columns(gates, first, n), group, reversed,
                       some_columns(y, first, n), some_columns(cache, first, n), scratch);
  });
}

/// dgates = the gradient of gates; dU += Σ over tokens of dgates hᵀ; dc += Σ dgates. y, cache: as
/// lstm_forward() left them. dy: the gradient of y. scratch: 6H values for each of the samples, at
/// most 64.
template <class T>
void lstm_backward(Device, const T* u, View<const T> y, View<const T> cache, Segments s,
                   bool reversed, std::type_identity_t<View<const T>> dy, View<T> dgates, T* du,
                   T* dc, T* scratch) {
  for_sample_groups(s, [&](const Segments& group, Index first, Index n) {
    lstm_group_backward(u, some_columns(y, first, n), some_columns(cache, first, n), group,
                        reversed, some_columns(dy, first, n), some_columns(dgates, first, n), du,
                        dc, scratch);
  });
}

}  // namespace espalier::cpu
