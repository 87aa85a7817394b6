// SPDX-License-Identifier: Apache-2.0
// y = a + b, and y = x.
#pragma once

#include "espalier/ops/context.hpp"
#include "espalier/ops/start_values.hpp"

namespace espalier::ops {

/// y = a + b; da = dy, db = dy.
struct Add {
  static constexpr std::string_view name = "add";

  struct Shape {
    static constexpr bool holds(const Node& n) { return n.in.like(n.in2) && n.in.like(n.out); }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(
          Holds,
          "espalier: Add takes two blocks of as many values and steps, and gives one like them");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    copy(c.device, as_const(c.value(n.in)), c.value(n.out), false);
    copy(c.device, as_const(c.value(n.in2)), c.value(n.out), true);
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    const auto dy = as_const(c.gradient(n.out));
    if (n.in.gradient) copy(c.device, dy, c.gradient(n.in), n.accumulate_in);
    if (n.in2.gradient) copy(c.device, dy, c.gradient(n.in2), n.accumulate_in2);
  }

  /// The output's target becomes the first input's.
  template <class T>
  static void start(const Node& n, StartValues<T>& s) {
    s.pass(n.out, n.in);
  }

  static constexpr Cost cost(const Node& n) {
    const double values = static_cast<double>(n.out.rows) * n.out.steps;
    return {values, values, 12.0 * values};
  }
};

/// y = x, used to place blocks side by side.
struct Copy {
  static constexpr std::string_view name = "copy";

  struct Shape {
    static constexpr bool holds(const Node& n) { return n.in.like(n.out); }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(Holds, "espalier: Copy gives as many values and steps as it takes");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    copy(c.device, as_const(c.value(n.in)), c.value(n.out), false);
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    if (n.in.gradient)
      copy(c.device, as_const(c.gradient(n.out)), c.gradient(n.in), n.accumulate_in);
  }

  template <class T>
  static void start(const Node& n, StartValues<T>& s) {
    s.pass(n.out, n.in);
  }

  static constexpr Cost cost(const Node& n) { return {0, 0, 8.0 * n.out.rows * n.out.steps}; }
};

}  // namespace espalier::ops
