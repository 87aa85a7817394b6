// SPDX-License-Identifier: Apache-2.0
// A value of each sample that is added to the loss of a task, or of all.
#pragma once

#include "espalier/ops/context.hpp"

namespace espalier::ops {

/// An auxiliary loss: loss_weight · x, one value a sample, in the loss of task `loss`, or, if that
/// is −1, an equal share of it in the loss of each task.
struct AddToLoss {
  static constexpr std::string_view name = "add_to_loss";

  struct Shape {
    static constexpr bool holds(const Node& n) { return n.in.is(1, 1); }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(Holds, "espalier: AddToLoss takes one value of each sample");
    }
  };

  static constexpr void keep_task(Node& n, int task, int tasks) {
    if (n.loss >= 0) return;
    n.loss_weight /= tasks;
    n.loss = task;
  }

  template <class C>
  static void forward(const Node& n, const C& c) {
    if (c.auxiliary == nullptr) return;
    const auto x = c.value(n.in);
    const auto* const weights = c.sample_weights();
    double sum = 0;
    for (Index j = 0; j < x.cols; ++j)
      sum += (weights == nullptr ? 1.0 : static_cast<double>(weights[j])) *
             static_cast<double>(x(0, j));
    each_loss(n, c,
              [&](int task, double share) { c.auxiliary[task] += share * n.loss_weight * sum; });
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    using T = typename C::Scalar;
    double scale = 0;
    each_loss(n, c, [&](int task, double share) { scale += share * c.auxiliary_scale(task); });
    const auto factor = static_cast<T>(n.loss_weight * scale);
    const auto* const weights = c.sample_weights();
    const View<T> d = c.gradient(n.in);
    for (Index j = 0; j < d.cols; ++j) {
      const T value = weights == nullptr ? factor : factor * weights[j];
      d(0, j) = n.accumulate_in ? d(0, j) + value : value;
    }
  }

  static constexpr Cost cost(const Node&) { return {1, 1, 8}; }

 private:
  template <class C, class Visit>
  static void each_loss(const Node& n, const C& c, Visit visit) {
    const int tasks = static_cast<int>(c.batch->labels.cols);
    if (n.loss >= 0) return visit(n.loss, 1.0);
    for (int k = 0; k < tasks; ++k) visit(k, 1.0 / tasks);
  }
};

}  // namespace espalier::ops
