// SPDX-License-Identifier: Apache-2.0
// SubNetworkRouting: learns which sub-network feeds which, with gates that can close permanently.
#pragma once

#include "espalier/describe/sharing/parts.hpp"

namespace espalier {

/// Sub-network routing (Ma et al., AAAI 2019), the averaging form SNR-Aver: each level has `Count`
/// sub-networks of one of `Encoders`. Sub-network j of a level, and finally task k, reads
/// Σ_i z_ji · u_i over the level below. The z are hard concrete gates (Louizos et al. 2018): in
/// training, random numbers in [0, 1], often exactly 0 or 1, whose log α_ji is learnt; in
/// inference, their deterministic middle, so that a route may be permanently closed (formula at
/// ops::Route). Not implemented: the penalty on open routes; gates learn from task losses alone.
template <int Count, class... Encoders>
struct SubNetworkRouting {
  using Operations = JoinUnique<typename Parallel<Encoders>::Operations..., TypeList<ops::Route>>;
  static constexpr std::string_view name = "sub_network_routing";

  template <class InputsType, class... Tasks>
  static constexpr bool fits() {
    static_assert(Count > 0 && Count <= 64,
                  "espalier: SubNetworkRouting takes 1 to 64 sub-networks a level");
    static_assert(sizeof...(Encoders) > 0,
                  "espalier: SubNetworkRouting needs an encoder for each level, one at least");
    return Count > 0 && Count <= 64 && sizeof...(Encoders) > 0;
  }

  template <class InputsType, class... Tasks, class Builder>
  static constexpr std::array<Block, sizeof...(Tasks)> fold(Builder& b) {
    Block h = InputsType::fold(b);
    int level = 0;
    ((h = one<Encoders>(b, h, level), ++level), ...);
    std::array<Block, sizeof...(Tasks)> out{};
    detail::each_task<Tasks...>(b, true,
                                [&](int k) { out[static_cast<std::size_t>(k)] = route(b, h, 1); });
    return out;
  }

 private:
  template <class Encoder, class Builder>
  static constexpr Block one(Builder& b, Block in, int level) {
    const auto path = b.scope("level", level);
    if (level > 0) in = route(b, in, Count);
    const Block out = Parallel<Encoder>::template fold<Count>(b, in, "network", level == 0);
    return out;
  }

  template <class Builder>
  static constexpr Block route(Builder& b, Block in, int outputs) {
    const auto path = b.scope("route");
    Node node;
    node.in = in;
    node.groups = Count;
    b.align();
    node.parameters[0] = b.tensor("log_alpha", outputs, Count, Init::zeros);
    node.out = b.block(in.rows / Count * outputs, in.steps);
    b.template emit<ops::Route>(node);
    return node.out;
  }
};

}  // namespace espalier
