// SPDX-License-Identifier: Apache-2.0
// Attention pooling: combines a few tokens into one vector.
#pragma once

#include <cmath>

#include "espalier/core/view.hpp"
#include "espalier/kernels/cpu/device.hpp"

namespace espalier::cpu {

/// A sample is `tokens` neighbouring columns of x; each column has v, k, q in this order, `y.rows`
/// values each.
///   a = softmax over tokens of ⟨k, q⟩ / √width;  y = Σ_u a_u v_u
/// weights: tokens × samples, receives a.
template <class T>
void attention_pool_forward(Device, View<const T> x, Index tokens, View<T> weights, View<T> y) {
  const Index width = y.rows;
  const T scale = T{1} / std::sqrt(static_cast<T>(width));
  for (Index j = 0; j < y.cols; ++j) {
    T* a = weights.column(j);
    T most = 0, sum = 0;
    for (Index u = 0; u < tokens; ++u) {
      const T* k = x.column(j * tokens + u) + width;
      T dot = 0;
      for (Index i = 0; i < width; ++i) dot += k[i] * k[width + i];
      a[u] = dot * scale;
      most = u == 0 || a[u] > most ? a[u] : most;
    }
    for (Index u = 0; u < tokens; ++u) sum += a[u] = std::exp(a[u] - most);
    T* ESPALIER_RESTRICT to = y.column(j);
    for (Index u = 0; u < tokens; ++u) {
      a[u] /= sum;
      const T* ESPALIER_RESTRICT v = x.column(j * tokens + u);
      for (Index i = 0; i < width; ++i) to[i] = u == 0 ? a[u] * v[i] : to[i] + a[u] * v[i];
    }
  }
}

/// dv_u (+)= a_u dy; with s_u = a_u (⟨v_u, dy⟩ − Σ_t a_t ⟨v_t, dy⟩) / √width:
/// dk_u (+)= s_u q_u, dq_u (+)= s_u k_u.
template <class T>
void attention_pool_backward(Device, View<const T> x, Index tokens, View<const T> weights,
                             View<const T> dy, View<T> dx, bool accumulate) {
  const Index width = dy.rows;
  const T scale = T{1} / std::sqrt(static_cast<T>(width));
  for (Index j = 0; j < dy.cols; ++j) {
    const T* a = weights.column(j);
    const T* ESPALIER_RESTRICT d = dy.column(j);
    const auto says = [&](Index u) {
      const T* v = x.column(j * tokens + u);
      T dot = 0;
      for (Index i = 0; i < width; ++i) dot += v[i] * d[i];
      return dot;
    };
    T mean = 0;
    for (Index u = 0; u < tokens; ++u) mean += a[u] * says(u);
    for (Index u = 0; u < tokens; ++u) {
      const T s = a[u] * (says(u) - mean) * scale;
      const T* ESPALIER_RESTRICT from = x.column(j * tokens + u);
      T* ESPALIER_RESTRICT to = dx.column(j * tokens + u);
      for (Index i = 0; i < width; ++i) {
        const T v = a[u] * d[i], k = s * from[2 * width + i], q = s * from[width + i];
        to[i] = accumulate ? to[i] + v : v;
        to[width + i] = accumulate ? to[width + i] + k : k;
        to[2 * width + i] = accumulate ? to[2 * width + i] + q : q;
      }
    }
  }
}

}  // namespace espalier::cpu
