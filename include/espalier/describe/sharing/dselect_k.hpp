// SPDX-License-Identifier: Apache-2.0
// DselectK: a mixture of experts from which each task selects a few.
#pragma once

#include "espalier/describe/sharing/parts.hpp"

namespace espalier {

/// DSelect-k (Hazimeh et al., NeurIPS 2021): Mmoe whose gates have `Selected` selectors; for each
/// sample, each selector encodes one expert in binary. W_k x gives Selected · log2(Experts) code
/// values and Selected weights (formula at ops::Select). Not implemented: the paper's entropy
/// penalty. W starts small, so that every code can still change.
template <int Experts, int Selected, class Encoder>
struct DselectK {
  static constexpr int bits = [] {
    int n = 0;
    while (1 << n < Experts) ++n;
    return n;
  }();
  using Operations = JoinUnique<typename Parallel<Encoder>::Operations,
                                TypeList<ops::Dense, ops::Select, ops::Mix>>;
  static constexpr std::string_view name = "dselect_k";

  template <class InputsType, class... Tasks>
  static constexpr bool fits() {
    static_assert(Experts > 1 && Experts <= 256 && 1 << bits == Experts,
                  "espalier: DselectK's number of experts must be a power of 2, from 2 to 256");
    static_assert(Selected > 0 && Selected <= Experts,
                  "espalier: DselectK selects 1 expert or more, but no more than there are");
    return Experts > 1 && Experts <= 256 && 1 << bits == Experts && Selected > 0 &&
           Selected <= Experts;
  }

  template <class InputsType, class... Tasks, class Builder>
  static constexpr std::array<Block, sizeof...(Tasks)> fold(Builder& b) {
    const Block x = InputsType::fold(b);
    const Block experts = Parallel<Encoder>::template fold<Experts>(b, x, "expert");
    std::array<Block, sizeof...(Tasks)> out{};
    detail::each_task<Tasks...>(b, true, [&](int k) {
      const Block gates = detail::under(b, "gate", [&] { return select(b, x); });
      const detail::Group group{experts, Experts};
      out[static_cast<std::size_t>(k)] = detail::mix_groups(b, &group, 1, gates);
    });
    return out;
  }

 private:
  template <class Builder>
  static constexpr Block select(Builder& b, Block x) {
    Node gate;
    gate.in = x;
    b.align();
    gate.parameters[0] = b.tensor("weight", Selected * (bits + 1), x.rows, Init::small);
    gate.out = b.block(Selected * (bits + 1), x.steps);
    b.template emit<ops::Dense>(gate);
    Node select;
    select.in = gate.out;
    select.groups = Selected;
    select.out = b.block(Experts, x.steps);
    return b.template emit<ops::Select>(select);
  }
};

}  // namespace espalier
