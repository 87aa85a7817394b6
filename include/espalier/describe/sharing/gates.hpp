// SPDX-License-Identifier: Apache-2.0
// Softmax gates and their options: dropout, load balancing.
#pragma once

#include "espalier/describe/layers.hpp"
#include "espalier/describe/task.hpp"

namespace espalier {

namespace detail {

/// softmax of x in each of `groups` equal parts, with dropout and load balancing by b.gate_options.
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
    if (b.owner() == shared_by_tasks && groups == 1)
      load.loss_weight *= b.gate_options.of_shared_gates;
    load.scratch_size = x.rows + 1;
    load.scratch = b.scratch(load.scratch_size);
    // −1 for a shared gate: its term is spread over all tasks. With several groups, group k's term
    // belongs to task k.
    load.loss = b.owner();
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

/// In training, each expert is dropped from a gate with probability `R`, independently per sample;
/// the remaining weights are rescaled to sum to 1 (Zhao et al., RecSys 2019). If all experts would
/// be dropped, none is.
template <Rate R>
struct GateDropout {
  using Operations = TypeList<ops::GateDropout>;
  static constexpr double dropout = R.value, load_balance = 0;
};

/// Adds a term to the loss for each gate: Strength · CV², with CV the coefficient of variation of
/// its experts' load in the batch. CV² is 0 if all experts have the same load, and E − 1 if one
/// expert has all of it (Shazeer et al., ICLR 2017). The term of a task's gate is added to the
/// task's loss, that of a shared gate equally to the losses of all tasks. The load is computed over
/// the whole batch, so training has one more barrier.
template <Weight Strength>
struct BalancedLoad {
  using Operations = TypeList<ops::GateLoad, ops::LoadBalance>;
  static constexpr double dropout = 0, load_balance = Strength.value;
};

/// `Sharing` with `Options` for its softmax gates: Gated<Mmoe<8, Mlp<64>>, GateDropout<Rate{0.1}>,
/// BalancedLoad<Weight{0.01}>>.
template <class Sharing, class... Options>
struct Gated {
  using Below = detail::SharingOrNone<Sharing>;
  using Operations = JoinUnique<typename Below::Operations, typename Options::Operations...>;
  static constexpr std::string_view name = Below::name;
  static constexpr bool brings_towers = requires { requires Below::brings_towers; };

  template <class InputsType, class... Tasks>
  static constexpr bool fits() {
    static_assert(sizeof...(Options) > 0,
                  "espalier: Gated needs GateDropout, BalancedLoad or both");
    constexpr bool rates =
        ((Options::dropout >= 0) && ...) && (0.0 + ... + Options::dropout) < 1;  // they add up
    constexpr bool weights = ((Options::load_balance >= 0) && ...);
    static_assert(rates, "espalier: GateDropout's rate must lie in [0, 1)");
    static_assert(weights, "espalier: BalancedLoad's weight must not be negative");
    return sizeof...(Options) > 0 && rates && weights &&
           detail::fits<Below, InputsType, Tasks...>();
  }

  template <class InputsType, class... Tasks, class Builder>
  static constexpr std::array<Block, sizeof...(Tasks)> fold(Builder& b) {
    // A shared gate's term is split equally among all tasks; the factor makes up for those of
    // weight 0.
    constexpr double all = sizeof...(Tasks),
                     learning = (0.0 + ... + (Tasks::weight > 0 ? 1.0 : 0.0));
    b.gate_options = {(Options::dropout + ...), (Options::load_balance + ...),
                      learning > 0 ? all / learning : 1};
    return Below::template fold<InputsType, Tasks...>(b);
  }

  template <class... Tasks, class Builder, class In>
  static constexpr auto fold_towers(Builder& b, const In& in) requires(requires {
    Below::template fold_towers<Tasks...>(b, in);
  }) {
    return Below::template fold_towers<Tasks...>(b, in);
  }
};

}  // namespace espalier
