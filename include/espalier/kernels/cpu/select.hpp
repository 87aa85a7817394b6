// SPDX-License-Identifier: Apache-2.0
// DSelect-k: a few selectors, each of which selects one expert by its binary code.
#pragma once

#include <array>
#include <cmath>

#include "espalier/core/view.hpp"
#include "espalier/kernels/cpu/device.hpp"
#include "espalier/kernels/limits.hpp"
#include "espalier/kernels/smooth_step.hpp"

namespace espalier::cpu {

/// The probability of expert e under one selector: the product over bits b of steps[b] if bit b of
/// e is set, else 1 − steps[b]; bit `skip` is left out (−1: none).
template <class T>
[[nodiscard]] T code_probability(const T* steps, Index bits, Index e, Index skip) {
  T product = 1;
  for (Index b = 0; b < bits; ++b) {
    if (b != skip) product *= (e >> b & 1) != 0 ? steps[b] : 1 - steps[b];
  }
  return product;
}

/// x: `selectors` blocks of `bits` rows, then one row per selector; y: 2^bits rows.
///   y_e = Σ_i softmax(last rows)_i · Π_b (S(x_ib) if bit b of e is set, else 1 − S(x_ib))
template <class T>
void select_forward(Device, View<const T> x, Index selectors, Index bits, View<T> y) {
  for (Index j = 0; j < y.cols; ++j) {
    const T* column = x.column(j);
    const T* alpha = column + selectors * bits;
    T most = alpha[0], sum = 0;
    for (Index i = 1; i < selectors; ++i) most = alpha[i] > most ? alpha[i] : most;
    for (Index i = 0; i < selectors; ++i) sum += std::exp(alpha[i] - most);
    T* to = y.column(j);
    for (Index e = 0; e < y.rows; ++e) to[e] = 0;
    for (Index i = 0; i < selectors; ++i) {
      std::array<T, max_select_bits> steps;
      T slope;
      for (Index b = 0; b < bits; ++b)
        steps[static_cast<std::size_t>(b)] = smooth_step(column[i * bits + b], slope);
      const T weight = std::exp(alpha[i] - most) / sum;
      for (Index e = 0; e < y.rows; ++e)
        to[e] += weight * code_probability(steps.data(), bits, e, Index{-1});
    }
  }
}

/// With w = softmax(last rows), r_ie the product Π_b in select_forward(), and d_i = Σ_e dy_e r_ie:
///   last rows   dx_i (+)= w_i (d_i − Σ_k w_k d_k)
///   first rows  dx_ib (+)= w_i S′(x_ib) Σ_e ±dy_e · Π of the other bits, + if bit b of e is set
template <class T>
void select_backward(Device, View<const T> x, Index selectors, Index bits, View<const T> dy,
                     View<T> dx, bool accumulate) {
  for (Index j = 0; j < dy.cols; ++j) {
    const T* column = x.column(j);
    const T* alpha = column + selectors * bits;
    const T* d = dy.column(j);
    T* to = dx.column(j);
    const auto put = [&](Index row, T value) { to[row] = accumulate ? to[row] + value : value; };
    T most = alpha[0], sum = 0, mean = 0;
    for (Index i = 1; i < selectors; ++i) most = alpha[i] > most ? alpha[i] : most;
    for (Index i = 0; i < selectors; ++i) sum += std::exp(alpha[i] - most);
    // Two passes over the selectors: for the mean of d, then for the gradients.
    for (const bool second : {false, true}) {
      for (Index i = 0; i < selectors; ++i) {
        std::array<T, max_select_bits> steps, slopes;
        for (Index b = 0; b < bits; ++b) {
          steps[static_cast<std::size_t>(b)] =
              smooth_step(column[i * bits + b], slopes[static_cast<std::size_t>(b)]);
        }
        const T weight = std::exp(alpha[i] - most) / sum;
        T says = 0;
        for (Index e = 0; e < dy.rows; ++e)
          says += d[e] * code_probability(steps.data(), bits, e, Index{-1});
        if (!second) {
          mean += weight * says;
          continue;
        }
        put(selectors * bits + i, weight * (says - mean));
        for (Index b = 0; b < bits; ++b) {
          T by = 0;
          for (Index e = 0; e < dy.rows; ++e) {
            by += ((e >> b & 1) != 0 ? d[e] : -d[e]) * code_probability(steps.data(), bits, e, b);
          }
          put(i * bits + b, weight * slopes[static_cast<std::size_t>(b)] * by);
        }
      }
    }
  }
}

}  // namespace espalier::cpu
