// SPDX-License-Identifier: Apache-2.0
// y = act(x), for an activation that does not directly follow a matrix product.
#pragma once

#include "espalier/ops/context.hpp"

namespace espalier::ops {

/// y = act(x), element by element.   δ = dy ∘ act′(x);  dx = δ       (δ replaces dy)
struct Activate {
  static constexpr std::string_view name = "activate";

  struct Shape {
    static constexpr bool holds(const Node& n) { return n.in.like(n.out); }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(Holds, "espalier: Activate gives as many values and steps as it takes");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    activation_forward(c.device, n.activation, as_const(c.value(n.in)), c.value(n.out));
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    if (!n.in.gradient) return;
    const auto dy = c.gradient(n.out);
    activation_backward(c.device, n.activation, as_const(c.value(n.in)), as_const(c.value(n.out)),
                        dy);
    copy(c.device, as_const(dy), c.gradient(n.in), n.accumulate_in);
  }

  static constexpr Cost cost(const Node& n) {
    const double values = static_cast<double>(n.out.rows) * n.out.steps;
    return {12 * values, 14 * values, 8 * values};
  }
};

}  // namespace espalier::ops
