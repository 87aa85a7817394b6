// SPDX-License-Identifier: Apache-2.0
// Mixtures of probabilities, as logits; and a vector that is broadcast to all samples.
#pragma once

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "espalier/core/view.hpp"
#include "espalier/kernels/cpu/device.hpp"
#include "espalier/kernels/cpu/simd.hpp"

namespace espalier::cpu {

/// log σ(z).
template <class T>
[[nodiscard]] T log_sigmoid(T z) {
  return z < 0 ? z - std::log1p(std::exp(z)) : -std::log1p(std::exp(-z));
}

/// yes = log Σ_c g_c σ(z_c), no = log Σ_c g_c σ(−z_c). Each is computed with its largest term
/// factored out.
template <class T>
void mixture_logs(const T* z, const T* g, Index count, T& yes, T& no) {
  T most_yes = 0, most_no = 0;
  bool any = false;
  for (Index c = 0; c < count; ++c) {
    if (g[c] == 0) continue;
    const T weight = std::log(g[c]), p = weight + log_sigmoid(z[c]),
            q = weight + log_sigmoid(-z[c]);
    most_yes = any && most_yes > p ? most_yes : p;
    most_no = any && most_no > q ? most_no : q;
    any = true;
  }
  T sum_yes = 0, sum_no = 0;
  for (Index c = 0; c < count; ++c) {
    if (g[c] == 0) continue;  // with weight 0, z_c may be infinite
    const T weight = std::log(g[c]);
    sum_yes += std::exp(weight + log_sigmoid(z[c]) - most_yes);
    sum_no += std::exp(weight + log_sigmoid(-z[c]) - most_no);
  }
  yes = most_yes + std::log(sum_yes);
  no = most_no + std::log(sum_no);
}

/// y = the logit of Σ_c g_c σ(z_c), if Σ_c g_c = 1.
template <class T>
void mixture_logit_forward(Device, View<const T> z, View<const T> g, View<T> y) {
  for (Index j = 0; j < y.cols; ++j) {
    T yes, no;
    mixture_logs(z.column(j), g.column(j), z.rows, yes, no);
    y(0, j) = yes - no;
  }
}

/// With p = Σ g σ(z), q = Σ g σ(−z):
///   dz_c (+)= dy · g_c σ(z_c) σ(−z_c) (1/p + 1/q)
///   dg_c (+)= dy · (σ(z_c)/p − σ(−z_c)/q), each quotient at most e^80 (float) or e^700 (double)
/// Either is skipped if its data is null.
template <class T>
void mixture_logit_backward(Device, View<const T> z, View<const T> g, View<const T> dy, View<T> dz,
                            bool add_z, View<T> dg, bool add_g) {
  for (Index j = 0; j < dy.cols; ++j) {
    T yes, no;
    mixture_logs(z.column(j), g.column(j), z.rows, yes, no);
    for (Index c = 0; c < z.rows; ++c) {
      const T p = log_sigmoid(z(c, j)), q = log_sigmoid(-z(c, j)), d = dy(0, j);
      if (dz.data != nullptr) {
        const T w = std::log(g(c, j));
        const T by =
            g(c, j) == 0
                ? T{0}
                : d * (std::exp(w + p - yes) * std::exp(q) + std::exp(w + q - no) * std::exp(p));
        dz(c, j) = add_z ? dz(c, j) + by : by;
      }
      if (dg.data != nullptr) {
        constexpr T most = std::is_same_v<T, float> ? 80 : 700;
        const T by = d * (std::exp(p - yes > most ? most : p - yes) -
                          std::exp(q - no > most ? most : q - no));
        dg(c, j) = add_g ? dg(c, j) + by : by;
      }
    }
  }
}

/// y_j = v.
template <class T>
void broadcast_forward(Device, const T* v, View<T> y) {
  for (Index j = 0; j < y.cols; ++j) std::copy_n(v, y.rows, y.column(j));
}

/// dv += Σ_j dy_j.
template <class T>
void broadcast_backward(Device, View<const T> dy, T* dv) {
  for (Index j = 0; j < dy.cols; ++j) {
    combine(dv, dy.column(j), dy.rows, [](auto sum, auto more) { return sum + more; });
  }
}

}  // namespace espalier::cpu
