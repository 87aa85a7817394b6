// SPDX-License-Identifier: Apache-2.0
// Attention between the steps of a sample, and of a sample to its steps.
#pragma once

#include "espalier/kernels/attention_bias.hpp"
#include "espalier/ops/context.hpp"

namespace espalier::ops {

/// What both kinds of attention between steps share: a bias of scores per head and bucket of
/// distances, parameters[0]; none if `distances` is 0.
struct BiasedAttention {
  [[nodiscard]] static constexpr DistanceBuckets buckets(const Node& n) {
    return {n.distances, n.causal};
  }
  [[nodiscard]] static constexpr bool bias_fits(const Node& n) {
    if (n.distances == 0) return !n.parameters[0].exists();
    return n.distances > 0 && n.in.gradient &&
           n.parameters[0].size == n.groups * buckets(n).count();
  }
  template <class C>
  [[nodiscard]] static AttentionBias<typename C::Scalar> bias(const Node& n, const C& c) {
    return {buckets(n), c.parameter(n.parameters[0]), nullptr};
  }
  template <class C>
  [[nodiscard]] static AttentionBias<typename C::Scalar> learnt_bias(const Node& n, const C& c) {
    return {buckets(n), c.parameter(n.parameters[0]), c.parameter_gradient(n.parameters[0])};
  }

  static constexpr Cost cost(const Node& n) {
    const double products = static_cast<double>(n.out.rows) * n.in.steps * n.in.steps;
    return {4 * products, 10 * products, 4.0 * (n.in.rows + n.out.rows) * n.in.steps};
  }
};

/// Multi-head self-attention with `groups` heads of d values; x has q, k, v side by side. For each
/// head and step i:
///
///   y_i = Σ_u a_iu v_u,  a_i = softmax over u of ⟨q_i, k_u⟩ / √d + b(i − u)
/// over the steps u of the same sample, up to i if `causal`. b: none, or with parameters[0] a
/// learnt value per head and distance (`distances`; longer ones count as the last one; Raffel et
/// al. 2020 have buckets of several distances). cache: a value per head and step, with which
/// backward recomputes a: memory grows with the number of steps, not with its square.
struct SelfAttention : BiasedAttention {
  static constexpr std::string_view name = "self_attention";

  struct Shape {
    static constexpr bool holds(const Node& n) {
      return n.groups > 0 && n.out.rows > 0 && n.out.rows % n.groups == 0 &&
             n.in.is(3 * n.out.rows, n.out.steps) && n.cache.is(n.groups, n.in.steps) &&
             bias_fits(n);
    }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(Holds,
                    "espalier: SelfAttention takes steps of three times as many values as it "
                    "gives, a multiple of its heads, and has a cache of one value per head and "
                    "step, and no bias or one per head and bucket of distances");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    attention_forward(c.device, as_const(c.value(n.in)), c.segments(n.in.steps),
                      {n.groups, n.causal}, c.value(n.out), c.value(n.cache), bias(n, c));
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    if (!n.in.gradient) return;
    attention_backward(c.device, as_const(c.value(n.in)), c.segments(n.in.steps),
                       {n.groups, n.causal}, as_const(c.value(n.out)), as_const(c.value(n.cache)),
                       as_const(c.gradient(n.out)), c.gradient(n.in), n.accumulate_in,
                       learnt_bias(n, c));
  }
};

/// As SelfAttention, with weights that are not normalised:
/// a_iu = silu(⟨q_i, k_u⟩ / √d + b(i − u)) / n_i, n_i the number of steps to which step i attends
/// (Zhai et al., ICML 2024).
struct PointwiseAttention : BiasedAttention {
  static constexpr std::string_view name = "pointwise_attention";

  struct Shape {
    static constexpr bool holds(const Node& n) {
      return n.groups > 0 && n.out.rows > 0 && n.out.rows % n.groups == 0 &&
             n.in.is(3 * n.out.rows, n.out.steps) && bias_fits(n);
    }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(Holds,
                    "espalier: PointwiseAttention takes steps of three times as many values as it "
                    "gives, a multiple of its heads, and has no bias or one per head and bucket of "
                    "distances");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    pointwise_attention_forward(c.device, as_const(c.value(n.in)), c.segments(n.in.steps),
                                {n.groups, n.causal}, c.value(n.out), bias(n, c));
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    if (!n.in.gradient) return;
    pointwise_attention_backward(c.device, as_const(c.value(n.in)), c.segments(n.in.steps),
                                 {n.groups, n.causal}, as_const(c.gradient(n.out)),
                                 c.gradient(n.in), n.accumulate_in, learnt_bias(n, c));
  }
};

/// Multi-head attention of a sample's one query (in) to its steps (in2: k, then v); 0 if it has no
/// steps. cache: the weights, one per head and step.
struct TargetAttention {
  static constexpr std::string_view name = "target_attention";

  struct Shape {
    static constexpr bool holds(const Node& n) {
      return n.groups > 0 && n.out.rows > 0 && n.out.rows % n.groups == 0 && n.in.like(n.out) &&
             n.in.steps == 1 && n.in2.rows == 2 * n.out.rows && n.cache.is(n.groups, n.in2.steps);
    }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(Holds,
                    "espalier: TargetAttention takes one step, and steps of twice as many values, "
                    "a multiple of its heads; its cache has one value per head and step");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    target_attention_forward(c.device, as_const(c.value(n.in)), as_const(c.value(n.in2)),
                             c.segments(n.in2.steps), Index{n.groups}, c.value(n.out),
                             c.value(n.cache));
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    target_attention_backward(c.device, as_const(c.value(n.in)), as_const(c.value(n.in2)),
                              c.segments(n.in2.steps), Index{n.groups}, as_const(c.value(n.cache)),
                              as_const(c.gradient(n.out)), c.gradient(n.in), n.accumulate_in,
                              c.gradient(n.in2), n.accumulate_in2);
  }

  static constexpr Cost cost(const Node& n) {
    const double products = static_cast<double>(n.out.rows) * n.in2.steps;
    return {4 * products, 8 * products, 4.0 * (n.in2.rows * n.in2.steps + n.in.rows + n.out.rows)};
  }
};

/// Attention of a learnt query (parameters[0]: a row of d values for each of `groups` heads) to a
/// sample's steps (in: k, then v); 0 if it has no steps. cache: the weights, one per head and step.
struct AttendSteps {
  static constexpr std::string_view name = "attend_steps";

  struct Shape {
    static constexpr bool holds(const Node& n) {
      return n.groups > 0 && n.out.rows > 0 && n.out.rows % n.groups == 0 && n.out.steps == 1 &&
             n.in.rows == 2 * n.out.rows && n.parameters[0].size == n.out.rows &&
             n.cache.is(n.groups, n.in.steps);
    }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(Holds,
                    "espalier: AttendSteps takes steps of twice as many values as it gives, a "
                    "multiple of its heads, and has a query of these values and a cache of one "
                    "value per head and step");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    target_attention_forward(c.device, query(n, c, c.parameter(n.parameters[0])),
                             as_const(c.value(n.in)), c.segments(n.in.steps), Index{n.groups},
                             c.value(n.out), c.value(n.cache));
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    target_attention_backward(
        c.device, query(n, c, c.parameter(n.parameters[0])), as_const(c.value(n.in)),
        c.segments(n.in.steps), Index{n.groups}, as_const(c.value(n.cache)),
        as_const(c.gradient(n.out)), query(n, c, c.parameter_gradient(n.parameters[0])), true,
        n.in.gradient ? c.gradient(n.in) : View<typename C::Scalar>{}, n.accumulate_in);
  }

  static constexpr Cost cost(const Node& n) {
    const double products = static_cast<double>(n.out.rows) * n.in.steps;
    return {4 * products, 8 * products, 4.0 * (n.in.rows * n.in.steps + n.out.rows)};
  }

 private:
  /// The same column for every sample: gradients add up in it.
  template <class C, class T>
  static View<T> query(const Node& n, const C& c, T* values) {
    return {values, n.out.rows, c.count, 0};
  }
};

}  // namespace espalier::ops
