// SPDX-License-Identifier: Apache-2.0
// Mixtures of probabilities, as logits; and a vector that is broadcast to all samples.
#pragma once

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "espalier/core/view.hpp"
#include "espalier/kernels/cpu/device.hpp"
#include "espalier/kernels/cpu/simd.hpp"
#include "espalier/kernels/logits.hpp"

namespace espalier::cpu {

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
