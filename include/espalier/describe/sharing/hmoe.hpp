// SPDX-License-Identifier: Apache-2.0
// Hmoe: tasks of the same kind, such as one label in several domains, that mix their logits.
#pragma once

#include "espalier/describe/sharing/chain.hpp"

namespace espalier {

/// Hierarchical mixture of experts in the label space (Li et al. 2020) above any sharing
/// architecture. For the named tasks, for example the same label in several domains, with z_k the
/// towers' logits and r_k the block that tower k reads:
///
///   ŷ_k = σ(Σ_j softmax(W_k r_k)_j · z_j),
/// Task k's loss trains its own tower and W_k; the other towers' z_j are treated as constants.
template <class Sharing, FixedString... Alike>
struct Hmoe {
  using Below = typename detail::SharingBelow<Sharing>::type;
  using Names = detail::NameList<Alike...>;
  using Operations =
      JoinUnique<typename Below::Operations, detail::GateOperations, detail::MixOperations>;
  static constexpr std::string_view name = "hmoe";
  static constexpr bool brings_towers = true;

  template <class InputsType, class... Tasks>
  static constexpr bool fits() {
    static_assert(sizeof...(Alike) >= 2,
                  "espalier: Hmoe names the tasks that are alike, two at least");
    static_assert(Names::differ, "espalier: Hmoe names a task twice");
    constexpr bool sound = sizeof...(Alike) >= 2 && Names::differ;
    constexpr bool known = Names::template are_tasks<Tasks...>;
    constexpr bool binary = detail::chain_is_binary<Names, Tasks...>;
    static_assert(known, "espalier: Hmoe names a task that the model does not have");
    static_assert(binary,
                  "espalier: the tasks of Hmoe are probabilities: tasks with BinaryCrossEntropy");
    return sound && known && binary && detail::fits<Below, InputsType, Tasks...>();
  }

  template <class InputsType, class... Tasks, class Builder>
  static constexpr std::array<Block, sizeof...(Tasks)> fold(Builder& b) {
    return Below::template fold<InputsType, Tasks...>(b);
  }

  template <class... Tasks, class Builder>
  static constexpr std::array<Block, sizeof...(Tasks)> fold_towers(
      Builder& b, const std::array<Block, sizeof...(Tasks)>& in) {
    const std::array<Block, sizeof...(Tasks)> logits = Towers<Tasks...>::fold(b, in);
    std::array<Block, sizeof...(Tasks)> out = logits;
    constexpr std::array<int, sizeof...(Alike)> tasks{
        detail::task_number<Tasks...>(Alike.view())...};
    constexpr std::array<std::string_view, sizeof...(Tasks)> names{Tasks::name...};
    for (const int k : tasks) {
      const auto at = static_cast<std::size_t>(k);
      std::array<detail::Group, sizeof...(Alike)> groups{};
      for (std::size_t j = 0; j < tasks.size(); ++j) {
        const Block z = logits[static_cast<std::size_t>(tasks[j])];
        groups[j] = {tasks[j] == k ? z : z.stopped(), 1};
      }
      const auto path = b.scope(names[at]);
      const auto inner = b.scope("others");
      const auto owner = b.owned_by(k);
      out[at] = detail::mix_groups(b, groups.data(), static_cast<int>(groups.size()),
                                   detail::fold_gate(b, in[at], static_cast<int>(groups.size())));
    }
    return out;
  }
};

}  // namespace espalier
