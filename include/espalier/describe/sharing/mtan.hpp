// SPDX-License-Identifier: Apache-2.0
// Mtan: a shared trunk, and for each task attention masks that select from its features.
#pragma once

#include "espalier/describe/sharing/parts.hpp"

namespace espalier {

/// Multi-task attention network (Liu, Johns & Davison, CVPR 2019) with dense layers. The blocks of
/// the trunk, `Encoders`, compute h^1, h^2, …; task k masks each of them,
///
///   a^l = σ(V relu(U [h^l, a^{l−1}] + u) + v) ∘ h^l
/// where a^1 reads h^1 alone, and U has as many outputs as h^l has values. The task's tower reads
/// the last a^l. Masks belong to their task; the trunk is shared by all.
template <class... Encoders>
struct Mtan {
  using Operations = JoinUnique<typename EncoderOf<Encoders>::Operations...,
                                TypeList<ops::Dense, ops::Copy, ops::Multiply>>;
  static constexpr std::string_view name = "mtan";

  template <class InputsType, class... Tasks>
  static constexpr bool fits() {
    static_assert(sizeof...(Encoders) > 0, "espalier: Mtan needs at least one block of layers");
    return sizeof...(Encoders) > 0;
  }

  template <class InputsType, class... Tasks, class Builder>
  static constexpr std::array<Block, sizeof...(Tasks)> fold(Builder& b) {
    constexpr int count = static_cast<int>(sizeof...(Encoders));
    std::array<Block, sizeof...(Encoders)> trunk{};
    Block h = InputsType::fold(b);
    int block = 0;
    ((trunk[static_cast<std::size_t>(block)] = h = one<Encoders>(b, h, block), ++block), ...);
    std::array<Block, sizeof...(Tasks)> out{};
    detail::each_task<Tasks...>(b, true, [&](int k) {
      Block& seen = out[static_cast<std::size_t>(k)];
      for (int l = 0; l < count; ++l) {
        const Block shared = trunk[static_cast<std::size_t>(l)];
        const auto path = b.scope("attention", l);
        const Block in = l == 0 ? shared : detail::concatenate(b, {shared, seen});
        const Block hidden = detail::dense(b, in, shared.rows, Activation::relu, 0);
        const Block mask = detail::dense(b, hidden, shared.rows, Activation::sigmoid, 1);
        seen = detail::multiply(b, mask, shared);
      }
    });
    return out;
  }

 private:
  template <class Encoder, class Builder>
  static constexpr Block one(Builder& b, Block in, int block) {
    const auto path = b.scope("block", block);
    const Block out = EncoderOf<Encoder>::fold(b, in);
    return out;
  }
};

}  // namespace espalier
