// SPDX-License-Identifier: Apache-2.0
// Escm2: the conversion rate given a click, learnt without the selection bias of clicks.
#pragma once

#include "espalier/describe/sharing/esmm.hpp"

namespace espalier {

/// The minimum propensity that Escm2 divides by.
struct Floor {
  double value = 0.05;
};

/// Inverse propensity weighting for Escm2's conversion loss: clicked samples have weight 1 / pCTR.
template <Weight Strength = Weight{1.0}, Floor Least = Floor{}>
struct Ipw {
  static constexpr double strength = Strength.value, floor = Least.value;
  static constexpr bool imputes = false;
  using Operations = TypeList<ops::InversePropensity>;
};

/// The doubly robust loss: a second tower imputes each exposure's error; clicked ones correct it.
template <Weight Strength = Weight{1.0}, Floor Least = Floor{}>
struct Dr : Ipw<Strength, Least> {
  static constexpr bool imputes = true;
  using Operations = TypeList<ops::DoublyRobust, ops::Copy, ops::Dense>;
};

/// Entire space counterfactual multi-task model (Wang et al., SIGIR 2022): Esmm of `Click` and
/// `Buy` with one more loss term, which fits the conversion rate itself to the clicked samples.
/// `Method` is Ipw<> or Dr<> (formulas in ops/propensity.hpp). The propensity is the model's own
/// click probability, treated as a constant. If the task weights are 1 and λ_g, Strength is
/// λ_c / λ_g of the paper.
template <class Sharing, class Method, FixedString Click, FixedString Buy>
struct Escm2 {
  using Base = Esmm<Sharing, Click, Buy>;
  using Operations = JoinUnique<typename Base::Operations, typename Method::Operations>;
  static constexpr std::string_view name = Method::imputes ? "escm2_dr" : "escm2_ipw";
  static constexpr bool brings_towers = true;

  template <class InputsType, class... Tasks>
  static constexpr bool fits() {
    constexpr bool weighs = Method::strength > 0;
    constexpr bool floors = Method::floor > 0 && Method::floor <= 1;
    static_assert(weighs, "espalier: the weight of Escm2's conversion loss must be greater than 0");
    static_assert(floors, "espalier: Escm2's floor of the propensity must lie in (0, 1]");
    return weighs && floors && Base::template fits<InputsType, Tasks...>();
  }

  template <class InputsType, class... Tasks, class Builder>
  static constexpr std::array<Block, sizeof...(Tasks)> fold(Builder& b) {
    return Base::template fold<InputsType, Tasks...>(b);
  }

  template <class... Tasks, class Builder>
  static constexpr std::array<Block, sizeof...(Tasks)> fold_towers(
      Builder& b, const std::array<Block, sizeof...(Tasks)>& in) {
    constexpr int click = detail::task_number<Tasks...>(Click.view());
    constexpr int buy = detail::task_number<Tasks...>(Buy.view());
    const auto logits = Towers<Tasks...>::fold(b, in);
    Node node;
    node.in = logits[buy];
    node.in2 = logits[click].stopped();
    node.field = click;
    node.loss = buy;
    node.loss_weight = Method::strength;
    node.min_propensity = Method::floor;
    detail::under(b, Buy.view(), [&] {
      if constexpr (Method::imputes)
        node.in = detail::concatenate(b, {logits[buy], imputed<Tasks...>(b, in)});
      const auto inner = b.scope("propensity");
      if constexpr (Method::imputes) {
        return b.template emit<ops::DoublyRobust>(node);
      } else {
        return b.template emit<ops::InversePropensity>(node);
      }
    });
    return Base::template multiply<Tasks...>(b, logits);
  }

 private:
  /// The imputed error of the conversion, from its own tower: a copy of the layers of task `Buy`.
  template <class... Tasks, class Builder>
  static constexpr Block imputed(Builder& b, const std::array<Block, sizeof...(Tasks)>& in) {
    const auto owner = b.owned_by(detail::task_number<Tasks...>(Buy.view()));
    Block made;
    detail::with_each<Tasks...>([&]<class Task>(int k) {
      if constexpr (Task::name == Buy.view()) {
        const auto inner = b.scope("imputation");
        made = Task::Chain::fold(b, in[static_cast<std::size_t>(k)], 0);
      }
    });
    return made;
  }
};

}  // namespace espalier
