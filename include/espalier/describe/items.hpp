// SPDX-License-Identifier: Apache-2.0
// Parts of models that predict items, the rows of an embedding table: `Sampled`, `NextStep`.
#pragma once

#include <concepts>
#include <cstddef>
#include <string_view>
#include <type_traits>

#include "espalier/core/fixed_string.hpp"
#include "espalier/core/type_list.hpp"
#include "espalier/describe/layers.hpp"
#include "espalier/describe/task.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

/// An option of NextItem and NextStep: a training step compares the target with `items` items,
/// drawn by Zipf's law from the table, whose rows are ordered by frequency, instead of with all.
/// Scores are corrected by the logarithm of how often an item is expected among them.
struct Sampled {
  int items = 0;
};

/// An option of NextItem: nothing is chosen twice. Ranks and their metrics leave out the values of
/// the row's own sequences, as far as the model reads them.
struct NewItems {};

namespace detail {

struct DrawnItems {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds, "espalier: Sampled{n} draws from 1 to 65536 items");
  }
};

struct NextStepAhead {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds,
                  "espalier: NextStep predicts what a layer before it has seen: use a Causal "
                  "Transformer or Hstu, or a Gru or an Lstm that reads from the first step");
  }
};
struct NextStepSource {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds, "espalier: NextStep predicts values of a Categorical, not hashed ones");
  }
};

/// Items drawn by a training step; 0: all are compared.
template <auto... Options>
constexpr int draws_of() {
  int draws = 0;
  [[maybe_unused]] const auto read = [&](auto option) {
    if constexpr (std::same_as<decltype(option), Sampled>)
      draws = option.items > 0 ? option.items : -1;
  };
  (read(Options), ...);
  return draws;
}

/// Index of the table `name` that belongs to all tasks or to the owner of what is added now; in
/// the first pass, which does not know the tables, 0.
template <class Builder>
constexpr int table_named(Builder& b, std::string_view name) {
  constexpr std::string_view room = "embedding/";
  if (b.tables.size() == 0) return 0;
  for (int t = 0; t < b.sizes.tables; ++t) {
    const TableInfo& table = b.tables[static_cast<std::size_t>(t)];
    const std::string_view path = table.name.view();
    if (path.ends_with(name) && path.substr(0, path.size() - name.size()).ends_with(room) &&
        (table.task == shared_by_tasks || table.task == b.owner()))
      return t;
  }
  b.template require<ItemTable>(false);
  return 0;
}

/// −log softmax of the columns of `in` over the rows of a table, at their targets.
template <class Builder>
constexpr Block item_softmax(Builder& b, Block in, int table, int draws) {
  b.template require<DrawnItems>(draws >= 0 && draws <= 65536);
  Node node;
  node.in = in;
  node.table = table;
  node.scores_rows = true;
  node.draws = draws;
  node.loss = in.steps.vary() ? -1 : 0;  // MultiTaskModel sets the task of a head
  node.cache = b.block(in.rows + 1, in.steps);
  node.out = b.block(1, in.steps);
  b.add_lookup(node);
  return b.template emit<ops::ItemSoftmax>(node);
}

/// The end of the tower of a task whose loss is NextItem.
template <FixedString Table, auto... Options>
struct ItemHead {
  using Operations = TypeList<ops::ItemSoftmax, ItemTable, DrawnItems, ItemHeadLast>;
  static constexpr int width(int) { return 1; }

  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int) {
    const auto path = b.scope("next_item");
    return item_softmax(b, in, table_named(b, Table.view()), draws_of<Options...>());
  }
};

template <class T>
concept PredictsSteps = requires {
  requires T::predicts_steps;
};

}  // namespace detail

/// A part of Sequence, behind its layers: each step predicts the value of the next one. The model
/// learns −log softmax of ⟨x_u, E_r⟩ over the values r of the source's table, at the value of step
/// u + 1, summed over the steps of a sample, times W. x_u must not tell what comes after u: after a
/// Causal Transformer or Hstu, a Gru or an Lstm. It is as wide as the table. Part of all tasks'
/// losses, an equal share of each. Options: Weight{…}, 1 by default, and Sampled{…}.
///
/// With NextItem on LastStep this is SASRec's objective (Kang & McAuley, ICDM 2018) with a softmax
/// in place of one negative: each item of the sequence is a target once.
template <auto... Options>
struct NextStep {
  static constexpr bool predicts_steps = true;
  static_assert(((std::same_as<std::remove_cvref_t<decltype(Options)>, Weight> ||
                  std::same_as<std::remove_cvref_t<decltype(Options)>, Sampled>)&&...),
                "espalier: the options of NextStep are Weight{...} and Sampled{...}");
  static constexpr double weight =
      detail::TaskOptions<Weight{}, Layers<>, void, Options...>::weight.value;
  using Operations = TypeList<ops::ItemSoftmax, ops::PoolSteps, ops::AddToLoss, detail::DrawnItems,
                              detail::NextStepAhead, detail::NextStepSource>;

  template <class Builder>
  static constexpr void fold(Builder& b, Block steps, int table) {
    const auto path = b.scope("next_step");
    Node pool;
    pool.in = detail::item_softmax(b, steps, table, detail::draws_of<Options...>());
    pool.pool_steps = SegmentPool::sum;
    pool.out = b.block(1);
    Node add;
    add.in = b.template emit<ops::PoolSteps>(pool);
    add.loss_weight = weight;
    add.loss = b.owner();  // of inputs that all tasks share: an equal share for each
    b.template emit<ops::AddToLoss>(add);
  }
};

}  // namespace espalier
