// SPDX-License-Identifier: Apache-2.0
// What a loss is, and how it is applied to a slice: masks, sample weights, sums in a fixed order.
#pragma once

#include <cmath>
#include <concepts>
#include <string_view>

#include "espalier/core/config.hpp"
#include "espalier/core/view.hpp"
#include "espalier/plan/schema.hpp"

namespace espalier {

/// A loss with one output: value and derivative of one sample, and what the output means.
template <class L>
concept ScalarLoss = requires(double z, double y, double& gradient) {
  { L::name } -> std::convertible_to<std::string_view>;
  { L::label } -> std::convertible_to<LabelKind>;
  { L::template evaluate<double>(z, y, gradient) } -> std::same_as<double>;
  { L::template predict<double>(z) } -> std::same_as<double>;
} && L::outputs == 1;

/// A loss with several outputs.
template <class L>
concept VectorLoss = requires(const double* z, double y, double* out) {
  { L::name } -> std::convertible_to<std::string_view>;
  { L::label } -> std::convertible_to<LabelKind>;
  { L::outputs } -> std::convertible_to<int>;
  { L::template evaluate<double>(z, y, out) } -> std::same_as<double>;
  L::template predict<double>(z, out);
};

template <class L>
concept Loss = ScalarLoss<L> || VectorLoss<L>;

/// Σ w_j · loss(z_j, y_j) over the samples with a label, in order, in double; gradient = scale · w_j · loss′, and 0 where the
/// label is missing (NaN). `z` and `gradient`: outputs × n. `weights` may be null: all one.
template <class L, class T>
double apply_loss(View<const T> z, const T* labels, const T* weights, T scale, View<T> gradient) {
  static_assert(Loss<L>, "espalier: a loss needs name, label, outputs, evaluate and predict (docs/adding-a-loss.md)");
  double sum = 0;
  for (Index j = 0; j < z.cols; ++j) {
    const T y = labels[j];
    T* const g = gradient.column(j);
    if (!(y == y)) {
      for (Index i = 0; i < gradient.rows; ++i) g[i] = 0;
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
    for (Index i = 0; i < gradient.rows; ++i) g[i] *= scale * weight;
  }
  return sum;
}

/// out = what the outputs mean: probabilities, means.
template <class L, class T>
void apply_predict(View<const T> z, View<T> out) {
  for (Index j = 0; j < z.cols; ++j) {
    if constexpr (ScalarLoss<L>) {
      *out.column(j) = L::template predict<T>(*z.column(j));
    } else {
      L::template predict<T>(z.column(j), out.column(j));
    }
  }
}

/// 1 / (1 + e^−z), without overflow.
template <class T>
[[nodiscard]] ESPALIER_HD T sigmoid(T z) {
  const T e = std::exp(-std::abs(z));
  return (z >= 0 ? T{1} : e) / (1 + e);
}

/// log(1 + e^z), without overflow.
template <class T>
[[nodiscard]] ESPALIER_HD T softplus(T z) {
  return (z > 0 ? z : T{0}) + std::log1p(std::exp(-std::abs(z)));
}

}  // namespace espalier
