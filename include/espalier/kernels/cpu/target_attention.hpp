// SPDX-License-Identifier: Apache-2.0
// Attention of one query per sample to the sample's tokens.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "espalier/core/segments.hpp"
#include "espalier/core/view.hpp"
#include "espalier/kernels/cpu/device.hpp"
#include "espalier/kernels/cpu/gate.hpp"
#include "espalier/kernels/cpu/gemm.hpp"
#include "espalier/kernels/cpu/simd.hpp"

namespace espalier::cpu {
namespace ESPALIER_COMPILED_SET {

/// Number of tokens at a time.
inline constexpr Index target_tokens = 64;

/// Calls f(u, n) for each group of n tokens, from u on.
template <class Function>
void for_each_group(Index begin, Index end, const Function& f) {
  for (Index u = begin; u < end; u += target_tokens) f(u, (std::min)(target_tokens, end - u));
}

/// Heads of fewer values do not fill a register of every instruction set: plain loops are faster
/// than products.
inline constexpr Index least_for_products = 16;

/// out_t = ⟨x_t, q⟩ for n tokens x_t, `step` apart.
template <class T>
void dots_with_tokens(const T* x, Index step, Index n, const T* q, Index d, T* out) {
  if (d >= least_for_products) return gemm<T>(n, 1, d, {x, step, 1}, {q, 1, d}, {out, n});
  for (Index t = 0; t < n; ++t, x += step) {
    T dot = 0;
    for (Index c = 0; c < d; ++c) dot += x[c] * q[c];
    out[t] = dot;
  }
}

/// y (+)= Σ_t weights_t x_t.
template <class T>
void weigh_tokens(const T* x, Index step, Index n, const T* weights, Index d, T* y,
                  bool accumulate) {
  if (d >= least_for_products)
    return gemm<T>(d, 1, n, {x, 1, step}, {weights, 1, n}, {y, d, accumulate});
  if (!accumulate) std::fill_n(y, d, T{0});
  for (Index t = 0; t < n; ++t, x += step) {
    combine(y, x, d, [weight = weights[t]](auto sum, auto v) { return sum + weight * v; });
  }
}

/// x_t (+)= weights_t q.
template <class T>
void spread_to_tokens(const T* weights, Index n, const T* q, Index d, T* x, Index step,
                      bool accumulate) {
  for (Index t = 0; t < n; ++t, x += step) {
    const T weight = weights[t];
    if (accumulate) {
      combine(x, q, d, [weight](auto before, auto v) { return before + weight * v; });
    } else {
      combine(x, q, d, [weight](auto, auto v) { return weight * v; });
    }
  }
}

/// Copies row h of the columns from u on, n values.
template <class T>
void read_row(View<const T> from, Index h, Index u, Index n, T* to) {
  for (Index t = 0; t < n; ++t) to[t] = from(h, u + t);
}
template <class T>
void write_row(const T* from, Index h, Index u, Index n, View<T> to) {
  for (Index t = 0; t < n; ++t) to(h, u + t) = from[t];
}

/// The maximum of n values, or their sum, a register at a time; `values` has room for whole
/// registers.
template <class T>
[[nodiscard]] T largest_of(T* values, Index n) {
  Vector<T> most = Vector<T>{} + values[0];
  for (Index t = n; t % lanes<T> != 0; ++t) values[t] = values[0];
  for (Index t = 0; t < n; t += lanes<T>) {
    const Vector<T> v = load(values + t);
    most = v > most ? v : most;
  }
  T largest = most[0];
  for (Index i = 1; i < lanes<T>; ++i) largest = most[i] > largest ? most[i] : largest;
  return largest;
}
template <class T>
[[nodiscard]] T sum_of(T* values, Index n) {
  Vector<T> sum{};
  for (Index t = n; t % lanes<T> != 0; ++t) values[t] = 0;
  for (Index t = 0; t < n; t += lanes<T>) sum += load(values + t);
  return sum_of_lanes<T>(sum);
}

/// One head of a sample: its row h of `weights`, and y from k, v and q. `k`, `v`: of the sample's
/// first token.
template <class T>
void attend_target(const T* q, Index d, const T* k, const T* v, Index step, Index begin, Index end,
                   Index h, View<T> weights, T* y) {
  const T scale = T{1} / std::sqrt(static_cast<T>(d));
  const bool at_once = end - begin <= target_tokens;
  T a[std::size_t{target_tokens}];
  T most = 0, sum = 0;
  for_each_group(begin, end, [&](Index u, Index n) {
    dots_with_tokens(k + (u - begin) * step, step, n, q, d, a);
    const T largest = largest_of(a, n);
    most = u == begin || largest > most ? largest : most;
    if (!at_once) write_row(a, h, u, n, weights);
  });
  for_each_group(begin, end, [&](Index u, Index n) {
    if (!at_once) read_row(as_const(weights), h, u, n, a);
    combine(a, a, n, [most, scale](auto score, auto) { return (score - most) * scale; });
    exponentials(a, n);
    sum += sum_of(a, n);
    if (!at_once) write_row(a, h, u, n, weights);
  });
  const T share = T{1} / sum;
  for_each_group(begin, end, [&](Index u, Index n) {
    if (!at_once) read_row(as_const(weights), h, u, n, a);
    combine(a, a, n, [share](auto weight, auto) { return weight * share; });
    write_row(a, h, u, n, weights);
    weigh_tokens(v + (u - begin) * step, step, n, a, d, y, u > begin);
  });
}

}  // namespace ESPALIER_COMPILED_SET

/// q: w × samples; kv: 2w × tokens, a column has k, then v, each with `heads` heads of d values;
/// y: w × samples. For each head and sample, over the sample's tokens u:
///   y = Σ_u a_u v_u,  a = softmax over u of ⟨q, k_u⟩ / √d;  y = 0 if it has no tokens
/// weights: heads × tokens, receives a.
template <class T>
void target_attention_forward(Device, View<const T> q, View<const T> kv, Segments s, Index heads,
                              View<T> y, View<T> weights) {
  const Index d = q.rows / heads;
  for (Index j = 0; j < s.samples; ++j) {
    const Index begin = s.begin(j), end = s.end(j);
    if (begin == end) std::fill_n(y.column(j), y.rows, T{0});
    for (Index h = 0; begin < end && h < heads; ++h) {
      const T* const k = kv.column(begin) + h * d;
      attend_target(q.column(j) + h * d, d, k, k + q.rows, kv.stride, begin, end, h, weights,
                    y.column(j) + h * d);
    }
  }
}

/// dv_u (+)= a_u dy; with s_u = a_u (⟨v_u, dy⟩ − Σ_t a_t ⟨v_t, dy⟩) / √d:
/// dq (+)= Σ_u s_u k_u, dk_u (+)= s_u q. dq and dkv are skipped if their data is null.
template <class T>
void target_attention_backward(Device, View<const T> q, View<const T> kv, Segments s, Index heads,
                               View<const T> weights, View<const T> dy, View<T> dq,
                               bool accumulate_q, View<T> dkv, bool accumulate_kv) {
  const Index d = q.rows / heads, step = kv.stride;
  const T scale = T{1} / std::sqrt(static_cast<T>(d));
  T a[std::size_t{target_tokens}], slopes[std::size_t{target_tokens}];
  for (Index j = 0; j < s.samples; ++j) {
    const Index begin = s.begin(j), end = s.end(j);
    if (begin == end && dq.data != nullptr && !accumulate_q)
      std::fill_n(dq.column(j), dq.rows, T{0});
    for (Index h = 0; begin < end && h < heads; ++h) {
      const T *const k = kv.data + h * d, *const v = k + q.rows, *const g = dy.column(j) + h * d;
      const auto read = [&](Index u, Index n) {
        read_row(weights, h, u, n, a);
        dots_with_tokens(v + u * step, step, n, g, d, slopes);
      };
      T mean = 0;
      for_each_group(begin, end, [&](Index u, Index n) {
        read(u, n);
        for (Index t = 0; t < n; ++t) mean += a[t] * slopes[t];
      });
      for_each_group(begin, end, [&](Index u, Index n) {
        if (end - begin > target_tokens) read(u, n);
        for (Index t = 0; t < n; ++t) slopes[t] = a[t] * (slopes[t] - mean) * scale;
        if (dq.data != nullptr) {
          weigh_tokens(k + u * step, step, n, slopes, d, dq.column(j) + h * d,
                       accumulate_q || u > begin);
        }
        if (dkv.data == nullptr) return;
        T* const to = dkv.column(u) + h * d;
        spread_to_tokens(slopes, n, q.column(j) + h * d, d, to, dkv.stride, accumulate_kv);
        spread_to_tokens(a, n, g, d, to + q.rows, dkv.stride, accumulate_kv);
      });
    }
  }
}

}  // namespace espalier::cpu
