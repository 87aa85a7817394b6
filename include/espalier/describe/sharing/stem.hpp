// SPDX-License-Identifier: Apache-2.0
// STEM: task-specific embeddings and shared ones. No task trains the embeddings of another task.
#pragma once

#include "espalier/describe/sharing/parts.hpp"

namespace espalier {

/// Shared and task-specific embeddings (Su et al., AAAI 2024). Each task has its own tables, whose
/// lookups are x_k; the lookups of the shared tables are x_s. `Own` experts of task k read x_k,
/// `Shared` experts read x_s. Task k reads all experts,
///
///   Σ_e softmax(W_k (x_k + x_s))_e · f_e,
/// but its gradient flows only to its own experts and the shared ones; those of other tasks are
/// treated as constants.
template <int Own, int Shared, class Encoder>
struct Stem {
  using Operations = JoinUnique<typename Parallel<Encoder>::Operations, detail::GateOperations,
                                detail::MixOperations, TypeList<ops::Add>>;
  static constexpr std::string_view name = "stem";

  template <class InputsType, class... Tasks>
  static constexpr bool fits() {
    static_assert(Own > 0, "espalier: Stem needs at least one expert of each task");
    static_assert(Shared > 0, "espalier: Stem needs at least one shared expert");
    return Own > 0 && Shared > 0;
  }

  template <class InputsType, class... Tasks, class Builder>
  static constexpr std::array<Block, sizeof...(Tasks)> fold(Builder& b) {
    constexpr std::size_t tasks = sizeof...(Tasks);
    std::array<Block, tasks> x{};
    std::array<detail::Group, tasks + 1> experts{};
    const Block common = InputsType::fold(b);
    experts[tasks] = detail::under(b, "shared", [&] {
      return detail::Group{Parallel<Encoder>::template fold<Shared>(b, common, "expert"), Shared};
    });
    detail::each_task<Tasks...>(b, true, [&](int k) {
      const auto at = static_cast<std::size_t>(k);
      x[at] = InputsType::fold(b);
      experts[at] = {Parallel<Encoder>::template fold<Own>(b, x[at], "expert"), Own};
    });
    std::array<Block, tasks> out{};
    detail::each_task<Tasks...>(b, true, [&](int k) {
      const auto at = static_cast<std::size_t>(k);
      std::array<detail::Group, tasks + 1> seen = experts;
      for (std::size_t other = 0; other < tasks; ++other) {
        if (other != at) seen[other].experts = seen[other].experts.stopped();
      }
      const Block both = detail::under(b, "gate", [&] { return detail::add(b, x[at], common); });
      const Block gates = detail::fold_gate(b, both, static_cast<int>(tasks) * Own + Shared);
      out[at] = detail::mix_groups(b, seen.data(), static_cast<int>(tasks) + 1, gates);
    });
    return out;
  }
};

}  // namespace espalier
