// SPDX-License-Identifier: Apache-2.0
// Branches: groups of tasks, each with its own layers above a shared trunk.
#pragma once

#include "espalier/describe/sharing/names.hpp"
#include "espalier/describe/sharing/parts.hpp"

namespace espalier {

/// An `Encoder` above the trunk, for the named tasks.
template <class Encoder, FixedString... Tasks>
struct Branch {
  using Layers = EncoderOf<Encoder>;
  using Names = detail::NameList<Tasks...>;
};

/// One trunk for all tasks (`Trunk`, layers), with branches above it: Branches<Mlp<64>,
/// Branch<Mlp<32>, "click", "buy">, Branch<Mlp<16>, "content">>. A task that no branch names reads
/// the trunk.
template <class Trunk, class... Bs>
struct Branches {
  using Operations =
      JoinUnique<typename EncoderOf<Trunk>::Operations, typename Bs::Layers::Operations...>;
  static constexpr std::string_view name = "branches";

  template <class InputsType, class... Tasks>
  static constexpr bool fits() {
    static_assert(sizeof...(Bs) > 0, "espalier: Branches needs at least one Branch");
    constexpr bool named = ((Bs::Names::count > 0) && ...);
    static_assert(named, "espalier: a Branch names the tasks that read it");
    constexpr bool known = (Bs::Names::template are_tasks<Tasks...> && ...);
    constexpr bool once = ((branches_of(Tasks::name) <= 1) && ...);
    static_assert(known, "espalier: a Branch names a task that the model does not have");
    static_assert(once, "espalier: a task is named by two branches");
    return sizeof...(Bs) > 0 && named && known && once;
  }

  template <class InputsType, class... Tasks, class Builder>
  static constexpr std::array<Block, sizeof...(Tasks)> fold(Builder& b) {
    const Block x = InputsType::fold(b);
    const Block trunk = detail::under(b, "shared", [&] { return EncoderOf<Trunk>::fold(b, x); });
    std::array<Block, sizeof...(Tasks)> out{};
    out.fill(trunk);
    int branch = 0;
    ((one<Bs, Tasks...>(b, trunk, branch++, out)), ...);
    return out;
  }

 private:
  static constexpr int branches_of(std::string_view task) {
    return (0 + ... + (Bs::Names::place(task) >= 0 ? 1 : 0));
  }

  template <class B, class... Tasks, class Builder>
  static constexpr void one(Builder& b, Block trunk, int branch,
                            std::array<Block, sizeof...(Tasks)>& out) {
    constexpr std::array<std::string_view, sizeof...(Tasks)> names{Tasks::name...};
    int only = shared_by_tasks;
    for (std::size_t k = 0; k < names.size() && B::Names::count == 1; ++k) {
      if (B::Names::place(names[k]) >= 0) only = static_cast<int>(k);
    }
    const auto path = b.scope("branch", branch);
    const auto owner = b.owned_by(only);
    const Block h = B::Layers::fold(b, trunk);
    for (std::size_t k = 0; k < names.size(); ++k) {
      if (B::Names::place(names[k]) >= 0) out[k] = h;
    }
  }
};

}  // namespace espalier
