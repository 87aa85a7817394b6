// SPDX-License-Identifier: Apache-2.0
// Operations of losses over all items of a table: the next item of a sample, or of each step.
#pragma once

#include <cstdint>

#include "espalier/kernels/cpu/item_softmax.hpp"
#include "espalier/ops/context.hpp"
#include "espalier/ops/program.hpp"

namespace espalier::ops {

/// nll_j = −log softmax(⟨h_j, E_r⟩)_y over the rows r = 1, 2, … of a table E: what column j of the
/// input costs if row y is its target. The target of a sample is its label in task `loss`; that of
/// a step is the value of the sample's next step. 0 without a target, and where there are no
/// labels. In training, `draws` > 0 rows are drawn in each step instead of all; see
/// item_softmax_forward().
struct ItemSoftmax {
  static constexpr std::string_view name = "item_softmax";

  struct Shape {
    static constexpr bool holds(const Node& n) {
      return n.out.is(1, n.in.steps) && n.cache.is(n.in.rows + 1, n.in.steps) && n.scores_rows &&
             n.table >= 0 && n.lookup >= 0 && n.draws >= 0 && n.in.rows <= 2048 &&
             (n.in.steps.vary() || (n.in.steps == 1 && n.loss >= 0));
    }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(Holds,
                    "espalier: ItemSoftmax takes the vectors, at most 2048 values, of samples with "
                    "a label or of the steps of a sequence, and gives a value for each");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    using T = typename C::Scalar;
    const bool steps = n.in.steps.vary();
    if (steps ? !c.training : c.batch->labels.data == nullptr || c.storage.table_rows == nullptr)
      return;
    const Index items = c.storage.table_rows[n.table] - 1;
    const T* const table = c.table(n.table).values;
    const View<T> mean = c.training ? c.value(n.cache) : View<T>{};
    if (n.draws > 0 && c.training) {
      const cpu::SampledItems drawn{n.draws, items, c.key_of(n)};
      item_softmax_forward(c.device, drawn, table, as_const(c.value(n.in)), targets(n, c),
                           c.value(n.out), mean);
    } else {
      item_softmax_forward(c.device, cpu::AllItems{items}, table, as_const(c.value(n.in)),
                           targets(n, c), c.value(n.out), mean);
    }
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    using T = typename C::Scalar;
    item_softmax_backward(c.device, c.table(n.table).values, as_const(c.value(n.in)), targets(n, c),
                          as_const(c.value(n.cache)), as_const(c.gradient(n.out)),
                          n.in.gradient ? c.gradient(n.in) : View<T>{}, n.accumulate_in,
                          c.lookup_gradient(n));
  }

  /// What the batch adds to the gradient of the table's rows.
  template <class T>
  static void row_gradients(const Node& n, const StoredRows<T>& s, const AddRow<T>& add) {
    Context<T, Cpu> c;
    c.batch = s.batch;
    c.count = s.batch->size;
    c.key = s.key;
    const Index rows = lookup_rows(n);
    const View<const T> kept{s.lookup_gradients + n.lookup_base * s.batch_capacity, rows,
                             c.segments(n.in.steps).columns(), rows};
    if (n.draws > 0) {
      item_row_gradients(c.device, cpu::SampledItems{n.draws, s.table_rows - 1, c.key_of(n)},
                         s.table, kept, targets(n, c), s.part, s.parts, add);
    } else {
      item_row_gradients(c.device, cpu::AllItems{s.table_rows - 1}, s.table, kept, targets(n, c),
                         s.part, s.parts, add);
    }
  }

  /// Without the products with the table, whose rows the plan does not know.
  static constexpr Cost cost(const Node& n) {
    const double values = static_cast<double>(n.in.rows) * n.in.steps;
    return {2 * values, 8 * values, 20 * values};
  }

 private:
  template <class C>
  [[nodiscard]] static cpu::ItemTargets<typename C::Scalar> targets(const Node& n, const C& c) {
    if (!n.in.steps.vary()) return cpu::ItemTargets<typename C::Scalar>(c.labels(n.loss));
    return {c.batch->ids[static_cast<std::size_t>(n.in.steps.field)].ids, c.segments(n.in.steps)};
  }
};

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
