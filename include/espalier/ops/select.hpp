// SPDX-License-Identifier: Apache-2.0
// DSelect-k: gates that can be sparse and still have a gradient.
#pragma once

#include "espalier/kernels/limits.hpp"
#include "espalier/ops/context.hpp"

namespace espalier::ops {

/// x: `groups` = k selectors of m rows each, then k rows α; y: weights of 2^m experts, summing to
/// 1.
///
///   y_e = Σ_i softmax(α)_i · Π_b (S(x_ib) if bit b of e is set, else 1 − S(x_ib))
///   S(t) = −2 t³ + 3/2 t + ½ for |t| ≤ ½; 0 below, 1 above
/// Once S is 0 or 1 for all bits, at most k experts have a nonzero weight. Hazimeh et al., NeurIPS
/// 2021 (γ = 1).
struct Select {
  static constexpr std::string_view name = "select";
  static constexpr int gates(const Node&) { return 1; }

  struct Shape {
    static constexpr bool holds(const Node& n) {
      return n.groups > 0 && n.in.rows % n.groups == 0 && bits(n) >= 0 &&
             bits(n) <= max_select_bits && n.out.is(1 << bits(n), n.in.steps);
    }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(
          Holds,
          "espalier: Select takes groups of bits and a row for each group, and gives a weight for "
          "each number of so many bits, 8 at most");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    select_forward(c.device, as_const(c.value(n.in)), Index{n.groups}, bits(n), c.value(n.out));
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    if (!n.in.gradient) return;
    select_backward(c.device, as_const(c.value(n.in)), Index{n.groups}, bits(n),
                    as_const(c.gradient(n.out)), c.gradient(n.in), n.accumulate_in);
  }

  static constexpr Cost cost(const Node& n) {
    const double products =
        static_cast<double>(n.groups) * static_cast<double>(bits(n)) * n.out.rows * n.out.steps;
    return {2 * products, 4 * products * static_cast<double>(bits(n)),
            4.0 * (n.in.rows + n.out.rows) * n.out.steps};
  }

 private:
  static constexpr Index bits(const Node& n) { return n.in.rows / n.groups - 1; }
};

}  // namespace espalier::ops
