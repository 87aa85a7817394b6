// SPDX-License-Identifier: Apache-2.0
// `Task`: what is predicted, with which loss and weight, through which tower.
#pragma once

#include "espalier/core/fixed_string.hpp"
#include "espalier/describe/layers.hpp"

namespace espalier {

/// A task's static weight in the total loss.
struct Weight {
  double value = 1;
};

/// A task's own layers between the shared representation and its head: Tower<64, 32> is two ReLU layers.
/// Any `Layers<…>` serves as a tower too, e.g. Layers<Dense<64, Activation::gelu>, Dropout<Rate{0.1}>>.
template <int... Units>
using Tower = Mlp<Units...>;

/// Reads the labels of a task from a column with another name than the task's.
template <FixedString Column>
struct Label {
  static constexpr std::string_view column = Column.view();
};

namespace detail {
template <FixedString TaskName, class... Options>
struct LabelColumn {
  static_assert(sizeof...(Options) == 0, "espalier: the one option behind a task's tower is Label");
  static constexpr std::string_view value = TaskName.view();
};
template <FixedString TaskName, FixedString Column>
struct LabelColumn<TaskName, Label<Column>> {
  static constexpr std::string_view value = Column.view();
};

template <class T>
inline constexpr bool is_layers = false;
template <class... Ls>
inline constexpr bool is_layers<Layers<Ls...>> = true;

template <class List, class L>
struct Append;
template <class... Ls, class L>
struct Append<Layers<Ls...>, L> {
  using type = Layers<Ls..., L>;
};
}  // namespace detail

/// One task. `Loss` is a struct of losses/ or your own (docs/adding-a-loss.md); its head has `Loss::outputs` values.
template <FixedString TaskName, class LossType, Weight W = Weight{1.0}, class TowerLayers = Tower<>,
          class... Options>
struct Task {
  static_assert(!TaskName.view().empty(), "espalier: a task needs a name");
  static_assert(W.value >= 0, "espalier: a task's weight must not be negative");
  static_assert(LossType::outputs > 0, "espalier: a task's loss must have at least one output");
  static_assert(detail::is_layers<TowerLayers>,
                "espalier: a task's tower, its fourth argument, is Tower or Layers");

  using Loss = LossType;
  using TowerType = TowerLayers;
  using Operations = JoinUnique<typename TowerLayers::Operations, TypeList<ops::Dense>>;
  static constexpr std::string_view name = TaskName.view();
  static constexpr double weight = W.value;
  static constexpr std::string_view column = detail::LabelColumn<TaskName, Options...>::value;

  /// The tower's layers and then the head.
  using Chain = typename detail::Append<TowerLayers,
                                        espalier::Dense<LossType::outputs, Activation::identity>>::type;
};

}  // namespace espalier
