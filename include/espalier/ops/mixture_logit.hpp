// SPDX-License-Identifier: Apache-2.0
// The logit of a mixture of probabilities, and a learnt vector shared by all samples.
#pragma once

#include "espalier/ops/context.hpp"
#include "espalier/ops/start_values.hpp"

namespace espalier::ops {

/// The logit of Σ_c g_c σ(z_c): z is `in`; g, which sums to 1, is `in2`; y has one row.
///
///   y = log p − log q,  p = Σ_c g_c σ(z_c),  q = Σ_c g_c σ(−z_c) = 1 − p
///   dz_c = dy · g_c σ(z_c) σ(−z_c) (1/p + 1/q),  dg_c = dy · (σ(z_c)/p − σ(−z_c)/q)
/// Computed with log-sum-exp, so there is no underflow or cancellation, even in single
/// precision. The critics of Zhu et al., KDD 2021.
struct MixtureLogit {
  static constexpr std::string_view name = "mixture_logit";

  struct Shape {
    static constexpr bool holds(const Node& n) {
      return n.in.like(n.in2) && n.out.is(1, n.in.steps);
    }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(Holds,
                    "espalier: MixtureLogit takes two blocks of as many values and steps, and "
                    "gives one value "
                    "a step");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    mixture_logit_forward(c.device, as_const(c.value(n.in)), as_const(c.value(n.in2)),
                          c.value(n.out));
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    using Nothing = View<typename C::Scalar>;
    mixture_logit_backward(c.device, as_const(c.value(n.in)), as_const(c.value(n.in2)),
                           as_const(c.gradient(n.out)),
                           n.in.gradient ? c.gradient(n.in) : Nothing{}, n.accumulate_in,
                           n.in2.gradient ? c.gradient(n.in2) : Nothing{}, n.accumulate_in2);
  }

  /// The output's target becomes that of every component.
  template <class T>
  static void start(const Node& n, StartValues<T>& s) {
    for (int row = 0; row < n.in.rows; ++row) s.want(n.in, row, s.wanted(n.out, 0));
  }

  static constexpr Cost cost(const Node& n) {
    const double values = static_cast<double>(n.in.rows) * n.in.steps;
    return {90 * values, 170 * values, 8 * values};
  }
};

/// y = v, a learnt vector, such as a task embedding.   dv += Σ dy
struct Broadcast {
  static constexpr std::string_view name = "broadcast";

  struct Shape {
    static constexpr bool holds(const Node& n) {
      return n.out.rows > 0 && n.parameters[0].size == n.out.rows;
    }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(Holds, "espalier: Broadcast has a parameter for each value that it gives");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    broadcast_forward(c.device, c.parameter(n.parameters[0]), c.value(n.out));
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    broadcast_backward(c.device, as_const(c.gradient(n.out)),
                       c.parameter_gradient(n.parameters[0]));
  }

  static constexpr Cost cost(const Node& n) {
    const double values = static_cast<double>(n.out.rows) * n.out.steps;
    return {0, values, 4 * values};
  }
};

}  // namespace espalier::ops
