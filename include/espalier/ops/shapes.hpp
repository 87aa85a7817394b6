// SPDX-License-Identifier: Apache-2.0
// Whether every node of a plan has the shapes that its operation needs: said by the compiler where not.
#pragma once

#include <array>

#include "espalier/describe/fold.hpp"
#include "espalier/plan/rule.hpp"

namespace espalier::detail {

struct BrokenShape {
  RuleId rule = 0;
  Name where;
};

/// The first node whose operation's `Shape` does not hold.
template <class Model, class... Ops>
constexpr BrokenShape broken_shape(TypeList<Ops...>) {
  BrokenShape broken;
  const auto check = [&]<class Op>(std::type_identity<Op>, const Node& node) {
    if constexpr (HasShape<Op>) {
      if (node.op == op_id<Op> && broken.rule == 0 && !Op::Shape::holds(node)) broken = {rule_id<typename Op::Shape>, node.name};
    }
  };
  for (const Node& node : Fold<Model>::filled.plan.nodes) (check(std::type_identity<Ops>{}, node), ...);
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
JoinUnique<typename ShapeOf<Ops>::type...> shapes_of(TypeList<Ops...>);

/// Of a model: Shapes::Rule::say<Shapes::hold, Shapes::where>() where its operations are needed.
template <class Model>
struct Shapes {
  using Operations = typename Fold<Model>::Operations;
  static constexpr BrokenShape broken = broken_shape<Model>(Operations{});
  using Rule = typename FindRule<broken.rule, decltype(shapes_of(Operations{}))>::type;
  static constexpr bool hold = broken.rule == 0;
  static constexpr Where where{broken.where};
};

}  // namespace espalier::detail
