// SPDX-License-Identifier: Apache-2.0
// The cost model: costs of a plan, computed without running it.
#pragma once

#include <array>
#include <span>

#include "espalier/describe/fold.hpp"
#include "espalier/ops/ops.hpp"
#include "espalier/ops/shapes.hpp"

namespace espalier {

/// Costs of a whole plan. A multiply-add is 2 flops. Losses and the optimiser are not counted;
/// multi-valued fields count as if they had one value.
struct PlanCost {
  double forward_flops = 0;   ///< per sample
  double backward_flops = 0;  ///< per sample
  double forward_bytes = 0;   ///< per sample: activations read and written by forward, as floats
  Index parameters = 0;       ///< trainable values, without tables and padding
  Index parameter_bytes = 0;  ///< of the buffer for parameters, state and padding, as floats
  /// Per sample: activations kept in training, as floats; their gradients take as much again.
  Index activation_bytes = 0;
  Index lookup_bytes = 0;  ///< per sample: table values read, as floats

  [[nodiscard]] constexpr double flops() const { return forward_flops + backward_flops; }
};

namespace detail {

template <class Model>
struct Costs {
  static constexpr std::size_t count = static_cast<std::size_t>(Fold<Model>::first.nodes);

  template <class... Ops>
  static constexpr std::array<Cost, count> list(TypeList<Ops...>) {
    std::array<Cost, count> costs{};
    for (std::size_t i = 0; i < count; ++i) {
      const Node& node = Fold<Model>::filled.plan.nodes[i];
      ((node.op == op_id<Ops> ? void(costs[i] = Ops::cost(node)) : void()), ...);
    }
    return costs;
  }

  static constexpr auto nodes = list(typename Fold<Model>::Operations{});
};

}  // namespace detail

/// Costs of every node of `Model` for one sample, in the plan's order.
template <class Model>
[[nodiscard]] constexpr std::span<const Cost> node_costs() {
  using Shapes = detail::Shapes<Model>;
  Shapes::Rule::template say<Shapes::hold, Shapes::where>();
  return detail::Costs<Model>::nodes;
}

/// Sum of the nodes' costs, and the plan's memory.
[[nodiscard]] constexpr PlanCost plan_cost(const PlanView& plan, std::span<const Cost> costs) {
  constexpr Index value = sizeof(float);
  PlanCost sum;
  for (const Cost& cost : costs) {
    sum.forward_flops += cost.forward_flops;
    sum.backward_flops += cost.backward_flops;
    sum.forward_bytes += cost.bytes;
  }
  for (const ParameterInfo& tensor : plan.tensors)
    sum.parameters += tensor.trainable ? tensor.size() : 0;
  sum.parameter_bytes = value * plan.sizes.parameter_values;
  sum.activation_bytes = value * plan.sizes.values;
  sum.lookup_bytes = value * plan.sizes.lookup_values;
  return sum;
}

template <class Model>
[[nodiscard]] constexpr PlanCost plan_cost() {
  return plan_cost(plan_of<Model>(), node_costs<Model>());
}

}  // namespace espalier
