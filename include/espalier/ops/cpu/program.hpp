// SPDX-License-Identifier: Apache-2.0
// What a `Program<T, Cpu>` is made of: kernels and losses on the CPU.
#pragma once

#include "espalier/kernels/cpu/kernels.hpp"
#include "espalier/losses/losses.hpp"
#include "espalier/ops/program.hpp"

namespace espalier {

template <class T>
struct LossFunctions<T, Cpu> {
  /// Returns Σ weight · value over the labelled samples; writes scale · weight · derivative to
  /// `gradient`. `unit`: divisor that was applied to the labels.
  double (*evaluate)(View<const T> logits, const T* labels, const T* weights, T scale,
                     View<T> gradient, T unit) = nullptr;
  /// Converts logits to predictions: a probability, a mean or class probabilities.
  void (*predict)(View<const T> logits, View<T> out) = nullptr;

  template <class Loss>
  static constexpr LossFunctions of() {
    return {&apply_loss<Loss, T>, &apply_predict<Loss, T>};
  }
};

}  // namespace espalier
