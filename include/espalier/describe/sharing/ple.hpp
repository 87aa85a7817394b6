// SPDX-License-Identifier: Apache-2.0
// Cgc and Ple: experts of each task and shared experts, in one level or several.
#pragma once

#include "espalier/describe/sharing/parts.hpp"

namespace espalier {

namespace detail {

/// One level of customised gate control, with `Above` levels above it. h has the input of each
/// task's experts and, last, that of the shared experts; the result has the same layout.
template <int Own, int Shared, class Encoder, int Above, class... Tasks, class Builder,
          std::size_t N>
constexpr std::array<Block, N> fold_cgc_level(Builder& b, const std::array<Block, N>& h) {
  constexpr int tasks = static_cast<int>(sizeof...(Tasks));
  std::array<Group, N> groups{};  // the experts of each task, then the shared ones
  groups[N - 1] = under(b, "shared", [&] {
    return Group{Parallel<Encoder>::template fold<Shared>(b, h[N - 1], "expert"), Shared};
  });
  // Below the last level, a task's experts also serve other tasks, through the shared mixture.
  each_task<Tasks...>(b, Above == 0, [&](int k) {
    const auto at = static_cast<std::size_t>(k);
    groups[at] = {Parallel<Encoder>::template fold<Own>(b, h[at], "expert"), Own};
  });
  std::array<Block, N> out{};
  if constexpr (Above > 0) {
    out[N - 1] = under(b, "shared", [&] {
      return mix_groups(b, groups.data(), tasks + 1, fold_gate(b, h[N - 1], tasks * Own + Shared));
    });
  }
  each_task<Tasks...>(b, Above <= 1, [&](int k) {
    const auto at = static_cast<std::size_t>(k);
    const std::array<Group, 2> both{groups[at], groups[N - 1]};
    out[at] = mix_groups(b, both.data(), 2, fold_gate(b, h[at], Own + Shared));
  });
  return out;
}

template <class... Encoders>
using PleOperations =
    JoinUnique<typename Parallel<Encoders>::Operations..., GateOperations, MixOperations>;

}  // namespace detail

/// Customised gate control (Tang et al., RecSys 2020): `Own` experts per task and `Shared` experts
/// for all; task k reads Σ_i g_k(x)_i · f_i(x) over its own and the shared experts, with
/// g_k(x) = softmax(W_k x).
template <int Own, int Shared, class Encoder>
struct Cgc {
  using Operations = detail::PleOperations<Encoder>;
  static constexpr std::string_view name = "cgc";

  template <class InputsType, class... Tasks>
  static constexpr bool fits() {
    static_assert(Own > 0 && Shared > 0,
                  "espalier: Cgc and Ple need at least one expert of each task and one shared");
    return Own > 0 && Shared > 0;
  }

  template <class InputsType, class... Tasks, class Builder>
  static constexpr std::array<Block, sizeof...(Tasks)> fold(Builder& b) {
    constexpr std::size_t tasks = sizeof...(Tasks);
    std::array<Block, tasks + 1> h{};
    h.fill(InputsType::fold(b));
    h = detail::fold_cgc_level<Own, Shared, Encoder, 0, Tasks...>(b, h);
    std::array<Block, tasks> out{};
    for (std::size_t k = 0; k < tasks; ++k) out[k] = h[k];
    return out;
  }
};

/// Progressive layered extraction (Tang et al., RecSys 2020): one level of customised gate control
/// for each of `Encoders`. In each level, task k's experts read the task's mixture from the level
/// below; the shared experts read a mixture of all experts of the level below.
template <int Own, int Shared, class... Encoders>
struct Ple {
  using Operations = detail::PleOperations<Encoders...>;
  static constexpr std::string_view name = "ple";

  template <class InputsType, class... Tasks>
  static constexpr bool fits() {
    static_assert(Own > 0 && Shared > 0,
                  "espalier: Cgc and Ple need at least one expert of each task and one shared");
    static_assert(sizeof...(Encoders) > 0,
                  "espalier: Ple needs an encoder for each level, one at least");
    return Own > 0 && Shared > 0 && sizeof...(Encoders) > 0;
  }

  template <class InputsType, class... Tasks, class Builder>
  static constexpr std::array<Block, sizeof...(Tasks)> fold(Builder& b) {
    constexpr std::size_t tasks = sizeof...(Tasks);
    std::array<Block, tasks + 1> h{};
    h.fill(InputsType::fold(b));
    levels<TypeList<Tasks...>, Encoders...>(b, h, 0);
    std::array<Block, tasks> out{};
    for (std::size_t k = 0; k < tasks; ++k) out[k] = h[k];
    return out;
  }

 private:
  template <class TaskList, class Encoder, class... Above, class Builder, std::size_t N>
  static constexpr void levels(Builder& b, std::array<Block, N>& h, int level) {
    {
      const auto path = b.scope("level", level);
      h = one<Encoder, static_cast<int>(sizeof...(Above))>(TaskList{}, b, h);
    }
    if constexpr (sizeof...(Above) > 0) levels<TaskList, Above...>(b, h, level + 1);
  }
  template <class Encoder, int Above, class... Tasks, class Builder, std::size_t N>
  static constexpr std::array<Block, N> one(TypeList<Tasks...>, Builder& b,
                                            const std::array<Block, N>& h) {
    return detail::fold_cgc_level<Own, Shared, Encoder, Above, Tasks...>(b, h);
  }
};

}  // namespace espalier
