// SPDX-License-Identifier: Apache-2.0
// y = x ∘ mask / (1 − rate) in training, else y = x.
#pragma once

#include "espalier/ops/context.hpp"

namespace espalier::ops {

/// The mask is a function of (key, sample, row): backward recomputes it, so nothing is stored.
struct Dropout {
  static constexpr std::string_view name = "dropout";

  struct Shape {
    static constexpr bool holds(const Node& n) { return n.in.like(n.out); }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(Holds, "espalier: Dropout gives as many values and steps as it takes");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    const auto x = as_const(c.value(n.in));
    if (c.training) {
      c.each_numbered(n.in.steps, [&](ColumnRange columns, Index number) {
        dropout(c.device, columns.of(x), n.dropout_rate, c.key_of(n), number,
                columns.of(c.value(n.out)), false);
      });
    } else {
      copy(c.device, x, c.value(n.out), false);
    }
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    if (!n.in.gradient) return;
    const auto dy = as_const(c.gradient(n.out));
    if (c.training) {
      c.each_numbered(n.in.steps, [&](ColumnRange columns, Index number) {
        dropout(c.device, columns.of(dy), n.dropout_rate, c.key_of(n), number,
                columns.of(c.gradient(n.in)), n.accumulate_in);
      });
    } else {
      copy(c.device, dy, c.gradient(n.in), n.accumulate_in);
    }
  }

  static constexpr Cost cost(const Node& n) {
    const double values = static_cast<double>(n.out.rows) * n.out.steps;
    return {values, values, 8.0 * values};
  }
};

}  // namespace espalier::ops
