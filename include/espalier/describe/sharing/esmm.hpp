// SPDX-License-Identifier: Apache-2.0
// Esmm: the steps of a funnel as products of probabilities over all exposures.
#pragma once

#include "espalier/describe/sharing/chain.hpp"

namespace espalier {

/// Entire space multi-task model (Ma et al., SIGIR 2018) above any sharing architecture. `Steps`
/// names the tasks of the funnel, in order; their labels are over all exposures: "click", then
/// "buy" = clicked and bought. With z_k the towers' outputs, step k predicts σ(z_1) · … · σ(z_k).
/// So z_2 is the logit of the conversion rate given a click, which has no label of its own. A
/// task's output is the logit of the product, computed from logits (ops::ProductLogit); its loss is
/// one of probabilities, such as BinaryCrossEntropy. The paper's model is Esmm<Layers<>, "click",
/// "buy">: towers on the shared embeddings.
template <class Sharing, FixedString... Steps>
struct Esmm {
  using Below = typename detail::SharingBelow<Sharing>::type;
  using Names = detail::NameList<Steps...>;
  using Operations = JoinUnique<typename Below::Operations, TypeList<ops::ProductLogit>>;
  static constexpr std::string_view name = "esmm";
  static constexpr bool brings_towers = true;

  template <class InputsType, class... Tasks>
  static constexpr bool fits() {
    static_assert(sizeof...(Steps) >= 2,
                  "espalier: Esmm names the steps of the funnel, two tasks at least");
    static_assert(Names::differ, "espalier: Esmm names a task twice");
    constexpr bool sound = sizeof...(Steps) >= 2 && Names::differ;
    constexpr bool known = Names::template are_tasks<Tasks...>;
    constexpr bool binary = detail::chain_is_binary<Names, Tasks...>;
    static_assert(known, "espalier: Esmm names a task that the model does not have");
    static_assert(binary,
                  "espalier: the steps of Esmm are probabilities: tasks with BinaryCrossEntropy");
    return sound && known && binary && detail::fits<Below, InputsType, Tasks...>();
  }

  template <class InputsType, class... Tasks, class Builder>
  static constexpr std::array<Block, sizeof...(Tasks)> fold(Builder& b) {
    constexpr std::array<int, sizeof...(Steps)> steps{
        detail::task_number<Tasks...>(Steps.view())...};
    // Each step but the last is read by the next ones.
    for (std::size_t i = 0; i + 1 < steps.size(); ++i) b.read_by_others(steps[i]);
    return Below::template fold<InputsType, Tasks...>(b);
  }

  template <class... Tasks, class Builder>
  static constexpr std::array<Block, sizeof...(Tasks)> fold_towers(
      Builder& b, const std::array<Block, sizeof...(Tasks)>& in) {
    return multiply<Tasks...>(b, Towers<Tasks...>::fold(b, in));
  }

  /// Returns the logits of the steps' products, from the towers' logits.
  template <class... Tasks, class Builder>
  static constexpr std::array<Block, sizeof...(Tasks)> multiply(
      Builder& b, std::array<Block, sizeof...(Tasks)> logits) {
    int before = -1;
    const auto step = [&](std::string_view task) {
      const int k = detail::task_number<Tasks...>(task);
      if (before >= 0) {
        const auto path = b.scope(task);
        const auto inner = b.scope("product");
        Node node;
        node.in = logits[static_cast<std::size_t>(before)];
        node.in2 = logits[static_cast<std::size_t>(k)];
        node.out = b.block(1, node.in.steps);
        logits[static_cast<std::size_t>(k)] = b.template emit<ops::ProductLogit>(node);
      }
      before = k;
    };
    (step(Steps.view()), ...);
    return logits;
  }
};

}  // namespace espalier
