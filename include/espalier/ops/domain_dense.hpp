// SPDX-License-Identifier: Apache-2.0
// y = act((W ∘ W_p) x + b + b_p), where p is the sample's domain.
#pragma once

#include "espalier/kernels/limits.hpp"
#include "espalier/ops/context.hpp"

namespace espalier::ops {

/// Fully connected; the weights are the element-wise product of the shared weights and those of the
/// sample's domain. The domain p of a sample is the row of categorical field `field`: 1 … `groups`.
/// Row 0, an unknown value, uses the shared weights alone.
///
///   x  in × n   y  out × n   W  out × in   b  out   W_p  groups · out × in   b_p  groups · out
///   δ = dy ∘ act′;  G_p = Σ_{j of p} δ_j x_jᵀ;  dW += Σ_p W_p ∘ G_p;  dW_p += W ∘ G_p;
///   db += Σ δ;  db_p += Σ_{j of p} δ_j;  dx_j = (W ∘ W_p)ᵀ δ_j
///   (δ overwrites dy; cache: the input of act, if act needs it)
/// Sheng et al., One model to serve all: Star topology adaptive recommender, CIKM 2021.
struct DomainDense {
  static constexpr std::string_view name = "domain_dense";

  struct Shape {
    static constexpr bool holds(const Node& n) {
      return n.groups > 0 && n.groups <= max_domains && n.field >= 0 && n.in.steps == 1 &&
             n.out.steps == 1 && n.parameters[0].size == Index{n.out.rows} * n.in.rows &&
             n.parameters[1].size == n.out.rows &&
             n.parameters[2].size == n.groups * n.parameters[0].size &&
             n.parameters[3].size == n.groups * n.parameters[1].size &&
             (n.cache.exists() ? n.cache.like(n.out) : !needs_pre_activation(n.activation));
    }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(
          Holds,
          "espalier: DomainDense has weights and a bias once for all and once a domain, the field "
          "that tells domains, 256 of them at most, and no steps");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    const auto y = c.value(n.out), pre = n.cache.exists() ? c.value(n.cache) : y;
    domain_dense_forward(c.device, domain(n, c), Index{n.groups}, c.parameter(n.parameters[0]),
                         c.parameter(n.parameters[1]), c.parameter(n.parameters[2]),
                         c.parameter(n.parameters[3]), as_const(c.value(n.in)), pre);
    if (n.activation != Activation::identity)
      activation_forward(c.device, n.activation, as_const(pre), y);
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    activation_backward(c.device, n.activation, as_const(c.value(n.cache)),
                        as_const(c.value(n.out)), c.gradient(n.out));
    domain_dense_backward(
        c.device, domain(n, c), Index{n.groups}, c.parameter(n.parameters[0]),
        c.parameter(n.parameters[2]), as_const(c.value(n.in)), as_const(c.gradient(n.out)),
        c.parameter_gradient(n.parameters[0]), c.parameter_gradient(n.parameters[1]),
        c.parameter_gradient(n.parameters[2]), c.parameter_gradient(n.parameters[3]),
        n.in.gradient ? c.gradient(n.in) : View<typename C::Scalar>{}, n.accumulate_in);
  }

  /// Does not count W ∘ W_p, which is computed once for all samples of a domain.
  static constexpr Cost cost(const Node& n) {
    const double products = 2.0 * n.in.rows * n.out.rows;
    return {products, products * (n.in.gradient ? 2 : 1), 4.0 * (n.in.rows + n.out.rows)};
  }

 private:
  template <class C>
  static const std::int32_t* domain(const Node& n, const C& c) {
    return c.batch->ids[static_cast<std::size_t>(n.field)].ids + c.first;
  }
};

}  // namespace espalier::ops
