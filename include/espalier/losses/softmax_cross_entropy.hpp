// SPDX-License-Identifier: Apache-2.0
// Softmax cross-entropy over K classes.
#pragma once

#include <cassert>
#include <cmath>

#include "espalier/losses/loss.hpp"

namespace espalier {

/// Label: the class y in {0, …, K − 1}. With p = softmax(z):
///   value       −log p_y = log Σ_i e^{z_i} − z_y
///   derivative  p − e_y
///   predict     p, the probability of each class
template <int Classes>
struct SoftmaxCrossEntropy {
  static_assert(Classes >= 2, "espalier: softmax cross-entropy needs at least two classes");
  static constexpr std::string_view name = "softmax_cross_entropy";
  static constexpr LabelKind label = LabelKind::classes;
  static constexpr int outputs = Classes;

  template <class T>
  ESPALIER_HD static T evaluate(const T* z, T y, T* gradient) {
    const int target = static_cast<int>(y);
    assert(target >= 0 && target < Classes);
    T log_sum;
    const T most = normalize(z, gradient, log_sum);
    T others = 0;  // 1 − p_y, which does not cancel as p_y nears 1
    for (int i = 0; i < Classes; ++i) others += i == target ? T{0} : gradient[i];
    gradient[target] = -others;
    return (most - z[target]) + log_sum;
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
    T rest = 0;  // but for the largest, which is 1
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
