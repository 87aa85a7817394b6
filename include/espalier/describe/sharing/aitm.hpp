// SPDX-License-Identifier: Apache-2.0
// Aitm: each step of a chain of tasks passes information to the next one.
#pragma once

#include "espalier/describe/sharing/chain.hpp"
#include "espalier/describe/task.hpp"

namespace espalier {

namespace detail {
struct ChainWidth {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds, "espalier: the towers of Aitm's steps must end in one width");
  }
};
}  // namespace detail

/// Adaptive information transfer (Xi et al., KDD 2021) above any sharing architecture. `Steps`
/// names the tasks of the chain, in order; their towers must have the same output width w. With q_k
/// the tower's output of step k,
///
///   z_1 = q_1,   p_k = relu(T_k z_{k−1} + t_k),
///   z_k = attention over p_k and q_k,   ŷ_k = σ(head(z_k)).
/// The attention has matrices V_k, K_k, Q_k (w × w, no bias); with u = p_k, q_k it is
/// Σ_u softmax(⟨K u, Q u⟩ / √w)_u · V u. The calibrator, part of step k's loss, is
/// Strength · mean max(ŷ_k − ŷ_{k−1}, 0) over all samples; the paper's strength is 0.6.
template <class Sharing, Weight Strength, FixedString... Steps>
struct AitmWith {
  using Below = typename detail::SharingBelow<Sharing>::type;
  using Names = detail::NameList<Steps...>;
  using Operations =
      JoinUnique<typename Below::Operations, TypeList<ops::Dense, ops::Copy, ops::AttentionPool,
                                                      ops::Calibrate, detail::ChainWidth>>;
  static constexpr std::string_view name = "aitm";
  static constexpr bool brings_towers = true;

  template <class InputsType, class... Tasks>
  static constexpr bool fits() {
    static_assert(sizeof...(Steps) >= 2,
                  "espalier: Aitm names the steps of the chain, two tasks at least");
    static_assert(Strength.value >= 0,
                  "espalier: the weight of Aitm's calibrator must not be negative");
    static_assert(Names::differ, "espalier: Aitm names a task twice");
    constexpr bool sound = sizeof...(Steps) >= 2 && Strength.value >= 0 && Names::differ;
    constexpr bool known = Names::template are_tasks<Tasks...>;
    constexpr bool binary = detail::chain_is_binary<Names, Tasks...>;
    static_assert(known, "espalier: Aitm names a task that the model does not have");
    static_assert(binary,
                  "espalier: the steps of Aitm are probabilities: tasks with BinaryCrossEntropy");
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
    constexpr std::array<int, sizeof...(Steps)> steps{
        detail::task_number<Tasks...>(Steps.view())...};
    std::array<Block, sizeof...(Tasks)> h{}, logits{};
    detail::with_each<Tasks...>([&]<class Task>(int k) {
      h[static_cast<std::size_t>(k)] =
          detail::fold_tower<Task>(b, in[static_cast<std::size_t>(k)], k);
    });
    for (std::size_t i = 1; i < steps.size(); ++i) {
      const auto k = static_cast<std::size_t>(steps[i]);
      const Block before = h[static_cast<std::size_t>(steps[i - 1])];
      b.template require<detail::ChainWidth>(h[k].rows == before.rows);
      constexpr std::array<std::string_view, sizeof...(Tasks)> names{Tasks::name...};
      const auto path = b.scope(names[k]);
      const auto owner = b.owned_by(steps[i]);
      h[k] = transfer(b, before, h[k]);
    }
    // Through the calibrator, a step's head also learns from the next step's loss.
    for (const int k : steps)
      b.read_by_others(k, Strength.value > 0 && k != steps[steps.size() - 1]);
    detail::with_each<Tasks...>([&]<class Task>(int k) {
      logits[static_cast<std::size_t>(k)] =
          detail::fold_head<Task>(b, h[static_cast<std::size_t>(k)], k);
    });
    for (std::size_t i = 1; i < steps.size() && Strength.value > 0; ++i) {
      Node node;
      node.in = logits[static_cast<std::size_t>(steps[i - 1])];
      node.in2 = logits[static_cast<std::size_t>(steps[i])];
      node.loss_weight = Strength.value;
      node.loss = steps[i];
      const auto path = b.scope("calibrator", static_cast<int>(i));
      b.template emit<ops::Calibrate>(node);
    }
    return logits;
  }

 private:
  /// `before`: z of the previous step; `own`: q of this step.
  template <class Builder>
  static constexpr Block transfer(Builder& b, Block before, Block own) {
    const int width = own.rows;
    // Two tokens, stored as two steps of one sample, which the attention reads.
    Block both = b.block(width, 2);
    Block told = both, self = both;
    told.stride = self.stride = 2 * width;
    told.steps = self.steps = 1;
    self.row = width;
    const auto path = b.scope("transfer");
    Node info;
    info.in = before;
    info.activation = Activation::relu;
    b.align();
    info.parameters[0] = b.tensor("weight", width, before.rows, Init::he_uniform);
    b.align();
    info.parameters[1] = b.tensor("bias", width, 0, Init::zeros);
    info.out = told;
    b.template emit<ops::Dense>(info);
    Node copy;
    copy.in = own;
    copy.out = self;
    b.template emit<ops::Copy>(copy);

    Node tokens;
    tokens.in = both;
    b.align();
    for (const std::string_view tensor : {"value", "key", "query"}) {
      b.join(tokens.parameters[0], b.tensor(tensor, width, width, Init::glorot_uniform));
    }
    tokens.out = b.block(3 * width, 2);
    b.template emit<ops::Dense>(tokens);
    Node pool;
    pool.in = tokens.out;
    pool.cache = b.block(2);
    pool.out = b.block(width);
    b.template emit<ops::AttentionPool>(pool);
    return pool.out;
  }
};

template <class Sharing, FixedString... Steps>
using Aitm = AitmWith<Sharing, Weight{0.6}, Steps...>;

}  // namespace espalier
