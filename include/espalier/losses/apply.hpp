// SPDX-License-Identifier: Apache-2.0
// A loss over a slice of samples: missing labels, sample weights, sums in a fixed order.
#pragma once

#include <algorithm>
#include <cassert>

#include "espalier/core/view.hpp"
#include "espalier/losses/loss.hpp"

namespace espalier {

/// Returns Σ_j w_j · loss(z_j, y_j) over the samples that have a label, added in double, in order.
/// Writes gradient_j = scale · w_j · ∂loss/∂z_j, and 0 where the label is missing (NaN); what the
/// buffer held before is not read. `z` and `gradient`: outputs × n; `labels`: n; `weights`: n, or
/// null for all one.
template <class L, class T>
double apply_loss(View<const T> z, const T* labels, const T* weights, T scale, View<T> gradient) {
  check_loss<L>();
  double sum = 0;
  if constexpr (Loss<L>) {
    constexpr Index outputs = L::outputs;
    assert(z.rows == outputs && gradient.rows == outputs && gradient.cols == z.cols);
    for (Index j = 0; j < z.cols; ++j) {
      const T y = labels[j];
      T* const g = gradient.column(j);
      if (y != y) {
        std::fill_n(g, outputs, T{0});
        continue;
      }
      const T weight = weights == nullptr ? T{1} : weights[j];
      T value;
      if constexpr (ScalarLoss<L>) {
        value = L::template evaluate<T>(*z.column(j), y, *g);
      } else {
        value = L::template evaluate<T>(z.column(j), y, g);
      }
      sum += static_cast<double>(weight) * static_cast<double>(value);
      for (Index i = 0; i < outputs; ++i) g[i] *= scale * weight;
    }
  }
  return sum;
}

/// out_j = what z_j means: probabilities, means. Both outputs × n; `out` is not `z`.
template <class L, class T>
void apply_predict(View<const T> z, View<T> out) {
  check_loss<L>();
  if constexpr (Loss<L>) {
    assert(z.rows == L::outputs && out.rows == L::outputs && out.cols == z.cols);
    for (Index j = 0; j < z.cols; ++j) {
      if constexpr (ScalarLoss<L>) {
        *out.column(j) = L::template predict<T>(*z.column(j));
      } else {
        L::template predict<T>(z.column(j), out.column(j));
      }
    }
  }
}

}  // namespace espalier
