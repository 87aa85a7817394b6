// SPDX-License-Identifier: Apache-2.0
// Routes between sub-networks, each with a gate that can be exactly 0.
#pragma once

#include <array>

#include "espalier/ops/context.hpp"

namespace espalier::ops {

/// x: `groups` = I parts of equal width; y: O parts of that width; log α is O × I, O · I ≤ 4096.
///
///   y_o = Σ_i z_oi x_i,  z = hard concrete gates of log α, drawn once per step for the whole batch
///   dx_i = Σ_o z_oi dy_o;   d log α_oi += Σ ⟨dy_o, x_i⟩ · ∂z/∂ log α
/// Ma et al., SNR: Sub-network routing, AAAI 2019; Louizos, Welling & Kingma, ICLR 2018.
struct Route {
  static constexpr std::string_view name = "route";
  static constexpr std::size_t most = 4096;

  struct Shape {
    static constexpr bool holds(const Node& n) {
      return n.groups > 0 && n.in.rows % n.groups == 0 && n.in.rows > 0 &&
             n.out.steps == n.in.steps && n.out.rows % (n.in.rows / n.groups) == 0 &&
             n.parameters[0].size == n.groups * outputs(n) &&
             n.groups * outputs(n) <= static_cast<Index>(most);
    }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(
          Holds,
          "espalier: Route gives parts of the width of its groups, as many steps as it takes, and "
          "has a gate for each pair of them, at most 4096");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    std::array<typename C::Scalar, most> z;
    hard_concrete(c.device, c.parameter(n.parameters[0]), n.groups * outputs(n), c.key_of(n),
                  c.training, z.data(), static_cast<typename C::Scalar*>(nullptr));
    stitch_forward(c.device, z.data(), Index{n.groups}, outputs(n), as_const(c.value(n.in)),
                   c.value(n.out));
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    using T = typename C::Scalar;
    const Index routes = n.groups * outputs(n);
    std::array<T, most> z, slopes, dz;
    hard_concrete(c.device, c.parameter(n.parameters[0]), routes, c.key_of(n), c.training, z.data(),
                  slopes.data());
    for (Index i = 0; i < routes; ++i) dz[static_cast<std::size_t>(i)] = 0;
    const auto dy = as_const(c.gradient(n.out));
    stitch_weight_gradient(c.device, Index{n.groups}, outputs(n), as_const(c.value(n.in)), dy,
                           dz.data());
    T* d = c.parameter_gradient(n.parameters[0]);
    for (Index i = 0; i < routes; ++i)
      d[i] += dz[static_cast<std::size_t>(i)] * slopes[static_cast<std::size_t>(i)];
    if (!n.in.gradient) return;
    stitch_input_gradient(c.device, z.data(), Index{n.groups}, outputs(n), dy, c.gradient(n.in),
                          n.accumulate_in);
  }

  static constexpr Cost cost(const Node& n) {
    const double products = 2.0 * n.groups * n.out.rows * n.out.steps;
    return {products, 2 * products, 4.0 * (n.in.rows + n.out.rows) * n.out.steps};
  }

 private:
  static constexpr Index outputs(const Node& n) { return n.out.rows / (n.in.rows / n.groups); }
};

}  // namespace espalier::ops
