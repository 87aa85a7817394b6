// SPDX-License-Identifier: Apache-2.0
// The fold: shapes, offsets, names, and which node accumulates into which gradient.
#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"

namespace esp = espalier;

namespace {

using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<64>>;
using Buy = esp::Task<"buy", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<64>>;
using Content = esp::Task<"content", esp::MeanSquaredError, esp::Weight{0.5}, esp::Tower<32>>;
using Inputs =
    esp::Inputs<esp::Numeric<"age">, esp::Categorical<"movie", 16>, esp::Categorical<"user", 8>>;

template <class Sharing>
struct Model : esp::MultiTaskModel<Inputs, Sharing, Click, Buy, Content> {};

const esp::ParameterInfo& tensor(const esp::PlanView& plan, std::string_view name) {
  for (const esp::ParameterInfo& t : plan.tensors) {
    if (t.name.view() == name) return t;
  }
  FAIL("no tensor " << std::string(name));
  return plan.tensors[0];
}

esp::Index parameters(const esp::PlanView& plan) {
  esp::Index sum = 0;
  for (const esp::ParameterInfo& t : plan.tensors) sum += t.trainable ? t.size() : 0;
  return sum;
}

/// Checks properties that hold for every plan.
void check_plan(const esp::PlanView& plan) {
  std::set<std::string> names;
  std::vector<bool> taken(static_cast<std::size_t>(plan.sizes.parameter_values), false);
  for (const esp::ParameterInfo& t : plan.tensors) {
    CHECK(names.insert(std::string(t.name.view())).second);
    CHECK(t.offset >= (t.trainable ? 0 : plan.sizes.parameters));
    CHECK(t.offset + t.size() <=
          (t.trainable ? plan.sizes.parameters : plan.sizes.parameter_values));
    for (esp::Index i = t.offset; i < t.offset + t.size(); ++i) {
      CHECK_FALSE(taken[static_cast<std::size_t>(i)]);  // tensors do not overlap
      taken[static_cast<std::size_t>(i)] = true;
    }
  }
  for (const esp::Node& n : plan.nodes) {
    for (const esp::Extent& e : n.parameters) {
      CHECK(e.exists() == (e.count > 0));
      esp::Index end = e.offset;  // its tensors fill it contiguously
      for (int t = e.first; t < e.first + e.count; ++t) {
        CHECK(plan.tensors[static_cast<std::size_t>(t)].offset == end);
        end += plan.tensors[static_cast<std::size_t>(t)].size();
      }
      CHECK(end == e.offset + e.size);
    }
    for (const esp::Block* b : {&n.in, &n.in2, &n.out, &n.cache}) {
      if (!b->exists()) continue;
      CHECK(b->base >= 0);
      CHECK(b->row >= 0);
      CHECK(b->row + b->rows <= b->stride);
      CHECK(b->base + b->stride * b->steps <= plan.sizes.values);
    }
  }
}

}  // namespace

TEST_CASE("shared bottom: tensors, shapes and offsets") {
  const esp::PlanView& plan = esp::plan_of<Model<esp::SharedBottom<esp::Mlp<128, 64>>>>();
  check_plan(plan);
  CHECK(plan.model == "shared_bottom");
  REQUIRE(plan.tasks.size() == 3);
  CHECK(plan.tasks[2].name == "content");
  CHECK(plan.tasks[2].weight == 0.5);
  CHECK(plan.tasks[0].label == esp::LabelKind::binary);
  // 25 inputs, layers of 128 and 64 units; towers of 64, 64 and 32 units; heads.
  const esp::Index expected =
      (25 * 128 + 128) + (128 * 64 + 64) + 2 * (64 * 64 + 64) + (64 * 32 + 32) + 2 * 65 + 33;
  CHECK(parameters(plan) == expected);
  CHECK(tensor(plan, "shared/dense0/weight").rows == 128);
  CHECK(tensor(plan, "shared/dense0/weight").columns == 25);
  CHECK(tensor(plan, "shared/dense1/bias").columns == 0);
  CHECK(tensor(plan, "content/dense1/weight").columns == 32);
  CHECK(tensor(plan, "content/dense1/weight").task == 2);
  REQUIRE(plan.tables.size() == 2);
  CHECK(plan.tables[0].name.view() == "embedding/movie");
  CHECK(plan.tables[1].width == 8);
  CHECK(plan.tables[1].vocabulary == 1);
}

TEST_CASE("towers that read one block are one matmul, with neighbouring weights") {
  const esp::PlanView& plan = esp::plan_of<Model<esp::SharedBottom<esp::Mlp<128, 64>>>>();
  const auto& click = tensor(plan, "click/dense0/weight");
  const auto& buy = tensor(plan, "buy/dense0/weight");
  const auto& content = tensor(plan, "content/dense0/weight");
  CHECK(buy.offset == click.offset + click.size());
  CHECK(content.offset == buy.offset + buy.size());
  int dense = 0;
  for (const esp::Node& n : plan.nodes) dense += n.op == esp::op_id<esp::ops::Dense> ? 1 : 0;
  CHECK(dense == 2 + 1 + 3);  // encoder, first layers of all towers, three heads
}

TEST_CASE("mmoe: parameter count of the paper, fused experts and gates") {
  const esp::PlanView& plan = esp::plan_of<Model<esp::Mmoe<4, esp::Mlp<32, 16>>>>();
  check_plan(plan);
  const esp::Index experts = 4 * ((25 * 32 + 32) + (32 * 16 + 16));
  const esp::Index gates = 3 * 4 * 25;
  const esp::Index towers = 2 * (16 * 64 + 64 + 65) + (16 * 32 + 32 + 33);
  CHECK(parameters(plan) == experts + gates + towers);
  CHECK(tensor(plan, "expert3/dense1/weight").rows == 16);
  CHECK(tensor(plan, "click/gate/weight").task == 0);
  // Each expert's gradient sums over all gates, each gate's over all experts; only the first writer
  // overwrites.
  int mixes = 0, overwriting = 0;
  for (const esp::Node& n : plan.nodes) {
    if (n.op != esp::op_id<esp::ops::Mix>) continue;
    ++mixes;
    overwriting += n.accumulate_in ? 0 : 1;
    CHECK_FALSE(n.accumulate_in2);
  }
  CHECK(mixes == 3);
  CHECK(overwriting == 1);
}

TEST_CASE("single task: separate tables and encoders over the same vocabularies") {
  const esp::PlanView& plan = esp::plan_of<Model<esp::SingleTask<esp::Mlp<32>>>>();
  check_plan(plan);
  CHECK(plan.tables.size() == 6);
  CHECK(plan.tables[0].name.view() == "click/embedding/movie");
  CHECK(plan.tables[5].vocabulary == 1);
  CHECK(plan.sizes.lookups == 6);
  for (const esp::ParameterInfo& t : plan.tensors) CHECK(t.task >= 0);
}

TEST_CASE("no gradient is asked for where nothing below can learn") {
  struct Dense : esp::MultiTaskModel<esp::Inputs<esp::NumericVector<"x", 256>>,
                                     esp::SharedBottom<esp::Mlp<64>>, Click, Content> {};
  const esp::PlanView& plan = esp::plan_of<Dense>();
  check_plan(plan);
  CHECK_FALSE(plan.nodes[1].in.gradient);  // the first layer needs no input gradient
  CHECK(plan.nodes[2].in.gradient);
  CHECK(plan.sizes.zeroed == 0);
}

TEST_CASE("fields that share a table share its vocabulary") {
  using Shared = esp::Inputs<esp::Categorical<"video", 4>, esp::Numeric<"a">, esp::Numeric<"b">,
                             esp::Categorical<"last", 4, esp::SharedTable<"video">>,
                             esp::Hashed<"url", 100, 6>, esp::MultiCategorical<"tags", 3>>;
  struct M : esp::MultiTaskModel<Shared, esp::SharedBottom<esp::Mlp<8>>, Click> {};
  const esp::PlanView& plan = esp::plan_of<M>();
  check_plan(plan);
  REQUIRE(plan.tables.size() == 3);
  CHECK(plan.tables[1].vocabulary == 1);
  CHECK(plan.tables[2].vocabulary == 2);
  CHECK(plan.sizes.lookups == 4);
  CHECK(plan.sizes.lookup_values == 4 + 4 + 6 + 3);
  CHECK(plan.nodes[1].out.rows == 2);  // both numbers in one copy
  CHECK(plan.nodes[2].table == 0);
}

TEST_CASE("layers: residual, norms and dropout fold, in and out of experts") {
  using Deep = esp::Layers<esp::Dense<32, esp::Activation::gelu>, esp::LayerNorm,
                           esp::Residual<esp::Dense<16>, esp::Dense<32>>,
                           esp::Dropout<esp::Rate{0.1}>, esp::Dense<8>>;
  check_plan(esp::plan_of<Model<esp::SharedBottom<Deep>>>());
  check_plan(esp::plan_of<Model<esp::Mmoe<3, Deep>>>());
  const esp::PlanView& norm =
      esp::plan_of<Model<esp::SharedBottom<esp::Layers<esp::Dense<8>, esp::BatchNorm>>>>();
  check_plan(norm);
  CHECK(norm.sizes.scratch == 33);
  CHECK_FALSE(tensor(norm, "shared/batch_norm1/running_mean").trainable);
  CHECK(tensor(norm, "shared/batch_norm1/running_mean").offset >= norm.sizes.parameters);
}

TEST_CASE("a node has its own tensors, however near others lie") {
  // 32 values each: no padding between a tensor and the next.
  using Norm = esp::SharedBottom<esp::Layers<esp::Dense<32>, esp::LayerNorm>>;
  const esp::PlanView& plan = esp::plan_of<Model<Norm>>();
  const auto tensors_of = [&](std::string_view node) {
    std::vector<std::string> names;
    for (const esp::Node& n : plan.nodes) {
      if (n.name.view() != node) continue;
      esp::for_each_tensor(plan, n, [&](std::size_t, const esp::ParameterInfo& t) {
        names.emplace_back(t.name.view());
      });
    }
    return names;
  };
  CHECK(tensors_of("shared/layer_norm1") ==
        std::vector<std::string>{"shared/layer_norm1/gain", "shared/layer_norm1/shift"});
  CHECK(tensors_of("towers") == std::vector<std::string>{"click/dense0/weight", "buy/dense0/weight",
                                                         "content/dense0/weight",
                                                         "click/dense0/bias", "buy/dense0/bias",
                                                         "content/dense0/bias"});
  // One task's part of the towers' joint first layer.
  for (const esp::Node& n : plan.nodes) {
    if (n.name.view() != "towers") continue;
    const esp::Extent buy = esp::part_of(plan, n.parameters[0], 64 * 32, 64 * 32);
    CHECK(buy.count == 1);
    CHECK(plan.tensors[static_cast<std::size_t>(buy.first)].name.view() == "buy/dense0/weight");
    CHECK(buy.offset == tensor(plan, "buy/dense0/weight").offset);
    CHECK(esp::part_of(plan, n.parameters[0], 64 * 32, 64 * 32 + 1).count == 2);
  }
}
