// SPDX-License-Identifier: Apache-2.0
// Checks that each argument of `MultiTaskModel` is of the expected kind; a static_assert reports
// the first wrong one.
#pragma once

#include <cstddef>
#include <string_view>

#include "espalier/core/utf8.hpp"
#include "espalier/describe/stand_ins.hpp"

namespace espalier::detail {

/// Returns Part::task if all are tasks, Part::nothing if there are none, else the kind of the first
/// that is not a task.
template <class... Tasks>
constexpr Part part_of_tasks() {
  Part found = sizeof...(Tasks) == 0 ? Part::nothing : Part::task;
  ((found = found == Part::task ? part_of<Tasks>() : found), ...);
  return found;
}

/// Asserts at most one message: that of the first wrong argument.
template <Part First, Part Second, Part Third>
constexpr bool check_places() {
  constexpr bool swapped = First == Part::sharing && Second == Part::inputs;
  constexpr bool first = First == Part::inputs, second = first && Second == Part::sharing;
  static_assert(!swapped,
                "espalier: inputs and sharing are swapped: MultiTaskModel<Inputs<...>, "
                "SharedBottom<...>, Click, Buy>");
  static_assert(First != Part::field,
                "espalier: input fields stand in Inputs, the first argument of MultiTaskModel: "
                "Inputs<Numeric<\"age\">, Categorical<\"user\", 16>>");
  static_assert(first || swapped || First == Part::field,
                "espalier: the first argument of MultiTaskModel is Inputs<...>");
  static_assert(!first || Second != Part::layers,
                "espalier: layers stand in a way to share, the second argument of MultiTaskModel: "
                "SharedBottom<Mlp<64, 32>>");
  static_assert(!first || Second != Part::task,
                "espalier: the second argument of MultiTaskModel is a way to share, "
                "SharedBottom<Mlp<64, 32>>; tasks follow it");
  static_assert(!first || second || Second == Part::layers || Second == Part::task,
                "espalier: the second argument of MultiTaskModel is a way to share: "
                "SharedBottom<Mlp<64, 32>>, Mmoe<...>, "
                "or a struct of yours with name, Operations and fold");
  static_assert(!second || Third != Part::nothing, "espalier: a model needs at least one task");
  static_assert(!second || Third != Part::loss,
                "espalier: a loss stands in a task: Task<\"click\", BinaryCrossEntropy>");
  static_assert(!second || Third == Part::task || Third == Part::nothing || Third == Part::loss,
                "espalier: from the third argument on MultiTaskModel takes tasks: Task<\"click\", "
                "BinaryCrossEntropy>");
  return second && Third == Part::task;
}

struct Nothing {};

template <class... Tasks>
constexpr bool task_names_differ() {
  constexpr std::string_view names[] = {Tasks::name..., ""};
  for (std::size_t i = 0; i < sizeof...(Tasks); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (names[i] == names[j]) return false;
    }
  }
  return true;
}

/// A task's name is part of tensor paths, history columns, JSON and messages: any UTF-8 text
/// without control characters.
template <class... Tasks>
constexpr bool task_names_are_text() {
  constexpr std::string_view names[] = {Tasks::name..., ""};
  for (const std::string_view name : names) {
    if (!is_utf8(name)) return false;
    for (const char c : name) {
      if ((c >= 0 && c < ' ') || c == '\x7f') return false;
    }
  }
  return true;
}

template <class T>
constexpr void instantiate(T*) {}

template <class InputsType, class Sharing, class... Tasks>
constexpr bool check_arrangement() {
  // Called by argument-dependent lookup, which makes the compiler instantiate each part: errors in
  // it are reported here, not deep inside a concept.
  instantiate(static_cast<InputsType*>(nullptr));
  instantiate(static_cast<Sharing*>(nullptr));
  (instantiate(static_cast<Tasks*>(nullptr)), ...);
  if constexpr (IsRefused<InputsType> || IsRefused<Sharing> || (IsRefused<Tasks> || ...)) {
    return false;
  } else if constexpr (check_places<part_of<InputsType>(), part_of<Sharing>(),
                                    part_of_tasks<Tasks...>()>()) {
    static_assert(sizeof...(Tasks) <= 64, "espalier: a model takes at most 64 tasks");
    static_assert(task_names_differ<Tasks...>(), "espalier: two tasks have the same name");
    static_assert(
        task_names_are_text<Tasks...>(),
        "espalier: a task's name has a control character, or is no UTF-8: expected a line of text");
    constexpr bool folds = IsSharing<Sharing, InputsType, Tasks...>;
    static_assert(
        folds,
        "espalier: a way to share needs template <class InputsType, class... Tasks, class Builder> "
        "static constexpr std::array<Block, sizeof...(Tasks)> fold(Builder&)");
    constexpr bool sound = sizeof...(Tasks) <= 64 && task_names_differ<Tasks...>() &&
                           task_names_are_text<Tasks...>() && folds;
    // Not detail::fits: the compiler's message is one line shorter.
    if constexpr (requires { Sharing::template fits<InputsType, Tasks...>(); }) {
      return sound && Sharing::template fits<InputsType, Tasks...>();
    } else {
      return sound;
    }
  } else {
    return false;
  }
}

}  // namespace espalier::detail
