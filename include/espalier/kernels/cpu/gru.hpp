// SPDX-License-Identifier: Apache-2.0
// Gated recurrent units (Cho et al. 2014), in PyTorch's form, over sequences of any lengths.
#pragma once

#include "espalier/kernels/cpu/recurrent.hpp"

namespace espalier::cpu {

/// Rows of `cache`, and values of `scratch` a sample, if the state has `width` values.
[[nodiscard]] constexpr Index gru_cache_rows(Index width) { return 4 * width; }
[[nodiscard]] constexpr Index gru_scratch_rows(Index width) { return 4 * width; }

/// One token of a sample. gates: a; product: U h + c; h: the state, which is replaced; kept: its
/// column of the cache, or null.
template <class T>
void gru_token_forward(Index width, const T* gates, const T* product, T* h, T* y, T* kept) {
  for_places<T>(width, [=](const auto& at) {
    const auto r = sigmoid(at.get(gates) + at.get(product));
    const auto z = sigmoid(at.get(gates + width) + at.get(product + width));
    const auto q = at.get(product + 2 * width);
    const auto n = hyperbolic_tangent(at.get(gates + 2 * width) + r * q);
    const auto next = n + z * (at.get(h) - n);
    at.put(h, next);
    at.put(y, next);
    if (kept == nullptr) return;
    at.put(kept, r);
    at.put(kept + width, z);
    at.put(kept + 2 * width, n);
    at.put(kept + 3 * width, q);
  });
}

/// The gradients of one token. before: the state before it, or null: 0. dh: the gradient of the
/// state after it, from the later tokens; it is replaced by the part of the gradient of the state
/// before that does not pass through U. dy: is replaced by the gradient of U_n h + c_n. dgates: of
/// a. dproduct: of U h + c.
template <class T>
void gru_token_backward(Index width, const T* kept, const T* before, T* dh, T* dy, T* dgates,
                        T* dproduct) {
  constexpr T one{1};
  for_places<T>(width, [=](const auto& at) {
    const auto r = at.get(kept), z = at.get(kept + width), n = at.get(kept + 2 * width),
               q = at.get(kept + 3 * width);
    const auto d = at.get(dh) + at.get(dy);
    const auto dn = d * (one - z) * (one - n * n), dq = dn * r, dr = dq * (one - r) * q;
    const auto dz = d * (get_or_zero(at, before) - n) * (z * (one - z));
    at.put(dh, d * z);
    at.put(dy, dq);
    at.put(dgates, dr);
    at.put(dgates + width, dz);
    at.put(dgates + 2 * width, dn);
    at.put(dproduct, dr);
    at.put(dproduct + width, dz);
    at.put(dproduct + 2 * width, dq);
  });
}

/// gru_forward() of at most recurrent_group samples.
template <class T>
void gru_group_forward(const T* u, const T* c, View<const T> gates, const Segments& s,
                       bool reversed, View<T> y, View<T> cache, T* scratch) {
  const View<T> product = take_columns(scratch, 3 * y.rows, s.samples),
                h = take_columns(scratch, y.rows, s.samples);
  run_steps_forward(TokenOrder(s, reversed), u, c, product, h, [&](Index k, Index column) {
    gru_token_forward(y.rows, gates.column(column), product.column(k), h.column(k),
                      y.column(column), column_or_null(cache, column));
  });
}

/// gru_backward() of at most recurrent_group samples.
template <class T>
void gru_group_backward(const T* u, View<const T> y, View<const T> cache, const Segments& s,
                        bool reversed, View<T> dy, View<T> dgates, T* du, T* dc, T* scratch) {
  const Index width = y.rows;
  T* const room = scratch;
  const View<T> dproduct = take_columns(scratch, 3 * width, s.samples),
                dh = take_columns(scratch, width, s.samples);
  run_steps_backward(
      TokenOrder(s, reversed), u, dproduct, dh, dc, [&](Index k, Index column, Index before) {
        gru_token_backward(width, cache.column(column), column_or_null(y, before), dh.column(k),
                           dy.column(column), dgates.column(column), dproduct.column(k));
      });
  const View<T> of_r_and_z{dgates.data, 2 * width, dgates.cols, dgates.stride};
  add_recurrent_weight_gradient(of_r_and_z, y, s, reversed, du, room);
  add_recurrent_weight_gradient(dy, y, s, reversed, du + 2 * width * width, room);
}

/// For each token, h the state before it (0 at first) and a its column of `gates`:
///
///   r = σ(a_r + U_r h + c_r),  z = σ(a_z + U_z h + c_z),  n = tanh(a_n + r ∘ (U_n h + c_n)),
///   y = (1 − z) ∘ n + z ∘ h, the state after it
///
/// gates: 3H × tokens, u: 3H × H, row-major, c: 3H, all in the order r, z, n. y: H × tokens.
/// `reversed`: each sample from its last token to its first. cache: 4H × tokens, receives r, z, n,
/// U_n h + c_n; null if there is no backward pass. scratch: 4H values for each of the samples, at
/// most 64. Products are in T, also if the device has kernels of reduced precision, whose errors
/// would add up over the steps.
template <class T>
void gru_forward(Device, const T* u, const T* c, View<const T> gates, Segments s, bool reversed,
                 View<T> y, View<T> cache, T* scratch) {
  for_sample_groups(s, [&](const Segments& group, Index first, Index n) {
    gru_group_forward(u, c, some_columns(gates, first, n), group, reversed,
                      some_columns(y, first, n), some_columns(cache, first, n), scratch);
  });
}

/// dgates = the gradient of gates; dU += Σ over tokens of g hᵀ and dc += Σ g, with g the gradient
/// of U h + c. y, cache: as gru_forward() left them. dy: the gradient of y; it is overwritten.
/// scratch: 4H values for each of the samples, at most 64.
template <class T>
void gru_backward(Device, const T* u, View<const T> y, View<const T> cache, Segments s,
                  bool reversed, View<T> dy, View<T> dgates, T* du, T* dc, T* scratch) {
  for_sample_groups(s, [&](const Segments& group, Index first, Index n) {
    gru_group_backward(u, some_columns(y, first, n), some_columns(cache, first, n), group, reversed,
                       some_columns(dy, first, n), some_columns(dgates, first, n), du, dc, scratch);
  });
}

}  // namespace espalier::cpu
