// SPDX-License-Identifier: Apache-2.0
// Gates: softmax in groups, mixtures of experts.
#pragma once

#include <cmath>
#include <cstddef>
#include <type_traits>

#include "espalier/core/view.hpp"
#include "espalier/kernels/cpu/device.hpp"
#include "espalier/kernels/cpu/simd.hpp"
#include "espalier/kernels/cpu/vector_math.hpp"

namespace espalier::cpu {

/// v_i = e^(v_i), for v_i ≤ 0.
template <class T>
void exponentials(T* v, Index n) {
  if constexpr (std::is_same_v<T, float>) {
    Index i = 0;
    for (; i + lanes<T> <= n; i += lanes<T>) store<T>(v + i, exponential(load(v + i)));
    if (i == n) return;
    T last[std::size_t{lanes<T>}]{};
    copy_few(v + i, n - i, last);
    store<T>(last, exponential(load(last)));
    copy_few(last, n - i, v + i);
  } else {
    for (Index i = 0; i < n; ++i) v[i] = std::exp(v[i]);
  }
}

/// y = softmax(x) in each of `groups` equal blocks of the rows of a column. The maximum is
/// subtracted first, to prevent overflow.
template <class T>
void softmax_forward(Device, View<const T> x, Index groups, View<T> y) {
  const Index rows = x.rows / groups;
  for (Index j = 0; j < x.cols; ++j) {
    const T* from = x.column(j);
    T* to = y.column(j);
    for (Index i = 0; i < y.rows; i += rows) {
      T most = from[i];
      for (Index k = i + 1; k < i + rows; ++k) most = from[k] > most ? from[k] : most;
      for (Index k = i; k < i + rows; ++k) to[k] = from[k] - most;
    }
    exponentials(to, y.rows);
    for (Index i = 0; i < y.rows; i += rows) {
      T sum = 0;
      for (Index k = i; k < i + rows; ++k) sum += to[k];
      const T scale = T{1} / sum;
      for (Index k = i; k < i + rows; ++k) to[k] *= scale;
    }
  }
}

/// dx (+)= y ∘ (dy − ⟨dy, y⟩) in each group.
template <class T>
void softmax_backward(Device, View<const T> y, View<const T> dy, Index groups, View<T> dx,
                      bool accumulate) {
  const Index rows = y.rows / groups;
  for (Index j = 0; j < y.cols; ++j) {
    for (Index g = 0; g < groups; ++g) {
      const T* value = y.column(j) + g * rows;
      const T* d = dy.column(j) + g * rows;
      T* to = dx.column(j) + g * rows;
      T dot = 0;
      for (Index i = 0; i < rows; ++i) dot += value[i] * d[i];
      for (Index i = 0; i < rows; ++i) {
        const T v = value[i] * (d[i] - dot);
        to[i] = accumulate ? to[i] + v : v;
      }
    }
  }
}

/// Rows [0, Vectors · lanes) of a mixture of experts that are `step` apart; adds to `to` if `add`.
template <class T, int Vectors>
[[gnu::always_inline]] inline void mix_rows(const T* gate, const T* expert, Index experts,
                                            Index step, T* to, bool add) {
  Vector<T> sum[std::size_t{Vectors}];
  for (int v = 0; v < Vectors; ++v) sum[v] = add ? load(to + v * lanes<T>) : Vector<T>{};
  for (Index e = 0; e < experts; ++e, expert += step) {
    for (int v = 0; v < Vectors; ++v) sum[v] += gate[e] * load(expert + v * lanes<T>);
  }
  for (int v = 0; v < Vectors; ++v) store<T>(to + v * lanes<T>, sum[v]);
}

/// y (+)= Σ_e gates_e · experts_e. experts: gates.rows contiguous blocks of y.rows rows.
template <class T>
void mix_forward(Device, View<const T> experts, View<const T> gates, View<T> y,
                 bool accumulate = false) {
  const Index rows = y.rows;
  for (Index j = 0; j < y.cols; ++j) {
    T* const to = y.column(j);
    const T *const gate = gates.column(j), *const expert = experts.column(j);
    Index i = 0;
    for (; i + 4 * lanes<T> <= rows; i += 4 * lanes<T>)
      mix_rows<T, 4>(gate, expert + i, gates.rows, rows, to + i, accumulate);
    for (; i + lanes<T> <= rows; i += lanes<T>)
      mix_rows<T, 1>(gate, expert + i, gates.rows, rows, to + i, accumulate);
    for (; i < rows; ++i) {
      T sum = accumulate ? to[i] : T{0};
      for (Index e = 0; e < gates.rows; ++e) sum += gate[e] * expert[e * rows + i];
      to[i] = sum;
    }
  }
}

/// ⟨a, b⟩, with several independent sums.
template <class T>
[[nodiscard]] inline T dot(const T* a, const T* b, Index n) {
  Vector<T> sum[4]{};
  Index i = 0;
  for (; i + 4 * lanes<T> <= n; i += 4 * lanes<T>) {
    for (int v = 0; v < 4; ++v) sum[v] += load(a + i + v * lanes<T>) * load(b + i + v * lanes<T>);
  }
  for (; i + lanes<T> <= n; i += lanes<T>) sum[0] += load(a + i) * load(b + i);
  T total = sum_of_lanes<T>((sum[0] + sum[1]) + (sum[2] + sum[3]));
  for (; i < n; ++i) total += a[i] * b[i];
  return total;
}

/// dexperts_e (+)= gates_e · dy;  dgates_e (+)= ⟨experts_e, dy⟩. Either is skipped if its data is
/// null.
template <class T>
void mix_backward(Device, View<const T> experts, View<const T> gates, View<const T> dy,
                  View<T> dexperts, bool accumulate_experts, View<T> dgates,
                  bool accumulate_gates) {
  for (Index j = 0; j < dy.cols; ++j) {
    const T* const d = dy.column(j);
    for (Index e = 0; e < gates.rows; ++e) {
      if (dexperts.data != nullptr) {
        const T gate = gates(e, j);
        combine(dexperts.column(j) + e * dy.rows, d, dy.rows,
                [gate, accumulate_experts](auto before, auto v) {
                  return accumulate_experts ? before + gate * v : gate * v;
                });
      }
      if (dgates.data == nullptr) continue;
      const T product = dot(experts.column(j) + e * dy.rows, d, dy.rows);
      T& g = dgates(e, j);
      g = accumulate_gates ? g + product : product;
    }
  }
}

}  // namespace espalier::cpu
