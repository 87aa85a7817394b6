// SPDX-License-Identifier: Apache-2.0
// The fold: a model's type becomes its plan, at compile time; what does not fit is said by a static_assert.
#pragma once

#include <array>
#include <string_view>

#include "espalier/core/fixed_string.hpp"
#include "espalier/core/type_list.hpp"
#include "espalier/plan/builder.hpp"
#include "espalier/plan/gradient_flow.hpp"

namespace espalier {

/// Where a model does not fit together; the compiler prints it with the sentence below.
struct Where {
  char text[Name::capacity + 1]{};
};

template <Problem P, Where W>
struct ModelCheck {
  static_assert(P != Problem::residual_width,
                "espalier: the layers inside Residual must give as many values as they take");
  static_assert(P != Problem::chain_width, "espalier: the towers of Aitm's steps must end in one width");
  static_assert(P != Problem::duplicate_tensor, "espalier: two tensors have the same name");
  static_assert(P != Problem::operation_not_listed,
                "espalier: a layer emits an operation that it does not list in `Operations`");
  static constexpr bool ok = P == Problem::none;
};

namespace detail {

template <class... Ops>
constexpr bool lists(OpId op, TypeList<Ops...>) {
  return ((op == op_id<Ops>) || ...);
}

template <class Model>
struct Fold {
  static constexpr PlanSizes first = [] {
    PlanBuilder<0, 0, 0, 0> counter;
    Model::fold(counter);
    counter.finish();
    return counter.sizes;
  }();

  static constexpr std::size_t count(int n) { return static_cast<std::size_t>(n); }
  using Builder = PlanBuilder<count(first.nodes), count(first.tensors), count(first.tables),
                              count(first.tasks)>;

  struct Filled {
    Builder plan;
    std::array<Block, static_cast<std::size_t>(2 * first.nodes) + 1> zeroed{};
  };

  static constexpr Filled filled = [] {
    Filled f;
    f.plan.state_base = first.parameters;
    Model::fold(f.plan);
    f.plan.finish();
    for (const Node& node : f.plan.nodes) {
      if (!lists(node.op, typename Model::Operations{})) {
        f.plan.sizes.problem = Problem::operation_not_listed;
        f.plan.sizes.where = node.name;
      }
    }
    for (std::size_t i = 0; i < f.plan.tensors.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (f.plan.tensors[i].name.view() == f.plan.tensors[j].name.view()) {
          f.plan.sizes.problem = Problem::duplicate_tensor;
          f.plan.sizes.where = f.plan.tensors[i].name;
        }
      }
    }
    if (f.plan.sizes.problem == Problem::none) {
      f.plan.sizes.zeroed = assign_gradient_flow<first.values>(f.plan, f.zeroed);
    }
    return f;
  }();

  static constexpr Where where = [] {
    Where w;
    for (int i = 0; i < filled.plan.sizes.where.size; ++i) w.text[i] = filled.plan.sizes.where.text[i];
    return w;
  }();

  static_assert(ModelCheck<filled.plan.sizes.problem, where>::ok, "espalier: the model does not fit together, as said above");

  static constexpr PlanView view{
      Model::architecture,
      filled.plan.nodes,
      filled.plan.tensors,
      filled.plan.tables,
      filled.plan.tasks,
      std::span<const Block>(filled.zeroed.data(), static_cast<std::size_t>(filled.plan.sizes.zeroed)),
      filled.plan.sizes,
      Schema{Model::fields, Model::labels}};
};

}  // namespace detail

/// The plan of `Model`, a constant.
template <class Model>
[[nodiscard]] constexpr const PlanView& plan_of() {
  return detail::Fold<Model>::view;
}

}  // namespace espalier
