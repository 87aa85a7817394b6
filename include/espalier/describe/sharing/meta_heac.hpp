// SPDX-License-Identifier: Apache-2.0
// MetaHeac: experts and critics shared by all tasks, mixed by gates that read a task embedding.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>

#include "espalier/describe/sharing/chain.hpp"

namespace espalier {

namespace detail {

/// The first type of a list that is not void; a placeholder layer if there is none.
template <class... Ts>
struct FirstOf {
  using type = Layers<Dense<1>>;
};
template <class T, class... Ts>
struct FirstOf<T, Ts...> {
  using type = std::conditional_t<std::is_void_v<T>, typename FirstOf<Ts...>::type, T>;
};

/// True if critics can predict the task: the probability of one event.
template <class Task>
inline constexpr bool has_critics =
    Task::Loss::label == LabelKind::binary&& Task::Loss::outputs == 1;

/// Reinterprets the steps of a sample as rows of one step, and back: step s of width w is rows
/// s · w ….
constexpr Block steps_as_rows(Block b) {
  return {b.base, 0, b.stride * b.steps, b.stride * b.steps, 1, b.gradient};
}
constexpr Block rows_as_steps(Block b, int steps) {
  return {b.base, 0, b.stride / steps, b.stride / steps, steps, b.gradient};
}

}  // namespace detail

/// Hybrid experts and critics (Zhu et al., KDD 2021). All tasks share `Experts` encoders f_i; the
/// tasks that predict probabilities also share `Critics` towers with heads c_j. Only an embedding
/// v_k of `Width` numbers belongs to task k. With u_k = [v_k, x] and gates
/// g(u) = softmax(B relu(A u + a) + b), which are also shared,
///
///   h_k = Σ_i g_experts(u_k)_i · f_i(x),   p_k = Σ_j g_critics(u_k)_j · σ(c_j(h_k)).
/// A task that does not predict a probability reads h_k through its own tower. Parameters: Experts
/// |f| + tasks · Width + two gates, whose hidden width is the experts' width, + Critics |c|. Not
/// implemented: the meta-learning loop over tasks and its adaptation to a new task, which belong to
/// training. The gates read all of x; the authors' gates read the mean of the fields' embeddings,
/// which all have the same width there.
template <int Experts, int Critics, int Width, class Encoder>
struct MetaHeac {
  using Operations = JoinUnique<typename Parallel<Encoder>::Operations, detail::GateOperations,
                                TypeList<ops::Mix, ops::Copy, ops::Broadcast, ops::MixtureLogit>>;
  static constexpr std::string_view name = "meta_heac";
  static constexpr bool brings_towers = true;

  template <class InputsType, class... Tasks>
  static constexpr bool fits() {
    static_assert(Experts > 0, "espalier: MetaHeac needs at least one expert");
    static_assert(Critics > 0, "espalier: MetaHeac needs at least one critic");
    static_assert(Width > 0, "espalier: MetaHeac's task embeddings need at least one dimension");
    constexpr bool sound = Experts > 0 && Critics > 0 && Width > 0;
    constexpr bool any = critics_of<Tasks...>() > 0;
    constexpr bool alike = (may_share<Tasks, CriticOf<Tasks...>> && ...);
    static_assert(any, "espalier: MetaHeac's critics need a task with BinaryCrossEntropy");
    static_assert(alike,
                  "espalier: the tasks that share MetaHeac's critics must have the same tower");
    return sound && any && alike;
  }

  template <class InputsType, class... Tasks, class Builder>
  static constexpr std::array<Block, sizeof...(Tasks)> fold(Builder& b) {
    constexpr std::size_t tasks = sizeof...(Tasks);
    const Block x = InputsType::fold(b);
    const Block experts = Parallel<Encoder>::template fold<Experts>(b, x, "expert");
    const int w = experts.rows / Experts;

    // u_1, u_2, … in consecutive rows: as steps of one sample, one node computes all of them.
    const int width = Width + x.rows;
    const Block u = b.block(static_cast<int>(tasks) * width);
    detail::each_task<Tasks...>(b, true, [&](int k) {
      detail::under(b, "task", [&] {
        Node node;
        b.align();
        node.parameters[0] = b.tensor("embedding", Width, 0, Init::glorot_uniform);
        node.out = u.slice(k * width, Width);
        return b.template emit<ops::Broadcast>(node);
      });
      detail::copy(b, x, u.slice(k * width + Width, x.rows));
    });
    b.aside = u;
    const Block gates = gate<Experts>(b, "experts", u, static_cast<int>(tasks), w);

    // The critics' inputs are contiguous for the same reason.
    const Block judged = b.block(critics_of<Tasks...>() * w);
    constexpr std::array<bool, tasks> has_critics{detail::has_critics<Tasks>...};
    std::array<Block, tasks> out{};
    int next = 0;
    detail::each_task<Tasks...>(b, true, [&](int k) {
      const auto at = static_cast<std::size_t>(k);
      Node mix;
      mix.in = experts;
      mix.in2 = detail::under(
          b, "expert_gate", [&] { return detail::softmax(b, gates.slice(k * Experts, Experts)); });
      mix.groups = Experts;
      mix.out = has_critics[at] ? judged.slice(w * next++, w) : b.block(w);
      const auto path = b.scope("mix");
      out[at] = b.template emit<ops::Mix>(mix);
    });
    return out;
  }

  template <class... Tasks, class Builder>
  static constexpr std::array<Block, sizeof...(Tasks)> fold_towers(
      Builder& b, const std::array<Block, sizeof...(Tasks)>& in) {
    constexpr int tasks = static_cast<int>(sizeof...(Tasks)), judged = critics_of<Tasks...>();
    Block u = b.aside, h;
    if constexpr (judged < tasks) u = b.block(u.rows / tasks * judged);
    const int width = u.rows / judged;
    int next = 0;
    detail::with_each<Tasks...>([&]<class Task>(int k) {
      if constexpr (detail::has_critics<Task>) {
        if (next == 0) h = in[static_cast<std::size_t>(k)];
        if constexpr (judged < tasks) {
          detail::under(b, Task::name, [&] {
            return detail::copy(b, b.aside.slice(k * width, width), u.slice(next * width, width));
          });
        }
        ++next;
      }
    });
    const Block steps = detail::rows_as_steps(h, judged);
    const Block gates = gate<Critics>(b, "critics", u, judged, steps.rows);
    const Block says = detail::steps_as_rows(
        Parallel<CriticOf<Tasks...>>::template fold<Critics>(b, steps, "critic"));

    std::array<Block, sizeof...(Tasks)> logits{};
    next = 0;
    detail::with_each<Tasks...>([&]<class Task>(int k) {
      const auto at = static_cast<std::size_t>(k);
      if constexpr (detail::has_critics<Task>) {
        const auto path = b.scope(Task::name);
        const auto owner = b.owned_by(k);
        Node node;
        node.in = says.slice(next * Critics, Critics);
        node.in2 = detail::under(b, "critic_gate", [&] {
          return detail::softmax(b, gates.slice(next * Critics, Critics));
        });
        node.out = b.block(1);
        logits[at] = b.template emit<ops::MixtureLogit>(node);
        ++next;
      } else {
        logits[at] = Towers<Task>::template one<Task, typename Task::Chain>(b, in[at], k, 0);
      }
    });
    return logits;
  }

 private:
  template <class... Tasks>
  using CriticOf = typename detail::FirstOf<
      std::conditional_t<detail::has_critics<Tasks>, typename Tasks::Chain, void>...>::type;
  template <class... Tasks>
  static constexpr int critics_of() {
    return (0 + ... + (detail::has_critics<Tasks> ? 1 : 0));
  }

  template <class Task, class Critic>
  static constexpr bool may_share =
      !detail::has_critics<Task> || std::is_same_v<typename Task::Chain, Critic>;

  /// The gates' logits of `tasks` tasks, in consecutive rows, computed from their u.
  template <int Choices, class Builder>
  static constexpr Block gate(Builder& b, std::string_view of, Block u, int tasks, int hidden) {
    const auto path = b.scope("gates");
    const Block logits = detail::under(b, of, [&] {
      const Block h =
          detail::dense(b, detail::rows_as_steps(u, tasks), hidden, Activation::relu, 0);
      return detail::dense(b, h, Choices, Activation::identity, 1);
    });
    return detail::steps_as_rows(logits);
  }
};

}  // namespace espalier
