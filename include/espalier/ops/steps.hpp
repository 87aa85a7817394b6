// SPDX-License-Identifier: Apache-2.0
// Operations between samples and their steps: pooling, comparison, weighted sums, positions.
#pragma once

#include "espalier/ops/context.hpp"

namespace espalier::ops {

/// y = mean, sum, first, last or maximum of x over the steps of a sample (`pool_steps`); 0 if it
/// has none.
struct PoolSteps {
  static constexpr std::string_view name = "pool_steps";

  struct Shape {
    static constexpr bool holds(const Node& n) { return n.out.is(n.in.rows, 1); }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(Holds, "espalier: PoolSteps gives one step of as many values as it takes");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    segment_pool_forward(c.device, n.pool_steps, as_const(c.value(n.in)), c.segments(n.in.steps),
                         c.value(n.out));
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    if (!n.in.gradient) return;
    segment_pool_backward(c.device, n.pool_steps, as_const(c.value(n.in)), as_const(c.value(n.out)),
                          c.segments(n.in.steps), as_const(c.gradient(n.out)), c.gradient(n.in),
                          n.accumulate_in);
  }

  static constexpr Cost cost(const Node& n) {
    const double values = static_cast<double>(n.in.rows) * n.in.steps;
    return {values, values, 4 * (values + n.out.rows)};
  }
};

/// y_u = [x_u, t, x_u ∘ t] for the steps u of a sample; t is in2, one step of as many values.
struct CompareSteps {
  static constexpr std::string_view name = "compare_steps";

  struct Shape {
    static constexpr bool holds(const Node& n) {
      return n.in2.is(n.in.rows, 1) && n.out.is(3 * n.in.rows, n.in.steps);
    }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(Holds,
                    "espalier: CompareSteps takes steps and one step of as many values, and gives "
                    "three times as many for each");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    compare_forward(c.device, as_const(c.value(n.in)), as_const(c.value(n.in2)),
                    c.segments(n.in.steps), c.value(n.out));
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    using Nothing = View<typename C::Scalar>;
    compare_backward(c.device, as_const(c.value(n.in)), as_const(c.value(n.in2)),
                     c.segments(n.in.steps), as_const(c.gradient(n.out)),
                     n.in.gradient ? c.gradient(n.in) : Nothing{}, n.accumulate_in,
                     n.in2.gradient ? c.gradient(n.in2) : Nothing{}, n.accumulate_in2);
  }

  static constexpr Cost cost(const Node& n) {
    const double values = static_cast<double>(n.in.rows) * n.in.steps;
    return {values, 6 * values, 16 * values};
  }
};

/// y = Σ_u w_u x_u over the steps u of a sample; w is in2, one value a step.
struct WeighSteps {
  static constexpr std::string_view name = "weigh_steps";

  struct Shape {
    static constexpr bool holds(const Node& n) {
      return n.in2.is(1, n.in.steps) && n.out.is(n.in.rows, 1);
    }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(Holds,
                    "espalier: WeighSteps takes steps and a weight for each, and gives one step");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    weigh_forward(c.device, as_const(c.value(n.in)), as_const(c.value(n.in2)),
                  c.segments(n.in.steps), c.value(n.out));
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    const auto dy = as_const(c.gradient(n.out));
    const Segments s = c.segments(n.in.steps);
    if (n.in.gradient)
      weigh_input_gradient(c.device, as_const(c.value(n.in2)), s, dy, c.gradient(n.in),
                           n.accumulate_in);
    if (n.in2.gradient)
      weigh_weight_gradient(c.device, as_const(c.value(n.in)), s, dy, c.gradient(n.in2),
                            n.accumulate_in2);
  }

  static constexpr Cost cost(const Node& n) {
    const double values = static_cast<double>(n.in.rows) * n.in.steps;
    return {2 * values, 4 * values, 4 * (values + n.in.steps + n.out.rows)};
  }
};

/// y_u = x_u + p_t, with a learnt vector p_t for each position t (parameters[0]: positions × rows),
/// counted from a sample's first step or, if `from_last`, from its last.
struct AddPositions {
  static constexpr std::string_view name = "add_positions";

  struct Shape {
    static constexpr bool holds(const Node& n) {
      return n.in.like(n.out) && n.parameters[0].size == Index{n.in.rows} * n.in.steps.most;
    }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(Holds,
                    "espalier: AddPositions gives as many values and steps as it takes, and has a "
                    "vector for each step");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    add_positions_forward(c.device, as_const(c.value(n.in)), c.parameter(n.parameters[0]),
                          c.segments(n.in.steps), n.from_last, c.value(n.out));
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    const auto dy = as_const(c.gradient(n.out));
    add_positions_gradient(c.device, dy, c.segments(n.in.steps), n.from_last,
                           c.parameter_gradient(n.parameters[0]));
    if (n.in.gradient) copy(c.device, dy, c.gradient(n.in), n.accumulate_in);
  }

  static constexpr Cost cost(const Node& n) {
    const double values = static_cast<double>(n.in.rows) * n.in.steps;
    return {values, 2 * values, 12 * values};
  }
};

}  // namespace espalier::ops
