// SPDX-License-Identifier: Apache-2.0
// Attention that pools a few tokens into one vector.
#pragma once

#include "espalier/ops/context.hpp"

namespace espalier::ops {

/// The steps of x are tokens; each column has v, then k, then q: 3w × (steps · n). y: w × n.
/// cache: a, steps × n.
///
///   a = softmax over the steps of ⟨k, q⟩ / √w;   y = Σ_u a_u v_u
///   dv_u = a_u dy;  with s_u = a_u (⟨v_u, dy⟩ − ⟨y, dy⟩) / √w:  dk_u = s_u q_u,  dq_u = s_u k_u
/// The adaptive information transfer of Xi et al., KDD 2021.
struct AttentionPool {
  static constexpr std::string_view name = "attention_pool";

  struct Shape {
    static constexpr bool holds(const Node& n) {
      return n.out.rows > 0 && n.in.rows == 3 * n.out.rows && n.out.steps == 1 &&
             n.cache.is(n.in.steps, 1);
    }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(Holds,
                    "espalier: AttentionPool takes steps of three times as many values as it "
                    "gives, and has a "
                    "cache of one value a step");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    attention_pool_forward(c.device, as_const(c.value(n.in)), Index{n.in.steps}, c.value(n.cache),
                           c.value(n.out));
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    if (!n.in.gradient) return;
    attention_pool_backward(c.device, as_const(c.value(n.in)), Index{n.in.steps},
                            as_const(c.value(n.cache)), as_const(c.gradient(n.out)),
                            c.gradient(n.in), n.accumulate_in);
  }

  static constexpr Cost cost(const Node& n) {
    const double values = static_cast<double>(n.out.rows) * n.in.steps;
    return {4 * values + 12 * n.in.steps, 12 * values, 4.0 * (n.in.rows * n.in.steps + n.out.rows)};
  }
};

}  // namespace espalier::ops
