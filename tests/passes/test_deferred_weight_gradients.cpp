// SPDX-License-Identifier: Apache-2.0
// Weight gradients of large matrices computed from the whole batch, compared with those computed
// per microbatch.
#include "espalier/passes/deferred_weight_gradients.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "espalier/describe/model.hpp"
#include "espalier/exec/executor.hpp"
#include "espalier/exec/random_batch.hpp"
#include "espalier/kernels/precision.hpp"
#include "espalier/losses/losses.hpp"
#include "espalier/optim/optim.hpp"
#include "support/step_allocations.hpp"
#include "support/worst.hpp"

namespace esp = espalier;
using esp::Index;

namespace {

using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<8>>;
using Watch = esp::Task<"watch", esp::MeanSquaredError, esp::Weight{0.5}, esp::Tower<8>>;
using Inputs = esp::Inputs<esp::NumericVector<"x", 150>, esp::Categorical<"user", 7>>;
template <esp::Activation A>
using Encoder = esp::Layers<esp::Dense<128, A>, esp::Dropout<esp::Rate{0.2}>, esp::Dense<137, A>>;
struct Shared
    : esp::MultiTaskModel<Inputs, esp::SharedBottom<Encoder<esp::Activation::relu>>, Click, Watch> {
};
struct Smooth
    : esp::MultiTaskModel<Inputs, esp::SharedBottom<Encoder<esp::Activation::gelu>>, Click, Watch> {
};
struct Straight : esp::MultiTaskModel<Inputs, esp::SharedBottom<Encoder<esp::Activation::identity>>,
                                      Click, Watch> {};
/// The experts' second layers are adjacent: one matrix per expert. Several nodes add to the
/// gradient that the towers read.
struct Experts
    : esp::MultiTaskModel<Inputs, esp::Mmoe<3, Encoder<esp::Activation::relu>>, Click, Watch> {};
/// Another pass handles the small tables and the layer on them; this pass handles the layer above.
struct Tables
    : esp::MultiTaskModel<esp::Inputs<esp::Categorical<"a", 80>, esp::Categorical<"b", 80>>,
                          esp::SharedBottom<esp::Mlp<128, 160>>, Click, Watch> {};

const std::vector<Index> rows{3000}, few_rows{3, 5};

template <class Model, class T>
std::vector<T> gradient(Index samples, bool whole, int threads = 1,
                        const std::vector<Index>& table_rows = rows,
                        esp::Precision precision = esp::Precision::Fp32) {
  const esp::PlanView plan = esp::plan_of<Model>();
  const esp::RandomBatch<T> data(plan, samples, table_rows, 5, 0.2, true);
  const std::vector<std::string_view> without{esp::DeferredWeightGradients<T>::name};
  esp::TrainExecutor<T> executor(esp::program_of<Model, T, esp::Cpu>(), table_rows, 600, threads,
                                 precision.device(),
                                 whole ? std::span<const std::string_view>() : without);
  esp::initialize(plan, 3, executor.parameters());
  executor.poison(std::numeric_limits<T>::quiet_NaN());
  executor.clear_gradient();
  const std::vector<double> weights{1, 0.5};
  executor.forward_backward(data.batch(), weights, 9);
  std::vector<T> made(static_cast<std::size_t>(plan.sizes.parameters));
  executor.read_gradient(made);
  return made;
}

template <class Model>
void compare(Index samples, const std::vector<Index>& table_rows = rows) {
  CAPTURE(samples);
  const auto whole = gradient<Model, double>(samples, true, 1, table_rows),
             sliced = gradient<Model, double>(samples, false, 1, table_rows);
  double worst = 0;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    const double difference = std::abs(whole[i] - sliced[i]);
    espalier_test::keep_worst(worst, difference);  // NaN: a value was read before it was written
  }
  CHECK(worst < 1e-13);
}

const auto every_layer = [](const esp::Step<float>&) { return true; };

[[nodiscard]] esp::ExecutionSchedule<float> plain_schedule(
    const esp::Program<float, esp::Cpu>& program) {
  return esp::training_schedule(program, esp::Step<float>{}, {});
}

[[nodiscard]] Index pieces(Index samples, Index max_batch = 600) {
  const auto program = esp::program_of<Shared, float, esp::Cpu>();
  esp::ExecutionSchedule<float> schedule = plain_schedule(program);
  esp::DeferredWeightGradients<float> pass(schedule, program.plan, program.traits, max_batch, {},
                                           every_layer);
  const std::size_t before = schedule.steps.size();
  pass.apply(schedule, esp::Microbatches::of(samples));
  CHECK(schedule.notes.size() == 1);
  CHECK(schedule.notes[0].fired == (schedule.steps.size() > before));
  return schedule.notes[0].fired ? schedule.steps.back().pieces : 0;
}

}  // namespace

TEST_CASE("weight gradients: as made microbatch by microbatch") {
  for (const Index samples : {17, 31, 64}) {
    compare<Shared>(samples);
    compare<Smooth>(samples);
    compare<Straight>(samples);
    compare<Experts>(samples);
    compare<Tables>(samples, few_rows);
  }
  compare<Shared>(600);
}

TEST_CASE("weight gradients: in bf16 too") {
  const auto whole = gradient<Experts, float>(64, true, 2, rows, esp::Precision::Bf16),
             sliced = gradient<Experts, float>(64, false, 2, rows, esp::Precision::Bf16);
  for (std::size_t i = 0; i < whole.size(); ++i)
    REQUIRE(std::abs(whole[i] - sliced[i]) < 1e-6F * (1 + std::abs(sliced[i])));
}

TEST_CASE("weight gradients: of which batches") {
  CHECK(pieces(16) == 0);  // one microbatch: no accumulators to sum
  CHECK(pieces(17) == 4);  // two pieces per matrix, of 64 to 73 rows
  CHECK(pieces(64) == 4);
  CHECK(pieces(72) == 0);   // only two accumulators
  CHECK(pieces(600) == 0);  // the batch's values outweigh the matrix
  CHECK(pieces(40, 40) == 4);
  CHECK(pieces(16, 16) == 0);
}

TEST_CASE("weight gradients: a matrix of two layers is left to the microbatches") {
  auto program = esp::program_of<Shared, float, esp::Cpu>();
  std::vector<esp::Node> nodes(program.plan.nodes.begin(), program.plan.nodes.end());
  const auto dense = std::find_if(nodes.begin(), nodes.end(), [](const esp::Node& n) {
    return n.op == esp::op_id<esp::ops::Dense>;
  });
  REQUIRE(dense != nodes.end());
  const auto place = static_cast<std::size_t>(dense - nodes.begin());
  nodes.push_back(esp::Node(nodes[place]));
  std::vector<esp::OperationTraits> traits(program.traits.begin(), program.traits.end());
  traits.push_back(traits[place]);
  std::vector<esp::OperationFunctions<float, esp::Cpu>> operations(program.operations.begin(),
                                                                   program.operations.end());
  operations.push_back(operations[place]);
  program.plan.nodes = nodes;
  program.traits = traits;
  program.operations = operations;
  const esp::DeferredWeightGradients<float> pass(plain_schedule(program), program.plan,
                                                 program.traits, 600, {}, every_layer);
  CHECK(pass.chosen(esp::Microbatches::of(64)).size() == 1);  // the second layer only
}

TEST_CASE(
    "weight gradients: the same bits for any number of threads, and no allocation in a step") {
  const auto one = gradient<Experts, float>(64, true, 1);
  for (const int threads : {2, 5}) {
    const auto many = gradient<Experts, float>(64, true, threads);
    CHECK(std::memcmp(many.data(), one.data(), one.size() * sizeof(float)) == 0);
  }
  esp::TrainExecutor<float> executor(esp::program_of<Experts, float, esp::Cpu>(), rows, 64, 2);
  const esp::RandomBatch<float> data(esp::plan_of<Experts>(), 64, rows, 1);
  CHECK(espalier_test::step_allocations(executor, data.batch()) == 0);
}

TEST_CASE("weight gradients: an update takes them once, and leaves none behind") {
  esp::TrainExecutor<double> executor(esp::program_of<Shared, double, esp::Cpu>(), rows, 600, 2);
  esp::initialize(executor.plan(), 3, executor.parameters());
  executor.prepare(esp::Sgd{.learning_rate = 1.0}, {});
  const std::vector<double> weights{1, 0.5};
  const auto whole_sum = [&](Index samples) {
    const esp::RandomBatch<double> data(executor.plan(), samples, rows, 5, 0.2, true);
    const std::vector<double> before(executor.parameters().dense.begin(),
                                     executor.parameters().dense.end());
    executor.forward_backward(data.batch(), weights, 9);
    std::vector<double> gradient(static_cast<std::size_t>(executor.plan().sizes.parameters));
    executor.read_gradient(gradient);
    executor.update({1, 1, 1});
    double worst = 0;
    const auto differ = [&](double x, double y) {
      espalier_test::keep_worst(worst, std::abs(x - y));  // also detects NaN
    };
    for (std::size_t i = 0; i < gradient.size(); ++i)
      differ(executor.parameters().dense[i], before[i] - gradient[i]);
    executor.read_gradient(gradient);
    for (const double left : gradient) differ(left, 0);
    return worst;
  };
  // Steps with and without deferral alternate.
  for (const Index samples : {64, 600, 64, 300, 20}) CHECK(whole_sum(samples) < 1e-12);
}
