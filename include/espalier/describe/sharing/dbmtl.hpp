// SPDX-License-Identifier: Apache-2.0
// Dbmtl: task towers that read other tasks' towers, along a graph of task names.
#pragma once

#include "espalier/describe/sharing/chain.hpp"

namespace espalier {

/// Task `Task` reads the towers of the tasks `From`.
template <FixedString Task, FixedString... From>
struct Reads {
  static constexpr std::string_view task = Task.view();
  using Names = detail::NameList<From...>;
  using All = detail::NameList<Task, From...>;
};

/// Deep Bayesian multi-target learning (Wang et al., 2019) above any sharing architecture. With q_k
/// the tower's output of task k, r_k = Relation([q_k, r_j for each task j that k reads]), or
/// r_k = q_k if it reads none; the head reads r_k. This models p(y_k | x, what is known of the
/// y_j). Example: Dbmtl<Mlp<64>, Mlp<32>, Reads<"buy", "click">>.
template <class Sharing, class Relation, class... Edges>
struct Dbmtl {
  using Below = typename detail::SharingBelow<Sharing>::type;
  using Operations =
      JoinUnique<typename Below::Operations, typename EncoderOf<Relation>::Operations,
                 TypeList<ops::Dense, ops::Copy>>;
  static constexpr std::string_view name = "dbmtl";
  static constexpr bool brings_towers = true;

  template <class InputsType, class... Tasks>
  static constexpr bool fits() {
    static_assert(sizeof...(Edges) > 0, "espalier: Dbmtl needs at least one Reads");
    constexpr bool named = ((Edges::Names::count > 0) && ...);
    constexpr bool differ = (Edges::All::differ && ...);
    static_assert(named, "espalier: Reads names a task and those that it reads");
    static_assert(differ, "espalier: Reads names a task twice");
    constexpr bool known = (Edges::All::template are_tasks<Tasks...> && ...);
    constexpr bool once = ((edges_of(Tasks::name) <= 1) && ...);
    constexpr bool ordered = order<Tasks...>[sizeof...(Tasks) - 1] >= 0;
    static_assert(known, "espalier: Reads names a task that the model does not have");
    static_assert(once, "espalier: two Reads of one task: name all that it reads in one");
    static_assert(ordered || !differ, "espalier: Dbmtl's tasks read each other in a circle");
    return sizeof...(Edges) > 0 && named && differ && known && once && ordered &&
           detail::fits<Below, InputsType, Tasks...>();
  }

  template <class InputsType, class... Tasks, class Builder>
  static constexpr std::array<Block, sizeof...(Tasks)> fold(Builder& b) {
    int k = 0;
    ((b.read_by_others(k++, is_read(Tasks::name))), ...);
    return Below::template fold<InputsType, Tasks...>(b);
  }

  template <class... Tasks, class Builder>
  static constexpr std::array<Block, sizeof...(Tasks)> fold_towers(
      Builder& b, const std::array<Block, sizeof...(Tasks)>& in) {
    constexpr std::size_t tasks = sizeof...(Tasks);
    constexpr std::array<std::string_view, tasks> names{Tasks::name...};
    std::array<Block, tasks> r{}, logits{};
    detail::with_each<Tasks...>([&]<class Task>(int k) {
      const auto at = static_cast<std::size_t>(k);
      r[at] = detail::fold_tower<Task>(b, in[at], k);
    });
    for (const int k : order<Tasks...>) {
      const auto at = static_cast<std::size_t>(k);
      if (edges_of(names[at]) == 0) continue;
      const auto path = b.scope(names[at]);
      const auto inner = b.scope("relation");
      const auto owner = b.owned_by(k);
      int rows = r[at].rows;
      for (std::size_t j = 0; j < tasks; ++j) rows += reads(names[at], names[j]) ? r[j].rows : 0;
      const Block all = b.block(rows, r[at].steps);
      int row = 0;
      const auto append = [&](Block part) {
        detail::copy(b, part, all.slice(row, part.rows));
        row += part.rows;
      };
      append(r[at]);
      for (std::size_t j = 0; j < tasks; ++j) {
        if (reads(names[at], names[j])) append(r[j]);
      }
      r[at] = EncoderOf<Relation>::fold(b, all);
    }
    detail::with_each<Tasks...>([&]<class Task>(int k) {
      b.read_by_others(k, false);  // a head belongs to its task
      logits[static_cast<std::size_t>(k)] =
          detail::fold_head<Task>(b, r[static_cast<std::size_t>(k)], k);
    });
    return logits;
  }

 private:
  static constexpr bool is_read(std::string_view task) {
    return ((Edges::Names::place(task) >= 0) || ...);
  }
  static constexpr int edges_of(std::string_view task) {
    return (0 + ... + (Edges::task == task ? 1 : 0));
  }
  static constexpr bool reads(std::string_view task, std::string_view from) {
    return ((Edges::task == task && Edges::Names::place(from) >= 0) || ...);
  }

  /// The tasks in an order in which each follows those that it reads; ends in −1 if there is none.
  template <class... Tasks>
  static constexpr auto order = [] {
    constexpr std::size_t tasks = sizeof...(Tasks);
    constexpr std::array<std::string_view, tasks> names{Tasks::name...};
    std::array<int, tasks> sorted{};
    sorted.fill(-1);
    std::array<bool, tasks> done{};
    std::size_t count = 0;
    for (bool more = true; more;) {
      more = false;
      for (std::size_t k = 0; k < tasks; ++k) {
        bool ready = !done[k];
        for (std::size_t j = 0; j < tasks; ++j)
          ready = ready && (done[j] || !reads(names[k], names[j]));
        if (!ready) continue;
        done[k] = true;
        sorted[count++] = static_cast<int>(k);
        more = true;
      }
    }
    return sorted;
  }();
};

}  // namespace espalier
