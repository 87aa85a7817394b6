// SPDX-License-Identifier: Apache-2.0
// Softmax gates, and what may be asked of them: dropout, a balanced load.
#pragma once

#include "espalier/describe/layers.hpp"
#include "espalier/describe/task.hpp"

namespace espalier {

namespace detail {

/// softmax of x in `groups` parts; where the builder says so, with dropout and a balanced load.
template <class Builder>
constexpr Block softmax(Builder& b, Block x, int groups = 1) {
  Node node;
  node.in = x;
  node.groups = groups;
  node.out = b.block(x.rows, x.steps);
  Block gates = b.template emit<ops::Softmax>(node);
  if (b.gate_options.load_balance > 0) {
    Node load = node;
    load.in = gates.stopped();
    load.out = {};
    load.loss_weight = b.gate_options.load_balance;
    if (b.owner() == shared_by_tasks && groups == 1) load.loss_weight *= b.gate_options.of_shared_gates;
    load.scratch_size = x.rows + 1;
    load.scratch = b.scratch(load.scratch_size);
    load.loss = b.owner();  // a shared gate's term is spread over all tasks
    b.template emit<ops::GateLoad>(load);
    load.in = gates;
    b.template emit<ops::LoadBalance>(load);
  }
  if (b.gate_options.dropout > 0) {
    node.in = gates;
    node.dropout_rate = b.gate_options.dropout;
    node.out = b.block(x.rows, x.steps);
    gates = b.template emit<ops::GateDropout>(node);
  }
  return gates;
}

}  // namespace detail

/// In training each expert is left out of a gate with probability `R`, for each sample; the other weights grow so that they
/// sum to 1 (Zhao et al., RecSys 2019). A gate that would lose all keeps all.
template <Rate R>
struct GateDropout {
  using Operations = TypeList<ops::GateDropout>;
  static constexpr double dropout = R.value, load_balance = 0;
};

/// One more term of the loss for each gate: Strength · CV² of its experts' load in the batch, the squared coefficient of
/// variation, 0 where all have the same and E − 1 where one has all (Shazeer et al., ICLR 2017). A task's gate adds to
/// the task's loss, a shared one to all alike. The whole batch takes part, so training has one more barrier.
template <Weight Strength>
struct BalancedLoad {
  using Operations = TypeList<ops::GateLoad, ops::LoadBalance>;
  static constexpr double dropout = 0, load_balance = Strength.value;
};

/// `Sharing` whose softmax gates have `Options`: Gated<Mmoe<8, Mlp<64>>, GateDropout<Rate{0.1}>, BalancedLoad<Weight{0.01}>>.
template <class Sharing, class... Options>
struct Gated {
  using Below = detail::SharingOrNone<Sharing>;
  using Operations = JoinUnique<typename Below::Operations, typename Options::Operations...>;
  static constexpr std::string_view name = Below::name;
  static constexpr bool brings_towers = requires { requires Below::brings_towers; };

  template <class InputsType, class... Tasks>
  static constexpr bool fits() {
    static_assert(sizeof...(Options) > 0, "espalier: Gated needs GateDropout, BalancedLoad or both");
    constexpr bool rates = ((Options::dropout >= 0 && Options::dropout < 1) && ...);
    constexpr bool weights = ((Options::load_balance >= 0) && ...);
    static_assert(rates, "espalier: GateDropout's rate must lie in [0, 1)");
    static_assert(weights, "espalier: BalancedLoad's weight must not be negative");
    return sizeof...(Options) > 0 && rates && weights && detail::fits<Below, InputsType, Tasks...>();
  }

  template <class InputsType, class... Tasks, class Builder>
  static constexpr std::array<Block, sizeof...(Tasks)> fold(Builder& b) {
    // Of a shared gate's term each task has a part: those of weight 0 leave theirs to the others.
    constexpr double all = sizeof...(Tasks), learning = (0.0 + ... + (Tasks::weight > 0 ? 1.0 : 0.0));
    b.gate_options = {(Options::dropout + ...), (Options::load_balance + ...), learning > 0 ? all / learning : 1};
    return Below::template fold<InputsType, Tasks...>(b);
  }

  template <class... Tasks, class Builder, class In>
  static constexpr auto fold_towers(Builder& b, const In& in) requires(
      requires { Below::template fold_towers<Tasks...>(b, in); }) {
    return Below::template fold_towers<Tasks...>(b, in);
  }
};

}  // namespace espalier
