// SPDX-License-Identifier: Apache-2.0
// Softmax cross entropy over K classes.
#pragma once

#include <cassert>
#include <cmath>
#include <cstddef>

#include "espalier/losses/loss.hpp"

namespace espalier {

/// The weight of each class: ClassWeights{1, 4, 2}. Empty: all weights are 1.
template <std::size_t Count>
struct ClassWeights {
  double value[Count > 0 ? Count : 1]{};

  template <class... Weights>
  // NOLINTNEXTLINE(google-explicit-constructor): a list of numbers is spelled as one.
  constexpr ClassWeights(Weights... weights) : value{static_cast<double>(weights)...} {}

  static constexpr std::size_t count = Count;
  [[nodiscard]] constexpr bool positive() const {
    for (std::size_t i = 0; i != Count; ++i) {
      if (!(value[i] > 0)) return false;
    }
    return true;
  }
};
template <class... Weights>
ClassWeights(Weights...) -> ClassWeights<sizeof...(Weights)>;

/// Label: the class y in {0, …, K − 1}. With p = softmax(z) and the weight w_y of the class, 1 by
/// default:
///   value       −w_y log p_y = w_y (log Σ_i e^{z_i} − z_y)
///   derivative  w_y (p − e_y)
///   predict     p, the probability of each class (with weights: proportional to w times that)
/// The mean over a batch divides by the number of samples, as in Keras, not by Σ w_y, as in
/// PyTorch: weights whose mean over the labels is 1 keep the scale of the loss.
template <int Classes, ClassWeights W = ClassWeights{}>
struct SoftmaxCrossEntropy {
  static_assert(Classes >= 2, "espalier: softmax cross-entropy needs at least two classes");
  static_assert(
      W.count == 0 || W.count == static_cast<std::size_t>(Classes),
      "espalier: ClassWeights has one weight for each class of softmax cross-entropy, in order");
  static_assert(W.positive(), "espalier: the weight of a class must be greater than 0");
  static constexpr std::string_view name = "softmax_cross_entropy";
  static constexpr LabelKind label = LabelKind::classes;
  static constexpr int outputs = Classes;

  template <class T>
  ESPALIER_HD static T evaluate(const T* z, T y, T* gradient) {
    const int target = static_cast<int>(y);
    assert(target >= 0 && target < Classes);
    T log_sum;
    const T most = normalize(z, gradient, log_sum);
    T others = 0;  // 1 − p_y, without cancellation as p_y nears 1
    for (int i = 0; i < Classes; ++i) others += i == target ? T{0} : gradient[i];
    gradient[target] = -others;
    const T value = (most - z[target]) + log_sum;
    if constexpr (W.count == 0) {
      return value;
    } else {
      const T weight = static_cast<T>(W.value[target]);
      for (int i = 0; i < Classes; ++i) gradient[i] *= weight;
      return weight * value;
    }
  }

  template <class T>
  ESPALIER_HD static void predict(const T* z, T* out) {
    T log_sum;
    static_cast<void>(normalize(z, out, log_sum));
  }

 private:
  /// p = softmax(z), log_sum = log Σ e^{z − max z}; returns max z.
  template <class T>
  ESPALIER_HD static T normalize(const T* z, T* p, T& log_sum) {
    int top = 0;
    for (int i = 1; i < Classes; ++i) top = z[i] > z[top] ? i : top;
    T rest = 0;  // sum of all terms but the largest, which is 1
    for (int i = 0; i < Classes; ++i) {
      p[i] = std::exp(z[i] - z[top]);
      rest += i == top ? T{0} : p[i];
    }
    for (int i = 0; i < Classes; ++i) p[i] /= 1 + rest;
    log_sum = std::log1p(rest);
    return z[top];
  }
};

}  // namespace espalier
