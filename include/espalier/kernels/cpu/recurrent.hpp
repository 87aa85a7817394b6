// SPDX-License-Identifier: Apache-2.0
// What the recurrent kernels (gru.hpp, lstm.hpp) share: the order of tokens, σ and tanh of
// registers, the gradient of the recurrent weights.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <type_traits>

#include "espalier/core/segments.hpp"
#include "espalier/core/view.hpp"
#include "espalier/kernels/cpu/dense.hpp"
#include "espalier/kernels/cpu/places.hpp"
#include "espalier/kernels/cpu/simd.hpp"

namespace espalier::cpu::ESPALIER_COMPILED_SET {

/// The values at `from`, or 0 if that is null.
template <class Places, class T>
[[nodiscard]] inline auto get_or_zero(const Places& at, const T* from) {
  using Values = decltype(at.get(from));
  return from == nullptr ? Values{} : at.get(from);
}

}  // namespace espalier::cpu::ESPALIER_COMPILED_SET

namespace espalier::cpu {

/// Most samples that are processed side by side; more are processed in groups.
inline constexpr Index recurrent_group = 64;

/// Calls run(segments, first column, number of columns) for groups of samples that have tokens.
template <class Run>
void for_sample_groups(const Segments& s, const Run& run) {
  for (Index j = 0; j < s.samples; j += recurrent_group) {
    const Segments group{(std::min)(recurrent_group, s.samples - j),
                         s.offsets == nullptr ? nullptr : s.offsets + j, s.steps};
    if (group.columns() > 0) run(group, s.begin(j), group.columns());
  }
}

/// Columns [first, first + count) of `v`; null stays null.
template <class T>
[[nodiscard]] View<T> some_columns(View<T> v, Index first, Index count) {
  return {v.data == nullptr ? nullptr : v.column(first), v.rows, count, v.stride};
}

/// A `rows × cols` matrix of the next values of `scratch`.
template <class T>
[[nodiscard]] View<T> take_columns(T*& scratch, Index rows, Index cols) {
  const View<T> taken{scratch, rows, cols, rows};
  scratch += rows * cols;
  return taken;
}

/// Column j of `v`, or null if v is null or j < 0.
template <class T>
[[nodiscard]] T* column_or_null(View<T> v, Index j) {
  return v.data == nullptr || j < 0 ? nullptr : v.column(j);
}

/// The tokens of a group of samples (at least one), step by step. Samples are in order of falling
/// length, so that those with a token at a step are the first ones, and their states neighbouring
/// columns.
class TokenOrder {
 public:
  TokenOrder(const Segments& s, bool reversed)
      : samples_(s.samples), direction_(reversed ? -1 : 1) {
    for (Index j = 0; j < samples_; ++j)
      runs_[place(j)] = {s.length(j), reversed ? s.end(j) - 1 : s.begin(j)};
    std::sort(runs_.data(), runs_.data() + samples_, [](const Run& a, const Run& b) {
      return a.length != b.length ? a.length > b.length : a.first < b.first;
    });
  }

  /// Length of the longest sample.
  [[nodiscard]] Index steps() const { return runs_[0].length; }
  /// Number of samples that have a token at `step`.
  [[nodiscard]] Index active(Index step) const {
    Index n = samples_;
    while (n > 0 && runs_[place(n - 1)].length <= step) --n;
    return n;
  }
  /// Column of the token of the sample at place k of the order.
  [[nodiscard]] Index column(Index k, Index step) const {
    return runs_[place(k)].first + step * direction_;
  }

 private:
  struct Run {
    Index length, first;  ///< first: column of the token at step 0
  };
  [[nodiscard]] static std::size_t place(Index k) { return static_cast<std::size_t>(k); }

  Index samples_, direction_;
  std::array<Run, std::size_t{recurrent_group}> runs_;
};

/// The forward pass of a group: at each step, product = U h + c of all samples at once, then
/// token(k, column) for each. u: product.rows × h.rows, row-major. h: the states, in the order of
/// the samples; they become 0 first.
template <class T, class Token>
void run_steps_forward(const TokenOrder& order, const T* u, const T* c, View<T> product, View<T> h,
                       const Token& token) {
  std::fill_n(h.data, h.rows * h.cols, T{0});
  for (Index k = 0; k < product.cols; ++k) std::copy_n(c, product.rows, product.column(k));
  for (Index step = 0; step < order.steps(); ++step) {
    const Index n = order.active(step);
    if (step > 0) {
      gemm<T>(product.rows, n, h.rows, {u, h.rows, 1}, {h.data, 1, h.stride},
              {product.data, product.stride, false, c, Activation::identity});
    }
    for (Index k = 0; k < n; ++k) token(k, order.column(k, step));
  }
}

/// The backward pass of a group, from the last step to the first: token(k, column, column of the
/// token before or −1) for each sample, which writes dproduct and replaces dh by the part of the
/// gradient of the state before that does not pass through U; then dh += Uᵀ dproduct. dh becomes 0
/// first. dc += Σ over tokens of dproduct.
template <class T, class Token>
void run_steps_backward(const TokenOrder& order, const T* u, View<T> dproduct, View<T> dh, T* dc,
                        const Token& token) {
  std::fill_n(dh.data, dh.rows * dh.cols, T{0});
  for (Index step = order.steps() - 1; step >= 0; --step) {
    const Index n = order.active(step);
    for (Index k = 0; k < n; ++k)
      token(k, order.column(k, step), step == 0 ? Index{-1} : order.column(k, step - 1));
    const View<const T> made = some_columns(dproduct, 0, n);
    add_samples(made, dc);
    if (step > 0) dense_input_gradient(Device{}, u, made, some_columns(dh, 0, n), true);
  }
}

/// Exchanges the column of each sample's token at step 0 with the column of the sample in `other`.
template <class T>
void exchange_first_columns(View<T> v, const Segments& s, bool reversed, View<T> other) {
  for (Index j = 0; j < s.samples; ++j) {
    if (s.length(j) == 0) continue;
    T* const first = v.column(reversed ? s.end(j) - 1 : s.begin(j));
    std::swap_ranges(first, first + v.rows, other.column(j));
  }
}

/// dU (g.rows × y.rows, row-major) += Σ over tokens of g h₋ᵀ, h₋: y of the token one step earlier,
/// 0 before the first. One product: h₋ is the neighbouring column of y, except for the first
/// tokens, whose g is 0 meanwhile. room: g.rows · s.samples values. In T, also if the device has
/// kernels of reduced precision.
template <class T>
void add_recurrent_weight_gradient(View<T> g, View<const T> y, const Segments& s, bool reversed,
                                   T* du, T* room) {
  const Index products = s.columns() - 1;
  if (products < 1) return;
  const View<T> kept{room, g.rows, s.samples, g.rows};
  std::fill_n(room, g.rows * s.samples, T{0});
  exchange_first_columns(g, s, reversed, kept);
  dense_weight_gradient(Device{}, as_const(some_columns(g, reversed ? 0 : 1, products)),
                        some_columns(y, reversed ? 1 : 0, products), du, static_cast<T*>(nullptr));
  exchange_first_columns(g, s, reversed, kept);
}

}  // namespace espalier::cpu
