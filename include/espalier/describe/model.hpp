// SPDX-License-Identifier: Apache-2.0
// `MultiTaskModel`: combines inputs, a sharing architecture and tasks.
#pragma once

#include <array>
#include <string_view>
#include <type_traits>

#include "espalier/describe/arrangement.hpp"
#include "espalier/describe/sharing.hpp"
#include "espalier/describe/task.hpp"

namespace espalier {

namespace detail {

template <class InputsType, class Sharing, class... Tasks>
struct Arranged {
  using Operations =
      JoinUnique<typename InputsType::Operations, typename Sharing::Operations,
                 typename Tasks::Operations..., TypeList<LossIsLoss, TowerInput, TaskLogits>>;
  using TaskList = TypeList<Tasks...>;
  static constexpr int task_count = sizeof...(Tasks);
  static constexpr std::string_view architecture = Sharing::name;
  static constexpr auto fields = InputsType::fields;
  static constexpr std::array<std::string_view, sizeof...(Tasks)> task_names{Tasks::name...};
  static constexpr std::array<LabelInfo, sizeof...(Tasks)> labels{Tasks::label...};

  static constexpr bool has_items = ((Tasks::label.kind == LabelKind::item) || ...);

  template <class Builder>
  static constexpr void fold(Builder& b) {
    const auto in = Sharing::template fold<InputsType, Tasks...>(b);
    const auto logits = towers(b, in);
    std::size_t k = 0;
    const auto add = [&](TaskInfo info, bool has_loss) {
      const auto path = b.scope(info.name);
      b.template require<LossIsLoss>(has_loss);
      b.template require<TowerInput>(in[k].exists());
      b.template require<TaskLogits>(logits[k].is(info.outputs, 1));
      info.logits = info.output = logits[k];
      if constexpr (has_items) {
        if (info.label == LabelKind::item) set_item_task(b, info, static_cast<int>(k));
      }
      info.representation = in[k++];
      b.add_task(info);
    };
    (add(TaskInfo{Tasks::name,
                  Tasks::Loss::name,
                  Tasks::weight,
                  {},
                  Tasks::Loss::outputs,
                  Tasks::Loss::label,
                  Tasks::Loss::outputs,
                  {},
                  {}},
         !std::is_same_v<typename Tasks::Loss, NoLoss>),
     ...);
  }

 private:
  /// Gives the operation that computes a task's loss its labels; its input is the prediction.
  template <class Builder>
  static constexpr void set_item_task(Builder& b, TaskInfo& info, int task) {
    bool is_field = false;
    for (const FieldInfo& f : fields)
      is_field = is_field || (f.kind == FieldKind::categorical &&
                              f.table == labels[static_cast<std::size_t>(task)].table);
    b.template require<ItemTable>(is_field);
    bool found = b.nodes.size() == 0;  // the first pass knows no nodes
    for (Node& node : b.nodes) {
      if (!node.scores_rows || node.out.base != info.logits.base) continue;
      node.loss = task;
      info.output = node.in;
      info.outputs = node.in.rows;
      found = true;
    }
    b.template require<ItemHeadLast>(found);
  }

  /// Folds the towers and heads, by the sharing architecture's own `fold_towers<Tasks...>(b, in)`
  /// if it has one.
  template <class Builder>
  static constexpr auto towers(Builder& b, const std::array<Block, sizeof...(Tasks)>& in) {
    if constexpr (requires { Sharing::template fold_towers<Tasks...>(b, in); }) {
      return Sharing::template fold_towers<Tasks...>(b, in);
    } else {
      return Towers<Tasks...>::fold(b, in);
    }
  }
};

}  // namespace detail

/// Derive from it, so that compiler messages and symbols show the name of your struct instead of
/// the whole type:
///
///     struct Model : MultiTaskModel<Inputs<…>, SharedBottom<Mlp<128, 64>>, Click, Buy> {};
template <class InputsType, class Sharing = detail::Nothing, class... Tasks>
struct MultiTaskModel
    : std::conditional_t<detail::check_arrangement<InputsType, Sharing, Tasks...>(),
                         detail::Arranged<InputsType, Sharing, Tasks...>, detail::NoModel> {};

}  // namespace espalier
