// SPDX-License-Identifier: Apache-2.0
// Gates: softmax in groups, and mixtures of experts weighted by gates.
#pragma once

#include "espalier/ops/context.hpp"
#include "espalier/ops/start_values.hpp"

namespace espalier::ops {

/// y = softmax(x) in each of `groups` equal parts of the rows.   dx = y ∘ (dy − ⟨dy, y⟩)
struct Softmax {
  static constexpr std::string_view name = "softmax";
  static constexpr int gates(const Node& n) { return n.groups; }

  struct Shape {
    static constexpr bool holds(const Node& n) {
      return n.in.like(n.out) && n.groups > 0 && n.in.rows % n.groups == 0;
    }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(Holds,
                    "espalier: Softmax gives as many values and steps as it takes, in groups that "
                    "divide them");
    }
  };

  /// Cuts between groups only.
  static constexpr bool slice_rows(const PlanView&, Node& n, const Block& part) {
    const int first = part.row - n.out.row, width = n.out.rows / n.groups;
    if (first % width != 0 || part.rows % width != 0) return false;
    n.in = n.in.slice(first, part.rows);
    n.groups = part.rows / width;
    n.out = part;
    return true;
  }

  template <class C>
  static void forward(const Node& n, const C& c) {
    softmax_forward(c.device, as_const(c.value(n.in)), n.groups, c.value(n.out));
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    if (!n.in.gradient) return;
    softmax_backward(c.device, as_const(c.value(n.out)), as_const(c.gradient(n.out)), n.groups,
                     c.gradient(n.in), n.accumulate_in);
  }

  static constexpr Cost cost(const Node& n) {
    const double values = static_cast<double>(n.out.rows) * n.out.steps;
    return {12 * values, 4 * values, 8 * values};
  }
};

/// y = Σ_e g_e f_e: experts f are `groups` parts of `in`, gates g are `in2`.
///
///   df_e = g_e dy;  dg_e = ⟨f_e, dy⟩
struct Mix {
  static constexpr std::string_view name = "mix";

  struct Shape {
    static constexpr bool holds(const Node& n) {
      return n.groups > 0 && n.in.is(n.groups * n.out.rows, n.out.steps) &&
             n.in2.is(n.groups, n.out.steps);
    }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(
          Holds,
          "espalier: Mix takes groups of as many values as it gives, a weight for each group, and "
          "as many steps");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    mix_forward(c.device, as_const(c.value(n.in)), as_const(c.value(n.in2)), c.value(n.out));
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    using Nothing = View<typename C::Scalar>;
    mix_backward(c.device, as_const(c.value(n.in)), as_const(c.value(n.in2)),
                 as_const(c.gradient(n.out)), n.in.gradient ? c.gradient(n.in) : Nothing{},
                 n.accumulate_in, n.in2.gradient ? c.gradient(n.in2) : Nothing{}, n.accumulate_in2);
  }

  /// The output's target becomes that of every expert.
  template <class T>
  static void start(const Node& n, StartValues<T>& s) {
    for (int row = 0; row < n.in.rows; ++row) s.want(n.in, row, s.wanted(n.out, row % n.out.rows));
  }

  static constexpr Cost cost(const Node& n) {
    const double values = static_cast<double>(n.in.rows) * n.in.steps;
    return {2 * values, 4 * values, 4.0 * (n.in.rows + n.in2.rows + n.out.rows) * n.in.steps};
  }
};

/// y += Σ_e g_e f_e: adds experts to the mixture that an earlier Mix node wrote to the same block.
struct MixOnto {
  static constexpr std::string_view name = "mix_onto";

  struct Shape {
    static constexpr bool holds(const Node& n) { return Mix::Shape::holds(n); }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(
          Holds,
          "espalier: MixOnto takes groups of as many values as it gives, a weight for each group, "
          "and as many steps");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    mix_forward(c.device, as_const(c.value(n.in)), as_const(c.value(n.in2)), c.value(n.out), true);
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    Mix::backward(n, c);  // dy is the same for all nodes that add to y
  }

  static constexpr Cost cost(const Node& n) { return Mix::cost(n); }
};

}  // namespace espalier::ops
