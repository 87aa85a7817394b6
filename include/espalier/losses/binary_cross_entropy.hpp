// SPDX-License-Identifier: Apache-2.0
// Binary cross-entropy on logits: clicks, purchases.
#pragma once

#include "espalier/losses/loss.hpp"

namespace espalier {

/// How much a positive counts against a negative.
struct PositiveWeight {
  double value = 1;
};
/// Labels 0 and 1 become s/2 and 1 − s/2.
struct LabelSmoothing {
  double value = 0;
};

/// With t = y (1 − s) + s/2:  w t log(1 + e^−z) + (1 − t) log(1 + e^z);  derivative (1 − t) σ(z) − w t σ(−z).
/// predict: σ(z), the probability.
template <PositiveWeight W = PositiveWeight{}, LabelSmoothing S = LabelSmoothing{}>
struct BinaryCrossEntropyWith {
  static_assert(W.value > 0, "espalier: a positive's weight must be greater than 0");
  static_assert(S.value >= 0 && S.value < 1, "espalier: label smoothing must lie in [0, 1)");
  static constexpr std::string_view name = "binary_cross_entropy";
  static constexpr LabelKind label = LabelKind::binary;
  static constexpr int outputs = 1;

  template <class T>
  ESPALIER_HD static T evaluate(T z, T y, T& gradient) {
    constexpr T weight = static_cast<T>(W.value), smoothing = static_cast<T>(S.value);
    const T target = y * (1 - smoothing) + smoothing / 2;
    // One exponential serves σ(z), σ(−z) and both logarithms.
    const T e = std::exp(-std::abs(z)), small = e / (1 + e), large = 1 / (1 + e), log = std::log1p(e);
    const T up = z >= 0 ? large : small, down = z >= 0 ? small : large;  // σ(z), σ(−z)
    const T positive = log + (z < 0 ? -z : T{0}), negative = log + (z > 0 ? z : T{0});
    gradient = (1 - target) * up - weight * target * down;
    return weight * target * positive + (1 - target) * negative;
  }

  template <class T>
  ESPALIER_HD static T predict(T z) {
    return sigmoid(z);
  }
};

using BinaryCrossEntropy = BinaryCrossEntropyWith<>;

}  // namespace espalier
