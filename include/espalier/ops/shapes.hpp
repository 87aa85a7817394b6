// SPDX-License-Identifier: Apache-2.0
// Checks at compile time that every node of a plan has the shapes that its operation needs.
#pragma once

#include <initializer_list>
#include <type_traits>

#include "espalier/describe/fold.hpp"
#include "espalier/plan/rule.hpp"

namespace espalier::detail {

struct BrokenShape {
  RuleId rule = 0;
  Name where;
};

/// Rules that every node must satisfy; checking them needs the plan.
struct BlockBounds {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds,
                  "espalier: a block that an operation reads or writes goes beyond its rows, or "
                  "beyond the plan's values");
  }
};
struct LookupWidth {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds, "espalier: a look-up fills as many values as its table is wide");
  }
};
struct ItemWidth {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds,
                  "espalier: NextItem and NextStep compare with vectors as wide as the table: give "
                  "the end of the tower, or the steps, as many values");
  }
};

template <class Plan>
constexpr bool within(const Plan& plan, const Block& b) {
  return !b.exists() || (b.base >= 0 && b.row >= 0 && b.row + b.rows <= b.stride &&
                         b.base + b.stride * b.steps <= plan.sizes.values);
}

/// The first node whose operation's `Shape` does not hold.
template <class Model, class... Ops>
constexpr BrokenShape broken_shape(TypeList<Ops...>) {
  BrokenShape broken;
  const auto check = [&]<class Op>(std::type_identity<Op>, const Node& node) {
    if constexpr (HasShape<Op>) {
      if (node.op == op_id<Op> && broken.rule == 0 && !Op::Shape::holds(node))
        broken = {rule_id<typename Op::Shape>, node.name};
    }
  };
  const auto& plan = Fold<Model>::filled.plan;
  for (const Node& node : plan.nodes) {
    (check(std::type_identity<Ops>{}, node), ...);
    if (broken.rule != 0) break;
    for (const Block* b : {&node.in, &node.in2, &node.out, &node.cache, &node.room}) {
      if (!within(plan, *b)) broken = {rule_id<BlockBounds>, node.name};
    }
    if (node.lookup >= 0) {
      const int width = plan.tables[static_cast<std::size_t>(node.table)].width;
      if (width != (node.scores_rows ? node.in.rows : node.out.rows))
        broken = {node.scores_rows ? rule_id<ItemWidth> : rule_id<LookupWidth>, node.name};
    }
    if (broken.rule != 0) break;
  }
  return broken;
}

template <class Op>
struct ShapeOf {
  using type = TypeList<>;
};
template <HasShape Op>
struct ShapeOf<Op> {
  using type = TypeList<typename Op::Shape>;
};

template <class... Ops>
JoinUnique<TypeList<BlockBounds, LookupWidth, ItemWidth>, typename ShapeOf<Ops>::type...> shapes_of(
    TypeList<Ops...>);

/// Result of the check for a model. Code that uses the model's operations calls
/// Shapes::Rule::say<Shapes::hold, Shapes::where>(): a compile error if a rule does not hold.
template <class Model>
struct Shapes {
  using Operations = typename Fold<Model>::Operations;
  static constexpr BrokenShape broken = broken_shape<Model>(Operations{});
  using Rule = typename FindRule<broken.rule, decltype(shapes_of(Operations{}))>::type;
  static constexpr bool hold = broken.rule == 0;
  static constexpr Where where{broken.where};
};

}  // namespace espalier::detail
