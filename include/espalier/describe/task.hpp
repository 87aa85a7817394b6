// SPDX-License-Identifier: Apache-2.0
// `Task`: what is predicted, with which loss and weight, through which tower.
#pragma once

#include <concepts>
#include <type_traits>

#include "espalier/core/fixed_string.hpp"
#include "espalier/describe/label.hpp"
#include "espalier/describe/layers.hpp"

namespace espalier {

/// An option of Task: its fixed weight in the total loss. 0: the task is evaluated, not learnt.
struct Weight {
  double value = 1;
};

/// An option of Task: its own layers between the shared representation and its head. Tower<64, 32>
/// is two ReLU layers. Any Layers are accepted:
/// Layers<Dense<64, Activation::gelu>, Dropout<Rate{0.1}>>{}.
template <int... Units>
inline constexpr Mlp<Units...> Tower{};

namespace detail {

template <class T>
inline constexpr bool is_layers = false;
template <class... Ls>
inline constexpr bool is_layers<Layers<Ls...>> = true;

template <class T>
inline constexpr bool is_weight = std::same_as<T, Weight>;
template <class T>
inline constexpr bool is_label = requires {
  requires T::is_label;
};

template <class List, class L>
struct Append;
template <class... Ls, class L>
struct Append<Layers<Ls...>, L> {
  using type = Layers<Ls..., L>;
};

/// Sorts a task's options by type. The first three arguments are the defaults.
template <Weight W, class TowerLayers, class LabelFrom, auto... Options>
struct TaskOptions {
  static constexpr Weight weight = W;
  using Tower = TowerLayers;
  using Label = LabelFrom;
};
template <Weight W, class TowerLayers, class LabelFrom, auto First, auto... Rest>
struct TaskOptions<W, TowerLayers, LabelFrom, First, Rest...> {
  using Type = std::remove_cvref_t<decltype(First)>;
  static constexpr Weight weight_of() {
    if constexpr (is_weight<Type>) {
      return First;
    } else {
      return W;
    }
  }
  using Next = TaskOptions<weight_of(), std::conditional_t<is_layers<Type>, Type, TowerLayers>,
                           std::conditional_t<is_label<Type>, Type, LabelFrom>, Rest...>;
  static constexpr Weight weight = Next::weight;
  using Tower = typename Next::Tower;
  using Label = typename Next::Label;
};

/// What ends a task's tower: Loss::Head, or a Dense with a value for each output of the loss.
template <class L>
struct HeadOf {
  using type = espalier::Dense<L::outputs, Activation::identity>;
};
template <class L>
requires requires { typename L::Head; }
struct HeadOf<L> {
  using type = typename L::Head;
};

/// True for a loss whose labels may be shifted and scaled: see losses/loss.hpp.
template <class L>
inline constexpr bool scales_labels = requires {
  requires L::scales_labels;
};

}  // namespace detail

/// One task. The loss is a struct of losses/ or your own (docs/adding-a-loss.md); the head has
/// `Loss::outputs` values. Options follow the loss in any order: Weight{0.5}, Tower<64>,
/// Label<"column">.
///
/// Losses of numbers that scale their labels (`scales_labels`) get them standardised unless the
/// Label gives transforms: the loss is computed on (y − mean) / deviation, so that its weight has
/// the same meaning in any unit. Predictions and metrics are in the label's unit.
template <FixedString TaskName, class LossType, auto... Options>
struct Task {
  template <class T>
  using Plain = std::remove_cvref_t<T>;
  static_assert(!TaskName.view().empty(), "espalier: a task needs a name");
  static_assert(((detail::is_weight<Plain<decltype(Options)>> ||
                  detail::is_layers<Plain<decltype(Options)>> ||
                  detail::is_label<Plain<decltype(Options)>>)&&...),
                "espalier: behind a task's loss stand Weight{...}, Tower<...> (or Layers<...>{}) "
                "and Label<...>, in any order");
  static_assert((detail::is_weight<Plain<decltype(Options)>> + ... + 0) <= 1,
                "espalier: a task has one Weight");
  static_assert((detail::is_layers<Plain<decltype(Options)>> + ... + 0) <= 1,
                "espalier: a task has one Tower");
  static_assert((detail::is_label<Plain<decltype(Options)>> + ... + 0) <= 1,
                "espalier: a task has one Label");

  using Loss = detail::LossOrNone<LossType>;
  using Sorted = detail::TaskOptions<Weight{}, Layers<>, detail::LabelOption<TaskName>, Options...>;
  using TowerType = typename Sorted::Tower;
  using Operations =
      JoinUnique<typename TowerType::Operations, typename detail::HeadOf<Loss>::type::Operations>;
  static constexpr std::string_view name = TaskName.view();
  static constexpr double weight = Sorted::weight.value;
  static_assert(weight >= 0, "espalier: a task's weight must not be negative");

  static_assert(Sorted::Label::knows_rules,
                "espalier: behind a Label's column stand Equals, OneOf, AtLeast, ByName, "
                "Standardize, Log1p or AsIs");
  static_assert(!Sorted::Label::knows_rules || Sorted::Label::has_one_rule,
                "espalier: a Label has one of Equals, OneOf, AtLeast and ByName, or transforms of "
                "numbers: AsIs, Standardize, "
                "Log1p, or Log1p and then Standardize");

  static constexpr LabelInfo label = [] {
    LabelInfo l;
    l.name = name;
    l.kind = Loss::label;
    l.classes = Loss::outputs;
    if constexpr (requires { Loss::table; }) {
      l.table = Loss::table;
      l.new_items = Loss::new_items;
    }
    Sorted::Label::apply(l);
    if (detail::scales_labels<Loss> && !Sorted::Label::transforms) l.standardize = true;
    return l;
  }();
  static_assert(label.kind == LabelKind::binary ||
                    (label.rule != LabelRule::one_of && label.rule != LabelRule::at_least),
                "espalier: Equals, OneOf and AtLeast make labels of 0 and 1, for losses such as "
                "BinaryCrossEntropy");
  static_assert(
      label.kind == LabelKind::classes || label.rule != LabelRule::by_name,
      "espalier: ByName is for labels that are classes, for losses such as SoftmaxCrossEntropy");
  static_assert(label.kind == LabelKind::real || !detail::scales_labels<Loss>,
                "espalier: a loss that scales its labels takes real numbers: counts and classes "
                "are as they are");
  static_assert(detail::scales_labels<Loss> || (!label.standardize && !label.log1p),
                "espalier: this loss takes labels as they are: Standardize and Log1p are for "
                "losses of numbers that scale their labels, such as MeanSquaredError");

  using Head = typename detail::HeadOf<Loss>::type;
  /// The tower's layers, followed by the head.
  using Chain = typename detail::Append<TowerType, Head>::type;
};

}  // namespace espalier
