// SPDX-License-Identifier: Apache-2.0
// Sharing architectures: SingleTask, SharedBottom, Mmoe.
#pragma once

#include <array>
#include <string_view>

#include "espalier/describe/inputs.hpp"
#include "espalier/describe/parallel.hpp"
#include "espalier/describe/sharing/gates.hpp"

namespace espalier {

// A sharing architecture is a struct with
//   using Operations = TypeList<…>;
//   static constexpr std::string_view name;
//   template <class InputsType, class... Tasks, class Builder>
//   static constexpr std::array<Block, sizeof...(Tasks)> fold(Builder&);
// fold emits the inputs and encoders, and returns the block that each task's tower reads.

/// Nothing is shared: every task has its own embedding tables and encoder. The baseline.
template <class Encoder>
struct SingleTask {
  using Operations = typename EncoderOf<Encoder>::Operations;
  static constexpr std::string_view name = "single_task";

  template <class InputsType, class... Tasks, class Builder>
  static constexpr std::array<Block, sizeof...(Tasks)> fold(Builder& b) {
    std::array<Block, sizeof...(Tasks)> out{};
    int task = 0;
    const auto one = [&](std::string_view task_name) {
      const auto path = b.scope(task_name);
      const auto owner = b.owned_by(task);
      const Block x = InputsType::fold(b);
      const auto encoder = b.scope("encoder");
      out[static_cast<std::size_t>(task++)] = EncoderOf<Encoder>::fold(b, x);
    };
    (one(Tasks::name), ...);
    return out;
  }
};

/// One encoder for all tasks (Caruana 1997).
template <class Encoder>
struct SharedBottom {
  using Operations = typename EncoderOf<Encoder>::Operations;
  static constexpr std::string_view name = "shared_bottom";

  template <class InputsType, class... Tasks, class Builder>
  static constexpr std::array<Block, sizeof...(Tasks)> fold(Builder& b) {
    const Block x = InputsType::fold(b);
    const Block h = detail::under(b, "shared", [&] { return EncoderOf<Encoder>::fold(b, x); });
    std::array<Block, sizeof...(Tasks)> out{};
    out.fill(h);
    return out;
  }
};

/// Multi-gate mixture of experts (Ma et al., KDD 2018): `Experts` encoders f_i; task k reads
/// Σ_i g_k(x)_i · f_i(x) with its own gate g_k(x) = softmax(W_k x).
template <int Experts, class Encoder>
struct Mmoe {
  using Operations = JoinUnique<typename Parallel<Encoder>::Operations,
                                TypeList<ops::Dense, ops::Softmax, ops::Mix>>;
  static constexpr std::string_view name = "mmoe";

  template <class InputsType, class... Tasks>
  static constexpr bool fits() {
    static_assert(Experts > 0, "espalier: Mmoe needs at least one expert");
    return Experts > 0;
  }

  template <class InputsType, class... Tasks, class Builder>
  static constexpr std::array<Block, sizeof...(Tasks)> fold(Builder& b) {
    constexpr int tasks = static_cast<int>(sizeof...(Tasks));
    const Block x = InputsType::fold(b);
    const Block experts = Parallel<Encoder>::template fold<Experts>(b, x, "expert");

    // The gates of all tasks are one matmul with K · E outputs, and one softmax in K groups.
    Node gate;
    gate.in = x;
    b.align();
    int task = 0;
    const auto gate_tensor = [&](std::string_view task_name) {
      const auto path = b.scope(task_name);
      const auto owner = b.owned_by(task);
      b.join(gate.parameters[0], b.tensor("gate/weight", Experts, x.rows, Init::glorot_uniform));
      ++task;
    };
    (gate_tensor(Tasks::name), ...);
    gate.out = b.block(Experts * tasks, x.steps);
    const Block gates = detail::under(
        b, "gates", [&] { return detail::softmax(b, b.template emit<ops::Dense>(gate), tasks); });

    std::array<Block, sizeof...(Tasks)> out{};
    for (int k = 0; k < tasks; ++k) {
      const auto mix_path = b.scope("mix", k);
      Node mix;
      mix.in = experts;
      mix.in2 = gates.slice(k * Experts, Experts);
      mix.groups = Experts;
      mix.out = b.block(experts.rows / Experts, experts.steps);
      out[static_cast<std::size_t>(k)] = b.template emit<ops::Mix>(mix);
    }
    return out;
  }
};

}  // namespace espalier
