// SPDX-License-Identifier: Apache-2.0
// Gates: softmax in groups, mixtures of experts.
#pragma once

#include <algorithm>
#include <cmath>

#include "espalier/core/view.hpp"
#include "espalier/kernels/cpu/device.hpp"

namespace espalier::cpu {

/// y = softmax(x) in each of `groups` equal runs of a column's rows. The largest is taken off first: no overflow.
template <class T>
void softmax_forward(Device, View<const T> x, Index groups, View<T> y) {
  const Index rows = x.rows / groups;
  for (Index j = 0; j < x.cols; ++j) {
    for (Index g = 0; g < groups; ++g) {
      const T* from = x.column(j) + g * rows;
      T* to = y.column(j) + g * rows;
      const T most = *std::max_element(from, from + rows);
      T sum = 0;
      for (Index i = 0; i < rows; ++i) {
        to[i] = std::exp(from[i] - most);
        sum += to[i];
      }
      const T scale = T{1} / sum;
      for (Index i = 0; i < rows; ++i) to[i] *= scale;
    }
  }
}

/// dx (+)= y ∘ (dy − ⟨dy, y⟩), group by group.
template <class T>
void softmax_backward(Device, View<const T> y, View<const T> dy, Index groups, View<T> dx, bool accumulate) {
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

/// y (+)= Σ_e gates_e · experts_e, the experts being gates.rows runs of y.rows rows.
template <class T>
void mix_forward(Device, View<const T> experts, View<const T> gates, View<T> y, bool accumulate = false) {
  for (Index j = 0; j < y.cols; ++j) {
    T* ESPALIER_RESTRICT to = y.column(j);
    const T* gate = gates.column(j);
    const T* ESPALIER_RESTRICT expert = experts.column(j);
    Index e = 0;
    if (!accumulate) {
      for (Index i = 0; i < y.rows; ++i) to[i] = gate[0] * expert[i];
      ++e;
    }
    for (; e < gates.rows; ++e) {
      const T* ESPALIER_RESTRICT from = expert + e * y.rows;
      for (Index i = 0; i < y.rows; ++i) to[i] += gate[e] * from[i];
    }
  }
}

/// dexperts_e (+)= gates_e · dy;  dgates_e (+)= ⟨experts_e, dy⟩. Either is left out where its data is null.
template <class T>
void mix_backward(Device, View<const T> experts, View<const T> gates, View<const T> dy, View<T> dexperts,
                  bool accumulate_experts, View<T> dgates, bool accumulate_gates) {
  constexpr Index parts = 8;  // partial sums, so that the dot product vectorises without -ffast-math
  const Index rows = dy.rows;
  for (Index j = 0; j < dy.cols; ++j) {
    const T* ESPALIER_RESTRICT d = dy.column(j);
    for (Index e = 0; e < gates.rows; ++e) {
      const T gate = gates(e, j);
      const T* ESPALIER_RESTRICT expert = experts.column(j) + e * rows;
      if (dexperts.data != nullptr) {
        T* ESPALIER_RESTRICT to = dexperts.column(j) + e * rows;
        if (accumulate_experts) {
          for (Index i = 0; i < rows; ++i) to[i] += gate * d[i];
        } else {
          for (Index i = 0; i < rows; ++i) to[i] = gate * d[i];
        }
      }
      if (dgates.data == nullptr) continue;
      T sums[parts]{};
      Index i = 0;
      for (; i + parts <= rows; i += parts) {
        for (Index p = 0; p < parts; ++p) sums[p] += expert[i + p] * d[i + p];
      }
      for (Index p = 0; i + p < rows; ++p) sums[p] += expert[i + p] * d[i + p];
      const T dot = ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
      T& g = dgates(e, j);
      g = accumulate_gates ? g + dot : dot;
    }
  }
}

}  // namespace espalier::cpu
