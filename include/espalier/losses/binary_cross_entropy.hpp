// SPDX-License-Identifier: Apache-2.0
// Binary cross entropy on logits: clicks, purchases.
#pragma once

#include <concepts>
#include <type_traits>

#include "espalier/losses/logistic.hpp"
#include "espalier/losses/loss.hpp"

namespace espalier {

/// The weight of a positive relative to a negative.
struct PositiveWeight {
  double value = 1;
};
/// Smoothing s: labels 0 and 1 become s/2 and 1 − s/2.
struct LabelSmoothing {
  double value = 0;
};

/// With weight w, smoothing s and t = y (1 − s) + s/2:
///   value       w t log(1 + e^−z) + (1 − t) log(1 + e^z)
///   derivative  (1 − t) σ(z) − w t σ(−z)
///   predict     σ(z), the probability that y = 1 (with w ≠ 1, its odds are multiplied by w)
/// evaluate() accepts labels in [0, 1], as probabilities; data and metrics accept only 0 and 1.
/// Smoothing: Szegedy et al., Rethinking the inception architecture for computer vision, CVPR 2016.
template <PositiveWeight W = PositiveWeight{}, LabelSmoothing S = LabelSmoothing{}>
struct BasicBinaryCrossEntropy {
  static_assert(W.value > 0, "espalier: a positive's weight must be greater than 0");
  static_assert(S.value >= 0 && S.value < 1, "espalier: label smoothing must lie in [0, 1)");
  static constexpr std::string_view name = "binary_cross_entropy";
  static constexpr LabelKind label = LabelKind::binary;
  static constexpr int outputs = 1;
  static constexpr bool takes_registers = true;

  template <class T>
  ESPALIER_HD static T evaluate(T z, T y, T& gradient) {
    return evaluate(logit(z), y, gradient);
  }
  template <class T>
  ESPALIER_HD static T evaluate(Logit<T> x, T y, T& gradient) {
    using E = Element<T>;
    constexpr E weight = static_cast<E>(W.value), smoothing = static_cast<E>(S.value);
    T target = y;
    if constexpr (S.value != 0) target = y * (1 - smoothing) + smoothing / 2;
    const T positive = weight * target, negative = 1 - target;
    const Logistic<T> l = logistic(x);
    gradient = negative * l.up - positive * l.down;
    return positive * l.log_up + negative * l.log_down;
  }

  template <class T>
  ESPALIER_HD static T predict(T z) {
    return sigmoid(z);
  }
};

using BinaryCrossEntropy = BasicBinaryCrossEntropy<>;

namespace detail {

template <class Wanted>
constexpr Wanted option_of() {
  return {};
}
template <class Wanted, class First, class... Rest>
constexpr Wanted option_of(First first, Rest... rest) {
  if constexpr (std::same_as<Wanted, First>) {
    return first;
  } else {
    return option_of<Wanted>(rest...);
  }
}

template <class Option>
concept BinaryCrossEntropyOption = std::same_as<std::remove_cvref_t<Option>, PositiveWeight> ||
    std::same_as<std::remove_cvref_t<Option>, LabelSmoothing>;

}  // namespace detail

/// Options in any order; each is optional: BinaryCrossEntropyWith<LabelSmoothing{0.1}>.
template <auto... Options>
requires(detail::BinaryCrossEntropyOption<decltype(Options)>&&...) using BinaryCrossEntropyWith =
    BasicBinaryCrossEntropy<detail::option_of<PositiveWeight>(Options...),
                            detail::option_of<LabelSmoothing>(Options...)>;

}  // namespace espalier
