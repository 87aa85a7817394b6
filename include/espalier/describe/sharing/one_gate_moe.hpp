// SPDX-License-Identifier: Apache-2.0
// OMoE: one mixture of experts for all tasks.
#pragma once

#include "espalier/describe/sharing/parts.hpp"

namespace espalier {

/// One-gate mixture of experts (Jacobs et al. 1991; the OMoE of Ma et al., KDD 2018): all tasks
/// read Σ_i g(x)_i · f_i(x), with g(x) = softmax(W x).
template <int Experts, class Encoder>
struct OneGateMoe {
  using Operations = JoinUnique<typename Parallel<Encoder>::Operations, detail::GateOperations,
                                TypeList<ops::Mix>>;
  static constexpr std::string_view name = "one_gate_moe";

  template <class InputsType, class... Tasks>
  static constexpr bool fits() {
    static_assert(Experts > 0, "espalier: OneGateMoe needs at least one expert");
    return Experts > 0;
  }

  template <class InputsType, class... Tasks, class Builder>
  static constexpr std::array<Block, sizeof...(Tasks)> fold(Builder& b) {
    const Block x = InputsType::fold(b);
    Node mix;
    mix.in = Parallel<Encoder>::template fold<Experts>(b, x, "expert");
    mix.in2 = detail::fold_gate(b, x, Experts);
    mix.groups = Experts;
    mix.out = b.block(mix.in.rows / Experts, mix.in.steps);
    std::array<Block, sizeof...(Tasks)> out{};
    out.fill(detail::under(b, "mix", [&] { return b.template emit<ops::Mix>(mix); }));
    return out;
  }
};

}  // namespace espalier
