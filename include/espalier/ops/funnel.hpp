// SPDX-License-Identifier: Apache-2.0
// Operations for the steps of a funnel: click, then purchase.
#pragma once

#include "espalier/ops/context.hpp"
#include "espalier/ops/start_values.hpp"

namespace espalier::ops {

/// The logit of the product of two probabilities, from their logits: both events happen.
///
///   z = log(p / (1 − p)), p = σ(a) σ(b)  ⇒  z = −log(e^−a + e^−b + e^−(a + b))
///   ∂z/∂a = (e^−a + e^−(a + b)) / (e^−a + e^−b + e^−(a + b)), likewise for b
/// Computes no intermediate probability, so there is no underflow or cancellation, even in single
/// precision.
/// pCTCVR = pCTR · pCVR: Ma et al., Entire space multi-task model, SIGIR 2018.
struct ProductLogit {
  static constexpr std::string_view name = "product_logit";

  struct Shape {
    static constexpr bool holds(const Node& n) { return n.in.like(n.in2) && n.in.like(n.out); }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(
          Holds,
          "espalier: ProductLogit takes two blocks of as many values and steps, and gives one like "
          "them");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    product_logit_forward(c.device, as_const(c.value(n.in)), as_const(c.value(n.in2)),
                          c.value(n.out));
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    using Nothing = View<typename C::Scalar>;
    product_logit_backward(c.device, as_const(c.value(n.in)), as_const(c.value(n.in2)),
                           as_const(c.gradient(n.out)),
                           n.in.gradient ? c.gradient(n.in) : Nothing{}, n.accumulate_in,
                           n.in2.gradient ? c.gradient(n.in2) : Nothing{}, n.accumulate_in2);
  }

  /// The target of b is that σ(b) = p / σ(a), the rate among samples with the earlier event:
  /// b = −log(1 / σ(b) − 1), with 1 / σ(b) − 1 at least 0.001.
  template <class T>
  static void start(const Node& n, StartValues<T>& s) {
    for (int row = 0; row < n.out.rows; ++row) {
      const double before = s.wanted(n.in, row), both = s.wanted(n.out, row);
      const double rate = (1 + std::exp(-before)) / (1 + std::exp(-both));
      if (!std::isnan(rate)) s.want(n.in2, row, -std::log((std::max)(1 / rate - 1, 1e-3)));
    }
  }

  static constexpr Cost cost(const Node& n) {
    const double values = static_cast<double>(n.out.rows) * n.out.steps;
    return {50 * values, 55 * values, 12 * values};
  }
};

/// An auxiliary loss of the later step: loss_weight · mean of max(σ(b) − σ(a), 0), where a is the
/// logit of the earlier step (`in`) and b that of the later one (`in2`): a buyer has clicked. Both
/// are logits of tasks; the tasks' losses write their gradients first, and backward adds to them.
/// The calibrator of Xi et al., KDD 2021.
struct Calibrate {
  static constexpr std::string_view name = "calibrate";

  struct Shape {
    static constexpr bool holds(const Node& n) {
      return n.in.is(1, 1) && n.in2.is(1, 1) && n.loss >= 0;
    }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(
          Holds,
          "espalier: Calibrate takes the logits of two steps of a funnel, one value each, and is "
          "part of a task's loss");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    if (c.auxiliary == nullptr) return;
    c.auxiliary[n.loss] +=
        n.loss_weight * calibrate_forward(c.device, as_const(c.value(n.in)),
                                          as_const(c.value(n.in2)), c.sample_weights());
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    calibrate_backward(c.device, as_const(c.value(n.in)), as_const(c.value(n.in2)),
                       c.sample_weights(),
                       static_cast<typename C::Scalar>(n.loss_weight * c.auxiliary_scale(n.loss)),
                       c.gradient(n.in), c.gradient(n.in2));
  }

  static constexpr Cost cost(const Node&) { return {40, 45, 8}; }
};

}  // namespace espalier::ops
