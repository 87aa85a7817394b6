// SPDX-License-Identifier: Apache-2.0
// Focal loss: binary cross entropy that gives less weight to samples that are already classified
// well.
#pragma once

#include <cmath>

#include "espalier/losses/logistic.hpp"
#include "espalier/losses/loss.hpp"

namespace espalier {

/// The exponent γ: a larger γ gives less weight to well classified samples; 0 disables this.
struct Gamma {
  double value = 2;
};
/// The weight α of positives; negatives have the weight 1 − α.
struct Alpha {
  double value = 0.25;
};

/// With u = z for positives and −z for negatives, p = σ(u) and a = α or 1 − α:
///   value       −a (1 − p)^γ log p
///   derivative  with respect to u: −a (1 − p)^γ (1 − p − γ p log p)
///   predict     σ(z), which is biased towards ½, more so for larger γ
/// A label above ½ is a positive. Lin et al., Focal loss for dense object detection, ICCV 2017.
template <Gamma G = Gamma{}, Alpha A = Alpha{}>
struct Focal {
  static_assert(G.value >= 0, "espalier: focal loss needs gamma from 0");
  static_assert(A.value > 0 && A.value < 1, "espalier: focal loss needs alpha in (0, 1)");
  static constexpr std::string_view name = "focal";
  static constexpr LabelKind label = LabelKind::binary;
  static constexpr int outputs = 1;
  static constexpr bool takes_registers = G.value == 0 || G.value == 1 || G.value == 2;

  template <class T>
  ESPALIER_HD static T evaluate(T z, T y, T& gradient) {
    return evaluate(logit(z), y, gradient);
  }
  template <class T>
  ESPALIER_HD static T evaluate(Logit<T> x, T y, T& gradient) {
    using E = Element<T>;
    constexpr E gamma = static_cast<E>(G.value), alpha = static_cast<E>(A.value);
    const auto positive = y > E{0.5};
    const Logistic<T> l = logistic(Logit<T>{positive ? x.z : -x.z, x.e});
    const T focus = (positive ? splat<T>(alpha) : splat<T>(1 - alpha)) * power(l.down);
    const T slope = focus * (l.down + gamma * l.up * l.log_up);
    gradient = positive ? -slope : slope;
    return focus * l.log_up;
  }

  template <class T>
  ESPALIER_HD static T predict(T z) {
    return sigmoid(z);
  }

 private:
  /// miss^γ.
  template <class T>
  ESPALIER_HD static T power(T miss) {
    if constexpr (G.value == 0) {
      return splat<T>(1);
    } else if constexpr (G.value == 1) {
      return miss;
    } else if constexpr (G.value == 2) {
      return miss * miss;
    } else {
      return std::pow(miss, static_cast<T>(G.value));
    }
  }
};

}  // namespace espalier
