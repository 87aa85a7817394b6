// SPDX-License-Identifier: Apache-2.0
// Common parts of architectures for chains of tasks: the sharing below, and towers without heads.
#pragma once

#include <array>
#include <string_view>
#include <tuple>
#include <type_traits>

#include "espalier/describe/sharing.hpp"
#include "espalier/describe/sharing/names.hpp"
#include "espalier/describe/sharing/parts.hpp"

namespace espalier::detail {

struct TowersAbove {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(
        Holds, "espalier: what stands below another way to share must not bring towers of its own");
  }
};

/// The sharing architecture below another one: any architecture without its own towers, or layers,
/// which mean SharedBottom<layers>.
template <class Sharing>
struct SharingBelow {
  static constexpr bool brings_towers = requires { requires Sharing::brings_towers; };
  using type = std::conditional_t<brings_towers, NoSharing<TowersAbove>, SharingOrNone<Sharing>>;
};
template <IsLayer Encoder>
struct SharingBelow<Encoder> {
  using type = SharedBottom<Encoder>;
};

/// Calls f.template operator()<Task>(k) for each task.
template <class... Tasks, class F>
constexpr void with_each(F f) {
  int task = 0;
  ((f.template operator()<Tasks>(task), ++task), ...);
}

/// Folds the layers of a task's tower, without the head.
template <class Task, class Builder>
constexpr Block fold_tower(Builder& b, Block in, int task) {
  return Towers<Task>::template one<Task, typename Task::TowerType>(b, in, task, 0);
}

/// Folds the head alone.
template <class Task, class Builder>
constexpr Block fold_head(Builder& b, Block in, int task) {
  using Head = Layers<typename Task::Head>;
  return Towers<Task>::template one<Task, Head>(b, in, task, Task::TowerType::count);
}

/// True if all tasks in `Names` predict the probability of one event, from one logit.
template <class Names, class... Tasks>
inline constexpr bool chain_is_binary = ((Names::place(Tasks::name) < 0 ||
                                          (Tasks::Loss::label == LabelKind::binary &&
                                           Tasks::Loss::outputs == 1)) &&
                                         ...);

}  // namespace espalier::detail
