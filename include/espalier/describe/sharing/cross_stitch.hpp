// SPDX-License-Identifier: Apache-2.0
// Cross-stitch: one network per task, with learnt linear combinations between their blocks.
#pragma once

#include "espalier/describe/sharing/parts.hpp"

namespace espalier {

/// Cross-stitch networks (Misra et al., CVPR 2016): each task has its own network. After each
/// block, one of `Encoders`, task k continues with Σ_l A_kl h_l. A is learnt, tasks × tasks for
/// each block; it starts with 0.9 on the diagonal and 0.1 spread over the rest of each row. Every
/// network serves every task: all parameters are shared.
template <class... Encoders>
struct CrossStitch {
  using Operations = JoinUnique<typename Parallel<Encoders>::Operations..., TypeList<ops::Stitch>>;
  static constexpr std::string_view name = "cross_stitch";

  template <class InputsType, class... Tasks>
  static constexpr bool fits() {
    static_assert(sizeof...(Encoders) > 0,
                  "espalier: CrossStitch needs at least one block of layers");
    return sizeof...(Encoders) > 0;
  }

  template <class InputsType, class... Tasks, class Builder>
  static constexpr std::array<Block, sizeof...(Tasks)> fold(Builder& b) {
    constexpr int tasks = static_cast<int>(sizeof...(Tasks));
    Block h = InputsType::fold(b);
    int block = 0;
    ((h = one<Encoders, tasks>(b, h, block), ++block), ...);
    std::array<Block, sizeof...(Tasks)> out{};
    for (int k = 0; k < tasks; ++k) {
      out[static_cast<std::size_t>(k)] = h.slice(k * (h.rows / tasks), h.rows / tasks);
    }
    return out;
  }

 private:
  template <class Encoder, int Tasks, class Builder>
  static constexpr Block one(Builder& b, Block in, int block) {
    const auto path = b.scope("block", block);
    Node node;
    node.in = Parallel<Encoder>::template fold<Tasks>(b, in, "network", block == 0);
    node.groups = Tasks;
    const auto inner = b.scope("stitch");
    b.align();
    node.parameters[0] = b.tensor("weight", Tasks, Tasks, Init::stitch);
    node.out = b.block(node.in.rows, node.in.steps);
    b.template emit<ops::Stitch>(node);
    return node.out;
  }
};

}  // namespace espalier
