// SPDX-License-Identifier: Apache-2.0
// y = act(W x + b).
#pragma once

#include "espalier/ops/context.hpp"
#include "espalier/ops/start_values.hpp"

namespace espalier::ops {

/// Fully connected. With `groups` = G, the rows of x and y are split into G equal parts, each with
/// its own matrix: experts side by side.
///
///   x  in × n    W  out × in, row-major    b  out    y  out × n    cache: W x + b, if act needs it
///   δ = dy ∘ act′;  dx = Wᵀ δ;  dW += δ xᵀ;  db += Σ δ        (δ overwrites dy)
struct Dense {
  static constexpr std::string_view name = "dense";

  struct Shape {
    static constexpr bool holds(const Node& n) {
      return n.groups > 0 && n.in.rows % n.groups == 0 &&
             n.out.is(n.out.rows / n.groups * n.groups, n.in.steps) &&
             n.parameters[0].size == Index{n.out.rows} * (n.in.rows / n.groups) &&
             (!n.parameters[1].exists() || n.parameters[1].size == n.out.rows) &&
             (n.cache.exists() ? n.cache.like(n.out) : !needs_pre_activation(n.activation));
    }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(Holds,
                    "espalier: Dense has groups that divide its inputs and outputs, a weight for "
                    "each pair of "
                    "them, a bias for each output or none, and as many steps out as in");
    }
  };

  /// One matrix per group.
  static constexpr WeightMatrices matrices(const Node& n) {
    return {0, n.groups, n.out.rows / n.groups, n.in.rows / n.groups};
  }

  /// Cuts at any row if there is one group, else between groups only.
  static constexpr bool slice_rows(const PlanView& plan, Node& n, const Block& part) {
    const int first = part.row - n.out.row, width = n.out.rows / n.groups,
              in = n.in.rows / n.groups;
    if (n.groups > 1 && (first % width != 0 || part.rows % width != 0)) return false;
    n.parameters[0] = part_of(plan, n.parameters[0], Index{first} * in, Index{part.rows} * in);
    if (n.parameters[1].exists())
      n.parameters[1] = part_of(plan, n.parameters[1], first, part.rows);
    if (n.groups > 1) {
      n.in = n.in.slice(first / width * in, part.rows / width * in);
      n.groups = part.rows / width;
    }
    if (n.cache.exists()) n.cache = n.cache.slice(first, part.rows);
    n.out = part;
    return true;
  }

  template <class C>
  static void forward(const Node& n, const C& c) {
    const int in = n.in.rows / n.groups, out = n.out.rows / n.groups;
    for (int g = 0; g < n.groups; ++g) {
      dense_forward(c.device, c.matrix(weight(n, g)), c.parameter(bias(n, g)),
                    as_const(c.value(n.in.slice(g * in, in))), n.activation,
                    c.value(part(n.cache, g, out)), c.value(n.out.slice(g * out, out)));
    }
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    const int in = n.in.rows / n.groups, out = n.out.rows / n.groups;
    activation_backward(c.device, n.activation, as_const(c.value(n.cache)),
                        as_const(c.value(n.out)), c.gradient(n.out));
    for (int g = 0; g < n.groups; ++g) {
      const auto dy = as_const(c.gradient(n.out.slice(g * out, out)));
      dense_weight_gradient(c.device, dy, as_const(c.value(n.in.slice(g * in, in))),
                            c.parameter_gradient(weight(n, g)), c.parameter_gradient(bias(n, g)));
      input_gradient(n, g, dy, c);
    }
  }

  /// dx of one group from its δ, if the input has a gradient.
  template <class C>
  static void input_gradient(const Node& n, int group, View<const typename C::Scalar> delta,
                             const C& c) {
    if (!n.in.gradient) return;
    const int in = n.in.rows / n.groups;
    dense_input_gradient(c.device, c.parameter(weight(n, group)), delta,
                         c.gradient(n.in.slice(group * in, in)), n.accumulate_in);
  }

  /// Offsets of a group's parameters; −1 if it has no bias.
  [[nodiscard]] static constexpr Index weight(const Node& n, int group) {
    return n.parameters[0].offset + Index{group} * (n.in.rows / n.groups) * (n.out.rows / n.groups);
  }
  [[nodiscard]] static constexpr Index bias(const Node& n, int group) {
    return !n.parameters[1].exists()
               ? -1
               : n.parameters[1].offset + Index{group} * (n.out.rows / n.groups);
  }

  /// Sets the bias of a layer without activation, such as a head, to the target.
  template <class T>
  static void start(const Node& n, StartValues<T>& s) {
    if (!n.parameters[1].exists() || n.activation != Activation::identity) return;
    for (int row = 0; row < n.out.rows; ++row) {
      const double wanted = s.wanted(n.out, row);
      if (!std::isnan(wanted)) s.set_parameter(n.parameters[1].offset + row, wanted);
    }
  }

  static constexpr Cost cost(const Node& n) {
    const double products = 2.0 * n.in.rows / n.groups * n.out.rows * n.out.steps;
    return {products, products * (n.in.gradient ? 2 : 1),
            4.0 * (n.in.rows + n.out.rows) * n.out.steps};
  }

 private:
  static Block part(const Block& cache, int g, int out) {
    return cache.exists() ? cache.slice(g * out, out) : cache;
  }
};

}  // namespace espalier::ops
