// SPDX-License-Identifier: Apache-2.0
// Inputs of a plan: copies of numeric fields, lookups of categorical ones.
#pragma once

#include "espalier/ops/context.hpp"

namespace espalier::ops {

/// y = the batch's numeric inputs from row `field` on.
struct NumericInput {
  static constexpr std::string_view name = "numeric";
  static constexpr bool is_input = true;

  struct Shape {
    static constexpr bool holds(const Node& n) {
      return n.out.rows > 0 && n.out.steps == 1 && n.field >= 0;
    }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(Holds,
                    "espalier: NumericInput names the first of its numbers, and has no steps");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    const auto& x = c.batch->numeric;
    using T = typename C::Scalar;
    const View<const T> rows{x.data + c.first * x.stride + n.field, n.out.rows, c.count, x.stride};
    copy(c.device, rows, c.value(n.out), false);
  }

  template <class C>
  static void backward(const Node&, const C&) {}

  static constexpr Cost cost(const Node& n) { return {0, 0, 8.0 * n.out.rows}; }
};

/// y = table[id]; for a multi-valued field the sum or mean of its rows, 0 if there are none.
/// Backward stores dy; after all microbatches, gradients are summed per table row in the order of
/// the samples.
struct Embedding {
  static constexpr std::string_view name = "embedding";
  static constexpr bool is_input = true;

  struct Shape {
    static constexpr bool holds(const Node& n) {
      return n.out.rows > 0 && n.out.steps == 1 && n.field >= 0 && n.table >= 0 && n.lookup >= 0;
    }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(
          Holds,
          "espalier: Embedding names its field and table, numbers its look-up with add_lookup, and "
          "has no steps");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    const IdColumn& column = c.batch->ids[static_cast<std::size_t>(n.field)];
    if (column.offsets == nullptr) {
      gather(c.device, c.table(n.table), column.ids + c.first, c.value(n.out));
    } else {
      gather_pooled(c.device, c.table(n.table), column.ids, column.offsets + c.first,
                    n.pool == Pool::mean, c.value(n.out));
    }
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    copy(c.device, as_const(c.gradient(n.out)), c.lookup_gradient(n), false);
  }

  static constexpr Cost cost(const Node& n) { return {0, 2.0 * n.out.rows, 8.0 * n.out.rows}; }
};

/// A sequence: y has a column table[id] for each value of a multi-valued field. Backward stores dy.
struct EmbeddingSequence {
  static constexpr std::string_view name = "embedding_sequence";
  static constexpr bool is_input = true;

  struct Shape {
    static constexpr bool holds(const Node& n) {
      return n.out.rows > 0 && n.out.steps.vary() && n.out.steps.field == n.field && n.table >= 0 &&
             n.lookup >= 0 && n.pool == Pool::sequence;
    }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(Holds,
                    "espalier: EmbeddingSequence names its field and table, numbers its look-up "
                    "with add_lookup, and has the steps of its field");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    const IdColumn& column = c.batch->ids[static_cast<std::size_t>(n.field)];
    gather(c.device, c.table(n.table), column.ids + c.columns_before(n.out.steps), c.value(n.out));
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    copy(c.device, as_const(c.gradient(n.out)), c.lookup_gradient(n), false);
  }

  static constexpr Cost cost(const Node& n) {
    const double values = static_cast<double>(n.out.rows) * n.out.steps;
    return {0, 2.0 * values, 8.0 * values};
  }
};

}  // namespace espalier::ops
