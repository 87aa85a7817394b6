// SPDX-License-Identifier: Apache-2.0
// `MultiTaskModel`: inputs, a way to share and tasks, put together.
#pragma once

#include <array>
#include <string_view>

#include "espalier/core/utf8.hpp"
#include "espalier/describe/sharing.hpp"
#include "espalier/describe/task.hpp"

namespace espalier {

/// Derive from it, so that the compiler's messages and symbols carry your name instead of the whole type:
///
///     struct Model : MultiTaskModel<Inputs<…>, SharedBottom<Mlp<128, 64>>, Click, Buy> {};
template <class InputsType, class Sharing, class... Tasks>
struct MultiTaskModel {
  static_assert(sizeof...(Tasks) > 0, "espalier: a model needs at least one task");
  static_assert(sizeof...(Tasks) <= 64, "espalier: a model takes at most 64 tasks");

  using Operations = JoinUnique<typename InputsType::Operations, typename Sharing::Operations,
                                typename Tasks::Operations...>;
  using TaskList = TypeList<Tasks...>;
  static constexpr int task_count = sizeof...(Tasks);
  static constexpr std::string_view architecture = Sharing::name;
  static constexpr auto fields = InputsType::fields;
  static constexpr std::array<std::string_view, sizeof...(Tasks)> task_names{Tasks::name...};
  static constexpr std::array<LabelInfo, sizeof...(Tasks)> labels{Tasks::label...};

  static constexpr bool task_names_differ = [] {
    for (std::size_t i = 0; i < task_names.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (task_names[i] == task_names[j]) return false;
      }
    }
    return true;
  }();
  static_assert(task_names_differ, "espalier: two tasks have the same name");

  /// A task's name stands in paths of tensors, columns of histories, JSON, messages: any text but one that breaks lines.
  static constexpr bool task_names_are_text = [] {
    for (const std::string_view name : task_names) {
      if (!is_utf8(name)) return false;
      for (const char c : name) {
        if ((c >= 0 && c < ' ') || c == '\x7f') return false;
      }
    }
    return true;
  }();
  static_assert(task_names_are_text,
                "espalier: a task's name has a control character, or is no UTF-8: expected a line of text");

  template <class Builder>
  static constexpr void fold(Builder& b) {
    const auto in = Sharing::template fold<InputsType, Tasks...>(b);
    const auto logits = towers(b, in);
    std::size_t k = 0;
    const auto add = [&](TaskInfo info) {
      info.logits = logits[k];
      info.representation = in[k++];
      b.add_task(info);
    };
    (add(TaskInfo{Tasks::name, Tasks::Loss::name, Tasks::weight, {}, Tasks::Loss::outputs,
                  Tasks::Loss::label, Tasks::Loss::outputs, {}}),
     ...);
  }

 private:
  /// The towers are the model's, unless the way to share puts more between them: `fold_towers<Tasks...>(b, in)`.
  template <class Builder>
  static constexpr auto towers(Builder& b, const std::array<Block, sizeof...(Tasks)>& in) {
    if constexpr (requires { Sharing::template fold_towers<Tasks...>(b, in); }) {
      return Sharing::template fold_towers<Tasks...>(b, in);
    } else {
      return Towers<Tasks...>::fold(b, in);
    }
  }
};

}  // namespace espalier
