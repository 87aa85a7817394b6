// SPDX-License-Identifier: Apache-2.0
// Positions of steps without parameters: sinusoids that are added, and turned queries and keys.
#pragma once

#include "espalier/ops/context.hpp"

namespace espalier::ops {

/// y_u = x_u + p_t for the position t of step u, counted from a sample's first step or, if
/// `from_last`, from its last: p_t,2i = sin(t / 10000^(2i / w)), p_t,2i+1 = cos(t / 10000^(2i / w))
/// (Vaswani et al. 2017, section 3.5).
struct AddSinusoids {
  static constexpr std::string_view name = "add_sinusoids";

  struct Shape {
    static constexpr bool holds(const Node& n) { return n.in.rows > 0 && n.in.like(n.out); }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(Holds, "espalier: AddSinusoids gives as many values and steps as it takes");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    add_sinusoids_forward(c.device, as_const(c.value(n.in)), c.segments(n.in.steps), n.from_last,
                          c.value(n.out));
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    if (n.in.gradient)
      copy(c.device, as_const(c.gradient(n.out)), c.gradient(n.in), n.accumulate_in);
  }

  static constexpr Cost cost(const Node& n) {
    const double values = static_cast<double>(n.in.rows) * n.in.steps;
    return {4 * values, values, 8 * values};
  }
};

/// Rotary positions: x has q, k, v side by side, with `groups` heads of d values, d even. For step
/// t of a sample, the pair (i, i + d / 2) of q and of k is turned by the angle t · 10000^(−2i / d);
/// v is copied. ⟨q, k⟩ then depends on the distance of two steps, not on their positions.
/// Su et al. 2021 (RoFormer), with pairs as in GPT-NeoX. Backward turns back.
struct RotateSteps {
  static constexpr std::string_view name = "rotate_steps";

  struct Shape {
    static constexpr bool holds(const Node& n) {
      return n.groups > 0 && n.in.rows > 0 && n.in.rows % (6 * n.groups) == 0 && n.in.like(n.out);
    }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(Holds,
                    "espalier: RotateSteps gives as many values and steps as it takes, queries, "
                    "keys and values of heads with an even number of values each");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    rotate_forward(c.device, as_const(c.value(n.in)), c.segments(n.in.steps), Index{n.groups},
                   c.value(n.out));
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    if (!n.in.gradient) return;
    rotate_backward(c.device, as_const(c.gradient(n.out)), c.segments(n.in.steps), Index{n.groups},
                    c.gradient(n.in), n.accumulate_in);
  }

  static constexpr Cost cost(const Node& n) {
    const double values = static_cast<double>(n.in.rows) * n.in.steps;
    return {2 * values, 2 * values, 8 * values};
  }
};

}  // namespace espalier::ops
