// SPDX-License-Identifier: Apache-2.0
// Softmax cross-entropy over K classes.
#pragma once

#include "espalier/losses/loss.hpp"

namespace espalier {

/// Label y in {0, …, K − 1}:  log Σ_i e^{z_i} − z_y;  derivative softmax(z) − e_y.  predict: softmax(z).
template <int Classes>
struct SoftmaxCrossEntropy {
  static_assert(Classes >= 2, "espalier: softmax cross-entropy needs at least two classes");
  static constexpr std::string_view name = "softmax_cross_entropy";
  static constexpr LabelKind label = LabelKind::classes;
  static constexpr int outputs = Classes;

  template <class T>
  ESPALIER_HD static T evaluate(const T* z, T y, T* gradient) {
    const int target = static_cast<int>(y);
    const T log_sum = normalize(z, gradient);
    gradient[target] -= 1;
    return log_sum - z[target];
  }

  template <class T>
  ESPALIER_HD static void predict(const T* z, T* out) {
    static_cast<void>(normalize(z, out));
  }

 private:
  /// p = softmax(z); returns log Σ e^z.
  template <class T>
  ESPALIER_HD static T normalize(const T* z, T* p) {
    T most = z[0];
    for (int i = 1; i < Classes; ++i) most = z[i] > most ? z[i] : most;
    T sum = 0;
    for (int i = 0; i < Classes; ++i) {
      p[i] = std::exp(z[i] - most);
      sum += p[i];
    }
    for (int i = 0; i < Classes; ++i) p[i] /= sum;
    return most + std::log(sum);
  }
};

}  // namespace espalier
