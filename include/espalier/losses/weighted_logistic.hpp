// SPDX-License-Identifier: Apache-2.0
// Weighted logistic regression: predicts watch time as odds.
#pragma once

#include <cstdint>

#include "espalier/losses/logistic.hpp"
#include "espalier/losses/loss.hpp"

namespace espalier {

/// Which impressions are negatives of weight 1 in BasicWeightedLogistic.
enum class Negatives : std::uint8_t {
  every_impression,  ///< all of them, watched or not: the odds are the mean watch time
  unwatched,         ///< those with t = 0, as published
};

/// Label: watch time t ≥ 0, in any unit. A logistic regression in which an impression is a positive
/// with weight t and a negative with weight n:
///   value       t log(1 + e^−z) + n log(1 + e^z)
///   derivative  n σ(z) − t σ(−z)
///   predict     the odds e^z, in the unit of the label (e^80 for z > 80)
/// The best constant z has e^z = Σ t / Σ n.
///   every_impression: n = 1, so e^z = Σ t / N, the mean watch time, without bias.
///   unwatched: n = 1 if t = 0, else 0, as in Covington, Adams & Sargin, Deep neural networks for
///   YouTube recommendations, RecSys 2016. With k of N impressions watched, e^z = Σ t / (N − k) =
///   E[t] / (1 − k/N) ≈ E[t] (1 + k/N): close to the mean if few are watched. If nearly all are
///   (videos that start automatically), it is far too large, and unbounded if all are.
template <Negatives N = Negatives::every_impression>
struct BasicWeightedLogistic {
  static constexpr std::string_view name = "weighted_logistic";
  static constexpr LabelKind label = LabelKind::count;
  static constexpr int outputs = 1;
  static constexpr bool takes_registers = true;

  template <class T>
  ESPALIER_HD static T evaluate(T z, T y, T& gradient) {
    return evaluate(logit(z), y, gradient);
  }
  template <class T>
  ESPALIER_HD static T evaluate(Logit<T> x, T y, T& gradient) {
    T negative = splat<T>(1);
    if constexpr (N == Negatives::unwatched) negative = y <= Element<T>{0} ? negative : T{};
    const Logistic<T> l = logistic(x);
    gradient = negative * l.up - y * l.down;
    return y * l.log_up + negative * l.log_down;
  }
  template <class T>
  ESPALIER_HD static T predict(T z) {
    return bounded_exp(z);
  }
};

using WeightedLogistic = BasicWeightedLogistic<>;

}  // namespace espalier
