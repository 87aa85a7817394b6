// SPDX-License-Identifier: Apache-2.0
// The fold: turns a model's type into its plan at compile time. A static_assert reports errors.
#pragma once

#include <array>
#include <string_view>
#include <type_traits>

#include "espalier/core/fixed_string.hpp"
#include "espalier/core/type_list.hpp"
#include "espalier/describe/stand_ins.hpp"
#include "espalier/plan/builder.hpp"
#include "espalier/plan/gradient_flow.hpp"

namespace espalier {

namespace detail {

struct OperationListed {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds,
                  "espalier: a layer emits an operation that it does not list in `Operations`");
  }
};

struct TensorNames {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds, "espalier: two tensors have the same name");
  }
};

template <class Model>
constexpr PlanSizes count_sizes() {
  PlanBuilder<0, 0, 0, 0> counter;
  Model::fold(counter);
  counter.finish();
  return counter.sizes;
}

template <class Model>
inline constexpr PlanSizes sizes_of = count_sizes<Model>();

/// False if the compiler has already reported an error in a part of the model.
template <class Model>
concept Folds = requires {
  typename std::bool_constant<(sizes_of<Model>.nodes >= 0)>;
};

template <class Model>
concept FitsTogether = requires {
  requires sizes_of<Model>
  .broken == 0;
};

/// The rule that the plan of `Model` breaks; AllHold if none.
template <class Model, RuleId Broken>
using BrokenRule =
    typename FindRule<Broken,
                      JoinUnique<typename SplitList<typename Model::Operations>::Rules,
                                 TypeList<OperationListed, TensorNames, TensorsAdjoin>>>::type;

template <class Model>
struct FoldOf {
  using Operations = typename SplitList<typename Model::Operations>::Operations;
  using TaskList = typename Model::TaskList;
  static constexpr PlanSizes first = sizes_of<Model>;

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
      if (!lists(node.op, Operations{})) {
        f.plan.sizes.broken = rule_id<OperationListed>;
        f.plan.sizes.where = node.name;
      }
    }
    for (std::size_t i = 0; i < f.plan.tensors.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (f.plan.tensors[i].name.view() == f.plan.tensors[j].name.view()) {
          f.plan.sizes.broken = rule_id<TensorNames>;
          f.plan.sizes.where = f.plan.tensors[i].name;
        }
      }
    }
    if (f.plan.sizes.broken == 0) {
      f.plan.sizes.zeroed = assign_gradient_flow<first.values>(f.plan, f.zeroed);
    }
    return f;
  }();

  static constexpr PlanView view = [] {
    constexpr PlanSizes sizes = filled.plan.sizes;
    BrokenRule<Model, sizes.broken>::template say<sizes.broken == 0, Where(sizes.where)>();
    return PlanView{Model::architecture,
                    filled.plan.nodes,
                    filled.plan.tensors,
                    filled.plan.tables,
                    filled.plan.tasks,
                    std::span<const Block>(filled.zeroed.data(),
                                           static_cast<std::size_t>(filled.plan.sizes.zeroed)),
                    filled.plan.sizes,
                    Schema{Model::fields, Model::labels}};
  }();
};

/// The fold of `Model`, or of NoModel if `Model` is not a model or breaks a rule.
template <class Model>
using Fold =
    FoldOf<std::conditional_t<FitsTogether<ModelOrNone<Model>>, ModelOrNone<Model>, NoModel>>;

}  // namespace detail

/// Returns the plan of `Model`, a constant.
template <class Model>
[[nodiscard]] constexpr const PlanView& plan_of() {
  constexpr bool model = IsModel<Model>;  // a concept would add 20 lines to the compiler's message
  static_assert(model,
                "espalier: expected a model: struct Model : MultiTaskModel<Inputs<...>, "
                "SharedBottom<...>, Click, Buy> {}");
  using Checked = detail::ModelOrNone<Model>;
  if constexpr (detail::Folds<Checked>) {
    constexpr PlanSizes sizes = detail::sizes_of<Checked>;
    detail::BrokenRule<Checked, sizes.broken>::template say<sizes.broken == 0,
                                                            Where(sizes.where)>();
  }
  return detail::Fold<Model>::view;
}

}  // namespace espalier
