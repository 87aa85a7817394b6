// SPDX-License-Identifier: Apache-2.0
// Losses that correct selection bias: conversion over all exposures, learnt from clicked ones.
#pragma once

#include "espalier/ops/context.hpp"

namespace espalier::ops {

/// Inverse propensity weighting:
///
///   loss_weight · mean_j o_j δ_j / p_j
/// where z is the logit of conversion (`in`), p = max(σ(logit of click, `in2`), min_propensity), o
/// the label of task `field` (clicked) and δ the cross entropy of z and the label of task `loss`.
/// No gradient flows through p. Wang et al., ESCM², SIGIR 2022.
struct InversePropensity {
  static constexpr std::string_view name = "inverse_propensity";

  struct Shape {
    static constexpr bool holds(const Node& n) {
      return n.in.is(1, 1) && n.in2.is(1, 1) && n.field >= 0 && n.loss >= 0;
    }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(Holds,
                    "espalier: InversePropensity takes the logits of a conversion and of its "
                    "click, one value "
                    "each, and is part of a task's loss");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    using T = typename C::Scalar;
    if (c.auxiliary == nullptr) return;
    c.auxiliary[n.loss] +=
        n.loss_weight * inverse_propensity_forward(c.device, as_const(c.value(n.in)),
                                                   as_const(c.value(n.in2)), c.labels(n.field),
                                                   c.labels(n.loss), c.sample_weights(),
                                                   static_cast<T>(n.min_propensity));
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    using T = typename C::Scalar;
    const auto d = c.gradient(n.in);
    if (!n.accumulate_in) fill(c.device, T{0}, d);
    inverse_propensity_backward(c.device, as_const(c.value(n.in)), as_const(c.value(n.in2)),
                                c.labels(n.field), c.labels(n.loss), c.sample_weights(),
                                static_cast<T>(n.min_propensity),
                                static_cast<T>(n.loss_weight * c.auxiliary_scale(n.loss)), d);
  }

  static constexpr Cost cost(const Node&) { return {60, 60, 8}; }
};

/// Doubly robust version of InversePropensity: row 0 of `in` is z; row 1, i, imputes the error of
/// every sample, clicked or not, as δ̂ = log(1 + e^i):
///
///   loss_weight · mean_j (δ̂_j + o_j (δ_j − δ̂_j) / p_j + o_j (δ_j − δ̂_j)² / p_j)
/// z learns from the first two terms with δ̂ held constant, i from the last term with δ held
/// constant (joint learning, Wang et al., ICML 2019).
struct DoublyRobust {
  static constexpr std::string_view name = "doubly_robust";

  struct Shape {
    static constexpr bool holds(const Node& n) {
      return n.in.is(2, 1) && n.in2.is(1, 1) && n.field >= 0 && n.loss >= 0;
    }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(Holds,
                    "espalier: DoublyRobust takes the logit of a conversion and an error beside "
                    "it, the logit "
                    "of its click, and is part of a task's loss");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    using T = typename C::Scalar;
    if (c.auxiliary == nullptr) return;
    c.auxiliary[n.loss] +=
        n.loss_weight * doubly_robust_forward(c.device, as_const(c.value(n.in)),
                                              as_const(c.value(n.in2)), c.labels(n.field),
                                              c.labels(n.loss), c.sample_weights(),
                                              static_cast<T>(n.min_propensity));
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    using T = typename C::Scalar;
    doubly_robust_backward(c.device, as_const(c.value(n.in)), as_const(c.value(n.in2)),
                           c.labels(n.field), c.labels(n.loss), c.sample_weights(),
                           static_cast<T>(n.min_propensity),
                           static_cast<T>(n.loss_weight * c.auxiliary_scale(n.loss)),
                           c.gradient(n.in), n.accumulate_in);
  }

  static constexpr Cost cost(const Node&) { return {90, 90, 12}; }
};

}  // namespace espalier::ops
