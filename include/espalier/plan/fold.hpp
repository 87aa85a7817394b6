// SPDX-License-Identifier: Apache-2.0
// The fold: a model's type becomes its plan, at compile time; what does not fit is said by a static_assert.
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

/// Where a model does not fit together; the compiler prints it with the sentence below.
struct Where {
  char text[Name::capacity + 1]{};
};

template <Problem P, Where W>
constexpr void check_problem() {
  static_assert(P != Problem::not_a_layer,
                "espalier: expected layers: Mlp<64, 32>, Dense<64>, Dropout<Rate{0.1}>, several of them in Layers, or a struct "
                "of yours with Operations and fold(builder, block, position)");
  static_assert(P != Problem::not_a_loss,
                "espalier: a task's second argument is a loss: BinaryCrossEntropy, MeanSquaredError, or a struct of yours "
                "with name, label, outputs, evaluate and predict");
  static_assert(P != Problem::not_a_field,
                "espalier: Inputs takes fields: Numeric<\"age\">, Categorical<\"user\", 16>, Buckets, Hashed, Cross, MeanOf");
  static_assert(P != Problem::not_a_sharing,
                "espalier: expected a way to share, such as SharedBottom<Mlp<64, 32>> or Mmoe<8, Mlp<64>>");
  static_assert(P != Problem::towers_below,
                "espalier: what stands below another way to share must not bring towers of its own");
  static_assert(P != Problem::no_fields, "espalier: Inputs needs at least one field");
  static_assert(P != Problem::same_fields, "espalier: two input fields have the same name");
  static_assert(P != Problem::shared_tables,
                "espalier: fields that share a table must have the same kind, width and buckets");
  static_assert(P != Problem::field_width, "espalier: a field needs at least one value: Categorical<\"user\", 16> "
                                           "one dimension, NumericVector<\"pixel\", 64> one column");
  static_assert(P != Problem::field_options, "espalier: MinCount, SharedTable and Pooled are options of categorical fields, "
                                             "Standardize, Log1p and Clip of numeric ones");
  static_assert(P != Problem::buckets, "espalier: Hashed needs 1 to 2^31 − 1 buckets");
  static_assert(P != Problem::min_count_of_hashed, "espalier: Hashed has no vocabulary for MinCount to count in");
  static_assert(P != Problem::pooled_cross, "espalier: Cross takes one value of each column, and not Pooled");
  static_assert(P != Problem::transforms, "espalier: a numeric field takes at most 4 transforms");
  static_assert(P != Problem::standardized_twice, "espalier: a numeric field is standardised once");
  static_assert(P != Problem::bucket_count, "espalier: Buckets needs 2 to 65536 quantiles, or Edges{18, 65}: "
                                            "Buckets<\"age\", 16, 4>");
  static_assert(P != Problem::bucket_source, "espalier: Bucketed takes a field of one number: Numeric, MeanOf, CountOf");
  static_assert(P != Problem::edges, "espalier: Edges must ascend, and be finite");
  static_assert(P != Problem::history_keys, "espalier: inputs of the rows before name 1 to 4 columns by which they go: "
                                            "By<\"user\", \"tab\">");
  static_assert(P != Problem::history_moment, "espalier: MeanOf and CountOf name the column of days, Before<\"date\">; "
                                              "EarlierRows and SincePrevious that of times: "
                                              "SincePrevious<By<\"user\">, \"time\">");
  static_assert(P != Problem::history_options, "espalier: Smoothing is an option of MeanOf, Nth of SincePrevious");
  static_assert(P != Problem::history_smoothing, "espalier: Smoothing is 0 or more rows");
  static_assert(P != Problem::history_back, "espalier: Nth is 1 (the row before) to 8");
  static_assert(P != Problem::histories, "espalier: two inputs read one column of the rows before, and differ in their keys, "
                                         "Smoothing or column of days; From<\"other\"> gives one another column");
  static_assert(P != Problem::history_times, "espalier: the inputs of one model that go by time name the same column of times");
  static_assert(P != Problem::empty_clip, "espalier: Clip needs low < high");
  static_assert(P != Problem::layer_without_units, "espalier: Dense needs at least one unit");
  static_assert(P != Problem::dropout_rate, "espalier: Dropout's rate must lie in [0, 1)");
  static_assert(P != Problem::residual_width,
                "espalier: the layers inside Residual must give as many values as they take");
  static_assert(P != Problem::chain_width, "espalier: the towers of Aitm's steps must end in one width");
  static_assert(P != Problem::duplicate_tensor, "espalier: two tensors have the same name");
  static_assert(P != Problem::operation_not_listed,
                "espalier: a layer emits an operation that it does not list in `Operations`");
}

namespace detail {

template <class... Ops>
constexpr bool lists(OpId op, TypeList<Ops...>) {
  return ((op == op_id<Ops>) || ...);
}

template <class Model>
constexpr PlanSizes count_sizes() {
  PlanBuilder<0, 0, 0, 0> counter;
  Model::fold(counter);
  counter.finish();
  return counter.sizes;
}

template <class Model>
inline constexpr PlanSizes sizes_of = count_sizes<Model>();

/// Not so where the compiler has complained about a part of the model.
template <class Model>
concept Folds = requires { typename std::bool_constant<(sizes_of<Model>.nodes >= 0)>; };

template <class Model>
concept FitsTogether = requires { requires sizes_of<Model>.problem == Problem::none; };

constexpr Where where_of(const PlanSizes& sizes) {
  Where where;
  for (int i = 0; i < sizes.where.size; ++i) where.text[i] = sizes.where.text[i];
  return where;
}

template <class Model>
struct FoldOf {
  using Operations = typename Model::Operations;
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

  static constexpr PlanView view = [] {
    check_problem<filled.plan.sizes.problem, where_of(filled.plan.sizes)>();
    return PlanView{Model::architecture,
                    filled.plan.nodes,
                    filled.plan.tensors,
                    filled.plan.tables,
                    filled.plan.tasks,
                    std::span<const Block>(filled.zeroed.data(), static_cast<std::size_t>(filled.plan.sizes.zeroed)),
                    filled.plan.sizes,
                    Schema{Model::fields, Model::labels}};
  }();
};

/// Of NoModel where `Model` is none or does not fit together.
template <class Model>
using Fold = FoldOf<std::conditional_t<FitsTogether<ModelOrNone<Model>>, ModelOrNone<Model>, NoModel>>;

}  // namespace detail

/// The plan of `Model`, a constant.
template <class Model>
[[nodiscard]] constexpr const PlanView& plan_of() {
  constexpr bool model = IsModel<Model>;  // a concept here would be explained for twenty lines more
  static_assert(model, "espalier: expected a model: struct Model : MultiTaskModel<Inputs<...>, SharedBottom<...>, Click, Buy> {}");
  using Checked = detail::ModelOrNone<Model>;
  if constexpr (detail::Folds<Checked>) {
    check_problem<detail::sizes_of<Checked>.problem, detail::where_of(detail::sizes_of<Checked>)>();
  }
  return detail::Fold<Model>::view;
}

}  // namespace espalier
