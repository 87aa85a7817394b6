// SPDX-License-Identifier: Apache-2.0
// The loss of predicting an item of a table: the next one of a sample, or of each step.
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

}  // namespace espalier::ops
