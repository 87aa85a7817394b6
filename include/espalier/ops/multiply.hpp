// SPDX-License-Identifier: Apache-2.0
// y = s · a ∘ b.
#pragma once

#include "espalier/ops/context.hpp"

namespace espalier::ops {

/// y = s · a ∘ b, s = `scale`: for example a mask or gate b on features a.
///
///   da = s · dy ∘ b;  db = s · dy ∘ a
struct Multiply {
  static constexpr std::string_view name = "multiply";

  struct Shape {
    static constexpr bool holds(const Node& n) { return n.in.like(n.in2) && n.in.like(n.out); }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(Holds,
                    "espalier: Multiply takes two blocks of as many values and steps, and gives "
                    "one like them");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    using T = typename C::Scalar;
    multiply(c.device, as_const(c.value(n.in)), as_const(c.value(n.in2)), static_cast<T>(n.scale),
             c.value(n.out), false);
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    const auto scale = static_cast<typename C::Scalar>(n.scale);
    const auto dy = as_const(c.gradient(n.out));
    if (n.in.gradient)
      multiply(c.device, dy, as_const(c.value(n.in2)), scale, c.gradient(n.in), n.accumulate_in);
    if (n.in2.gradient)
      multiply(c.device, dy, as_const(c.value(n.in)), scale, c.gradient(n.in2), n.accumulate_in2);
  }

  static constexpr Cost cost(const Node& n) {
    const double values = static_cast<double>(n.out.rows) * n.out.steps;
    return {2 * values, 4 * values, 12 * values};
  }
};

}  // namespace espalier::ops
