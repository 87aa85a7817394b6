// SPDX-License-Identifier: Apache-2.0
// AdaTT: levels in which each task fuses the experts of all tasks, and its own once more.
#pragma once

#include "espalier/describe/sharing/parts.hpp"

namespace espalier {

/// Adaptive task-to-task fusion (Li et al., KDD 2023). Each level has `Own` experts per task and
/// `Shared` shared ones, each with the level's encoder from `Encoders`. Unit u, a task or the
/// shared unit, computes
///
///   h_u ← Σ_{all experts e} softmax(W_u h_u)_e · f_e + Σ_{u's own experts i} v_ui · f_ui
/// and its experts of the next level read h_u. v is learnt and starts as a mean; with one expert it
/// is fixed at 1. The last level has no shared unit, only shared experts. Shared = 0 is the paper's
/// AdaTT-sp.
template <int Own, int Shared, class... Encoders>
struct AdaTT {
  using Operations = JoinUnique<typename Parallel<Encoders>::Operations..., detail::GateOperations,
                                detail::MixOperations, TypeList<ops::Add, ops::Stitch>>;
  static constexpr std::string_view name = "adatt";

  template <class InputsType, class... Tasks>
  static constexpr bool fits() {
    static_assert(Own > 0, "espalier: AdaTT needs at least one expert of each task");
    static_assert(Shared >= 0, "espalier: AdaTT's number of shared experts must not be negative");
    static_assert(sizeof...(Encoders) > 0,
                  "espalier: AdaTT needs an encoder for each level, one at least");
    return Own > 0 && Shared >= 0 && sizeof...(Encoders) > 0;
  }

  template <class InputsType, class... Tasks, class Builder>
  static constexpr std::array<Block, sizeof...(Tasks)> fold(Builder& b) {
    constexpr std::size_t tasks = sizeof...(Tasks);
    std::array<Block, tasks + 1> h{};
    h.fill(InputsType::fold(b));
    std::size_t level = 0;
    ((h = one<Encoders, Tasks...>(b, h, level), ++level), ...);
    std::array<Block, tasks> out{};
    for (std::size_t k = 0; k < tasks; ++k) out[k] = h[k];
    return out;
  }

 private:
  template <class Encoder, class... Tasks, class Builder, std::size_t N>
  static constexpr std::array<Block, N> one(Builder& b, const std::array<Block, N>& h,
                                            std::size_t level) {
    const bool last = level + 1 == sizeof...(Encoders);
    const auto path = b.scope("level", static_cast<int>(level));
    std::array<detail::Group, N> groups{};
    if constexpr (Shared > 0) {
      groups[N - 1] = detail::under(b, "shared", [&] {
        return detail::Group{Parallel<Encoder>::template fold<Shared>(b, h[N - 1], "expert"),
                             Shared};
      });
    }
    detail::each_task<Tasks...>(b, false, [&](int k) {
      const auto at = static_cast<std::size_t>(k);
      groups[at] = {Parallel<Encoder>::template fold<Own>(b, h[at], "expert"), Own};
    });
    std::array<Block, N> out{};
    if (Shared > 0 && !last) {
      out[N - 1] =
          detail::under(b, "shared", [&] { return fuse(b, groups, groups[N - 1], h[N - 1]); });
    }
    detail::each_task<Tasks...>(b, last, [&](int k) {
      const auto at = static_cast<std::size_t>(k);
      out[at] = fuse(b, groups, groups[at], h[at]);
    });
    return out;
  }

  template <class Builder, std::size_t N>
  static constexpr Block fuse(Builder& b, const std::array<detail::Group, N>& groups,
                              const detail::Group& own, Block h) {
    constexpr int count = static_cast<int>(N);
    const Block all = detail::mix_groups(b, groups.data(), count,
                                         detail::fold_gate(b, h, (count - 1) * Own + Shared));
    const auto path = b.scope("own");
    Block native = own.experts;
    if (own.count > 1) {
      Node node;
      node.in = own.experts;
      node.groups = own.count;
      b.align();
      node.parameters[0] = b.tensor("weight", 1, own.count, Init::mean);
      node.out = b.block(own.experts.rows / own.count, own.experts.steps);
      native = b.template emit<ops::Stitch>(node);
    }
    const Block sum = detail::add(b, all, native);
    return sum;
  }
};

}  // namespace espalier
