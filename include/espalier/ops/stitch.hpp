// SPDX-License-Identifier: Apache-2.0
// Cross-stitch units: each part of the output is a learnt linear combination of the input's parts.
#pragma once

#include "espalier/ops/context.hpp"

namespace espalier::ops {

/// x has `groups` parts of equal width, y any number of parts of that width; A is learnt and shared
/// by all samples.
///
///   y_o = Σ_i A_oi x_i;   dx_i = Σ_o A_oi dy_o;   dA_oi += Σ ⟨dy_o, x_i⟩
/// Misra, Shrivastava, Gupta & Hebert, Cross-stitch networks for multi-task learning, CVPR 2016.
struct Stitch {
  static constexpr std::string_view name = "stitch";

  struct Shape {
    static constexpr bool holds(const Node& n) {
      return n.groups > 0 && n.in.rows % n.groups == 0 && n.in.rows > 0 &&
             n.out.steps == n.in.steps && n.out.rows % (n.in.rows / n.groups) == 0 &&
             n.parameters[0].size == n.groups * outputs(n);
    }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(
          Holds,
          "espalier: Stitch gives parts of the width of its groups, as many steps as it takes, and "
          "has a weight for each pair of them");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    stitch_forward(c.device, c.parameter(n.parameters[0]), Index{n.groups}, outputs(n),
                   as_const(c.value(n.in)), c.value(n.out));
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    const auto dy = as_const(c.gradient(n.out));
    stitch_weight_gradient(c.device, Index{n.groups}, outputs(n), as_const(c.value(n.in)), dy,
                           c.parameter_gradient(n.parameters[0]));
    if (!n.in.gradient) return;
    stitch_input_gradient(c.device, c.parameter(n.parameters[0]), Index{n.groups}, outputs(n), dy,
                          c.gradient(n.in), n.accumulate_in);
  }

  static constexpr Cost cost(const Node& n) {
    const double products = 2.0 * n.groups * n.out.rows * n.out.steps;
    return {products, 2 * products, 4.0 * (n.in.rows + n.out.rows) * n.out.steps};
  }

 private:
  static constexpr Index outputs(const Node& n) { return n.out.rows / (n.in.rows / n.groups); }
};

}  // namespace espalier::ops
