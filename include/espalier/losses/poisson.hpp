// SPDX-License-Identifier: Apache-2.0
// Losses with a logarithmic link: counts, and watch time as odds.
#pragma once

#include "espalier/losses/loss.hpp"

namespace espalier {

/// Counts: e^z − y z, the negative log-likelihood of a Poisson variable with mean e^z but for log y!, which does not depend
/// on z. Derivative e^z − y. predict: e^z. z is held to at most 80, where single precision ends.
struct Poisson {
  static constexpr std::string_view name = "poisson";
  static constexpr LabelKind label = LabelKind::count;
  static constexpr int outputs = 1;

  template <class T>
  ESPALIER_HD static T evaluate(T z, T y, T& gradient) {
    const T mean = predict(z);
    gradient = mean - y;
    return mean - y * z;
  }
  template <class T>
  ESPALIER_HD static T predict(T z) {
    return std::exp(z < T{80} ? z : T{80});
  }
};

/// Watch time (label t ≥ 0, in any unit): every impression is a negative once, and a positive with weight t:
///   t log(1 + e^−z) + log(1 + e^z);  derivative σ(z) − t σ(−z).
/// The odds e^z then estimate E[t], which is what predict returns. Covington, Adams & Sargin, Deep neural networks for
/// YouTube recommendations, RecSys 2016 (there impressions without a click are the negatives, t = 0; those with one would be
/// positives only, for which e^z estimates E[t] · (1 + P) with a small click rate P).
struct WeightedLogistic {
  static constexpr std::string_view name = "weighted_logistic";
  static constexpr LabelKind label = LabelKind::count;
  static constexpr int outputs = 1;

  template <class T>
  ESPALIER_HD static T evaluate(T z, T y, T& gradient) {
    gradient = sigmoid(z) - y * sigmoid(-z);
    return y * softplus(-z) + softplus(z);
  }
  template <class T>
  ESPALIER_HD static T predict(T z) {
    return Poisson::predict(z);
  }
};

}  // namespace espalier
