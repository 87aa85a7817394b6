// SPDX-License-Identifier: Apache-2.0
// Steps of a funnel: the logit of the product of two probabilities, and a penalty if the
// probability of a step exceeds that of the previous step.
#pragma once

#include <algorithm>
#include <cmath>

#include "espalier/core/view.hpp"
#include "espalier/kernels/cpu/device.hpp"
#include "espalier/kernels/logits.hpp"

namespace espalier::cpu {

template <class T>
void product_logit_forward(Device, View<const T> a, View<const T> b, View<T> z) {
  for (Index j = 0; j < z.cols; ++j) {
    for (Index i = 0; i < z.rows; ++i) {
      T by_a, by_b;
      z(i, j) = product_logit(a(i, j), b(i, j), by_a, by_b);
    }
  }
}

/// da (+)= dz · ∂z/∂a, db (+)= dz · ∂z/∂b. Either is skipped if its data is null.
template <class T>
void product_logit_backward(Device, View<const T> a, View<const T> b, View<const T> dz, View<T> da,
                            bool add_a, View<T> db, bool add_b) {
  for (Index j = 0; j < dz.cols; ++j) {
    for (Index i = 0; i < dz.rows; ++i) {
      T by_a, by_b;
      static_cast<void>(product_logit(a(i, j), b(i, j), by_a, by_b));
      if (da.data != nullptr) da(i, j) = (add_a ? da(i, j) : T{0}) + dz(i, j) * by_a;
      if (db.data != nullptr) db(i, j) = (add_b ? db(i, j) : T{0}) + dz(i, j) * by_b;
    }
  }
}

/// Returns σ(z); writes σ′(z) to `slope`.
template <class T>
[[nodiscard]] T probability(T z, T& slope) {
  const T e = std::exp(-std::abs(z)), large = 1 / (1 + e), small = e * large;
  slope = large * small;
  return z >= 0 ? large : small;
}

/// Returns Σ_j w_j max(σ(later_j) − σ(earlier_j), 0). weights: null for all ones.
template <class T>
[[nodiscard]] double calibrate_forward(Device, View<const T> earlier, View<const T> later,
                                       const T* weights) {
  double sum = 0;
  for (Index j = 0; j < later.cols; ++j) {
    T slope;
    const T more = probability(later(0, j), slope) - probability(earlier(0, j), slope);
    if (!(more <= 0))
      sum +=
          static_cast<double>(more) * (weights == nullptr ? 1.0 : static_cast<double>(weights[j]));
  }
  return sum;
}

/// d_earlier and d_later += scale · the derivatives of that sum.
template <class T>
void calibrate_backward(Device, View<const T> earlier, View<const T> later, const T* weights,
                        T scale, View<T> d_earlier, View<T> d_later) {
  for (Index j = 0; j < later.cols; ++j) {
    T of_later, of_earlier;
    if (probability(later(0, j), of_later) <= probability(earlier(0, j), of_earlier)) continue;
    const T weight = weights == nullptr ? scale : scale * weights[j];
    d_later(0, j) += weight * of_later;
    d_earlier(0, j) -= weight * of_earlier;
  }
}

}  // namespace espalier::cpu
