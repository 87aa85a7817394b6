// SPDX-License-Identifier: Apache-2.0
// Focal loss: binary cross-entropy that looks away from what is already right.
#pragma once

#include "espalier/losses/loss.hpp"

namespace espalier {

struct Gamma {
  double value = 2;
};
struct Alpha {
  double value = 0.25;
};

/// With p the probability of the true label and a = α for positives, 1 − α for negatives:  −a (1 − p)^γ log p.
/// predict: σ(z). Lin et al., Focal loss for dense object detection, ICCV 2017.
template <Gamma G = Gamma{}, Alpha A = Alpha{}>
struct Focal {
  static_assert(G.value >= 0, "espalier: focal loss needs gamma from 0");
  static_assert(A.value > 0 && A.value < 1, "espalier: focal loss needs alpha in (0, 1)");
  static constexpr std::string_view name = "focal";
  static constexpr LabelKind label = LabelKind::binary;
  static constexpr int outputs = 1;

  template <class T>
  ESPALIER_HD static T evaluate(T z, T y, T& gradient) {
    constexpr T gamma = static_cast<T>(G.value), alpha = static_cast<T>(A.value);
    const T side = y > T{0.5} ? T{1} : T{-1};
    const T u = side * z;             // p = σ(u)
    const T miss = sigmoid(-u);       // 1 − p
    const T loss = softplus(-u);      // −log p
    const T a = side > 0 ? alpha : 1 - alpha;
    const T focus = gamma == 0 ? T{1} : std::pow(miss, gamma);
    // d/du: −γ (1 − p)^γ p (−log p) − (1 − p)^(γ + 1)
    gradient = -side * a * focus * (gamma * sigmoid(u) * loss + miss);
    return a * focus * loss;
  }

  template <class T>
  ESPALIER_HD static T predict(T z) {
    return sigmoid(z);
  }
};

}  // namespace espalier
