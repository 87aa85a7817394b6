// SPDX-License-Identifier: Apache-2.0
// Losses over all exposures from labels that exist only for clicked samples, which are weighted by
// their inverse propensity.
#pragma once

#include <cmath>

#include "espalier/core/view.hpp"
#include "espalier/kernels/cpu/device.hpp"
#include "espalier/kernels/cpu/funnel.hpp"

namespace espalier::cpu {

/// One clicked sample: the weight of its error, the error, and its derivative with respect to the
/// logit.
template <class T>
struct ObservedError {
  /// Sample weight / max(σ(propensity logit), floor); 0 if not clicked or not labelled.
  T weight = 0;
  T value = 0;  ///< cross entropy of logit and label
  T slope = 0;
};

template <class T>
[[nodiscard]] ObservedError<T> observed_error(T logit, T propensity, T clicked, T label, T floor,
                                              T weight) {
  if (!(clicked > 0) || label != label) return {};
  T slope;
  const T p = probability(propensity, slope), q = probability(logit, slope);
  const T value =
      std::log1p(std::exp(-std::abs(logit))) + (logit > 0 ? (1 - label) * logit : -label * logit);
  return {weight / (p < floor ? floor : p), value, q - label};
}

/// Returns Σ_j w_j o_j δ_j / p_j with o the clicks, δ the cross entropy of logit and label, and
/// p = max(σ(propensity), floor).
template <class T>
[[nodiscard]] double inverse_propensity_forward(Device, View<const T> logit,
                                                View<const T> propensity, const T* clicks,
                                                const T* labels, const T* weights, T floor) {
  double sum = 0;
  for (Index j = 0; j < logit.cols; ++j) {
    const auto e = observed_error(logit(0, j), propensity(0, j), clicks[j], labels[j], floor,
                                  weights == nullptr ? T{1} : weights[j]);
    sum += static_cast<double>(e.weight) * static_cast<double>(e.value);
  }
  return sum;
}

/// d_logit += scale · the derivative with respect to the logit.
template <class T>
void inverse_propensity_backward(Device, View<const T> logit, View<const T> propensity,
                                 const T* clicks, const T* labels, const T* weights, T floor,
                                 T scale, View<T> d_logit) {
  for (Index j = 0; j < logit.cols; ++j) {
    const auto e = observed_error(logit(0, j), propensity(0, j), clicks[j], labels[j], floor,
                                  weights == nullptr ? T{1} : weights[j]);
    d_logit(0, j) += scale * e.weight * e.slope;
  }
}

/// Row 0 of x is the logit, row 1 an imputation i of its error, δ̂ = log(1 + e^i). Returns
///   Σ_j w_j (δ̂_j + o_j (δ_j − δ̂_j) / p_j + o_j (δ_j − δ̂_j)² / p_j)
template <class T>
[[nodiscard]] double doubly_robust_forward(Device, View<const T> x, View<const T> propensity,
                                           const T* clicks, const T* labels, const T* weights,
                                           T floor) {
  double sum = 0;
  for (Index j = 0; j < x.cols; ++j) {
    const T weight = weights == nullptr ? T{1} : weights[j], i = x(1, j);
    const T imputed = (i > 0 ? i : T{0}) + std::log1p(std::exp(-std::abs(i)));
    const auto e = observed_error(x(0, j), propensity(0, j), clicks[j], labels[j], floor, weight);
    const double left = static_cast<double>(e.value - imputed);
    sum += static_cast<double>(weight * imputed) +
           static_cast<double>(e.weight) * (left + left * left);
  }
  return sum;
}

/// dx (+)= scale · derivatives: in row 0, of the first two terms with respect to the logit; in row
/// 1, of the last term with respect to the imputation.
template <class T>
void doubly_robust_backward(Device, View<const T> x, View<const T> propensity, const T* clicks,
                            const T* labels, const T* weights, T floor, T scale, View<T> dx,
                            bool accumulate) {
  for (Index j = 0; j < x.cols; ++j) {
    const T i = x(1, j), imputed = (i > 0 ? i : T{0}) + std::log1p(std::exp(-std::abs(i)));
    T unused;
    const auto e = observed_error(x(0, j), propensity(0, j), clicks[j], labels[j], floor,
                                  weights == nullptr ? T{1} : weights[j]);
    const T by_logit = scale * e.weight * e.slope;
    const T by_imputation = -2 * scale * e.weight * (e.value - imputed) * probability(i, unused);
    dx(0, j) = (accumulate ? dx(0, j) : T{0}) + by_logit;
    dx(1, j) = (accumulate ? dx(1, j) : T{0}) + by_imputation;
  }
}

}  // namespace espalier::cpu
