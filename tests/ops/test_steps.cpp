// SPDX-License-Identifier: Apache-2.0
// Blocks of several steps in every layer and sharing method: gradients compared with central
// differences in double.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

#include "espalier/describe/sharing/all.hpp"
#include "espalier/exec/random_batch.hpp"
#include "espalier/passes/task_paths.hpp"
#include "espalier/report/gate_usage.hpp"
#include "ops/gradients.hpp"
#include "support/steps.hpp"

namespace esp = espalier;

namespace {

using Six =
    esp::Inputs<esp::Numeric<"a">, esp::Categorical<"movie", 3>, esp::Categorical<"user", 2>>;

using TwoSteps = espalier_test::InTwoSteps<Six>;  // each step has three values
using espalier_test::LastStep;

template <class... Ls>
inline constexpr esp::Layers<Ls..., LastStep, esp::Dense<4, esp::Activation::tanh>> Last{};

using Click = esp::Task<"click", esp::BinaryCrossEntropy, Last<>>;
using Buy = esp::Task<"buy", esp::BinaryCrossEntropy, esp::Weight{0.7}, Last<esp::Dense<3>>>;
using Watch = esp::Task<"watch", esp::MeanSquaredError, esp::Weight{0.5}, Last<esp::LayerNorm>>;

template <class Sharing>
struct Model : esp::MultiTaskModel<TwoSteps, Sharing, Click, Buy, Watch> {};

template <class Sharing>
void check() {
  using M = Model<Sharing>;
  int two = 0;
  for (const esp::Node& n : esp::plan_of<M>().nodes) two += n.out.steps == 2 ? 1 : 0;
  CHECK(two > 1);  // more than the LayerNorm of the last tower
  // A node of two steps costs twice as much as with one step.
  const auto program = esp::program_of<M, double, esp::Cpu>();
  for (std::size_t i = 0; i < program.operations.size(); ++i) {
    const esp::Node& n = program.plan.nodes[i];
    if (n.out.steps != 2 || n.in.steps != 2) continue;
    esp::Node one = n;
    one.in.steps = one.in2.steps = one.out.steps = one.cache.steps = 1;
    CAPTURE(n.name.view());
    const esp::Cost all = program.operations[i].cost(n), each = program.operations[i].cost(one);
    CHECK(all.forward_flops == 2 * each.forward_flops);
    CHECK(all.backward_flops == 2 * each.backward_flops);
    CHECK(all.bytes == 2 * each.bytes);
  }
  espalier_test::check_model<M>();
}

using Act = esp::Layers<esp::Dense<5, esp::Activation::tanh>>;
using Narrow = esp::Layers<esp::Dense<4, esp::Activation::tanh>>;

}  // namespace

TEST_CASE("steps: layers") {
  check<esp::SharedBottom<
      esp::Layers<esp::Dense<6, esp::Activation::gelu>, esp::LayerNorm, esp::Dense<5>>>>();
  check<esp::SharedBottom<esp::Layers<esp::Dense<6>, esp::BatchNorm,
                                      esp::Residual<esp::Dense<6, esp::Activation::silu>>>>>();
  check<
      esp::SharedBottom<esp::Layers<esp::Dense<6>, esp::Dropout<esp::Rate{0.3}>, esp::Dense<5>>>>();
}

TEST_CASE("steps: ways to share") {
  check<esp::SingleTask<Act>>();
  check<esp::Branches<Act, esp::Branch<Narrow, "buy", "click">,
                      esp::Branch<esp::Layers<>, "watch">>>();
  check<esp::OneGateMoe<3, Act>>();
  check<esp::Mmoe<3, Act>>();
  check<esp::Mmoe<2, esp::Layers<esp::LayerNorm, esp::Dense<5>>>>();
  check<esp::Gated<esp::Mmoe<3, Act>, esp::GateDropout<esp::Rate{0.3}>>>();
  check<esp::Cgc<2, 1, Act>>();
  check<esp::Ple<2, 1, Act, Narrow>>();
  check<esp::CrossStitch<Act, Narrow>>();
  check<esp::AdaTT<2, 1, Act, Act>>();
  check<esp::Mtan<Act, Narrow>>();
  check<esp::SubNetworkRouting<3, Act, Narrow>>();
  check<esp::DselectK<4, 2, Act>>();
  check<esp::Home<2, 2, 4, 3, esp::Category<"click", "buy">, esp::Category<"watch">>>();
  check<esp::Esmm<Act, "click", "buy">>();
  check<esp::Aitm<Act, "click", "buy">>();
}

TEST_CASE("steps: a representation that is one step of a block bounds a task's path") {
  using Step =
      esp::MultiTaskModel<TwoSteps, esp::SharedBottom<esp::Layers<esp::Dense<5>, LastStep>>,
                          esp::Task<"click", esp::BinaryCrossEntropy, esp::Tower<4>>>;
  struct M : Step {};
  const auto program = esp::program_of<M, double, esp::Cpu>();
  const esp::PlanView& plan = program.plan;
  const esp::BackwardPath path = esp::backward_path(
      plan, program.traits, {&plan.tasks[0].logits, 1}, {&plan.tasks[0].representation, 1});
  CHECK(std::none_of(path.nodes.begin(), path.nodes.end(),
                     [](const esp::Node& n) { return n.name.view().starts_with("shared"); }));
  CHECK(path.nodes.size() == 2);
}

TEST_CASE("steps: the load of gates is a mean over samples and steps") {
  using M = Model<esp::Mmoe<3, Act>>;
  const auto program = esp::program_of<M, double, esp::Cpu>();
  const std::vector<esp::Index> rows{4, 5};
  esp::Parameters<double> parameters(program.plan, rows);
  esp::initialize(program.plan, 1, parameters);
  const esp::RandomBatch<double> data(program.plan, 30, rows, 2);
  esp::GateUsage<double> usage(program, parameters);
  usage.add(data.batch());
  for (const esp::GateReport& gate : usage.reports()) {
    CHECK(gate.load[0] + gate.load[1] + gate.load[2] == doctest::Approx(1));
    CHECK(gate.entropy <= std::log(3.0) + 1e-9);
  }
}
