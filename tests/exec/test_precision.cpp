// SPDX-License-Identifier: Apache-2.0
// Training with bf16 products: gradients close to float's, bitwise equal results for any number of
// threads, no allocation, bitwise equal resumed runs, and equal model quality.
#include <doctest/doctest.h>

#include <cmath>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "espalier/exec/make_balance.hpp"
#include "espalier/exec/random_batch.hpp"
#include "support/allocations.hpp"
#include "support/made_up.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier_test;

namespace {

using Wide = esp::Layers<esp::Dense<40>, esp::Dropout<esp::Rate{0.1}>, esp::LayerNorm,
                         esp::Dense<24, esp::Activation::gelu>>;
using WideInputs = esp::Inputs<esp::NumericVector<"v", 21>, esp::Categorical<"user", 6>>;
struct WideBottom : esp::MultiTaskModel<WideInputs, esp::SharedBottom<Wide>, Click, Watch> {};
struct WideExperts : esp::MultiTaskModel<WideInputs, esp::Mmoe<3, Wide>, Click, Watch> {};
struct WideNormed
    : esp::MultiTaskModel<
          WideInputs,
          esp::SharedBottom<esp::Layers<esp::Dense<40>, esp::BatchNorm, esp::Dense<20>>>, Click,
          Watch> {};
/// No ReLU: gradients differ by rounding only, even for a single sample.
using SmoothClick = esp::Task<"click", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<>>;
using SmoothWatch = esp::Task<"watch", esp::MeanSquaredError, esp::Weight{0.5}, esp::Tower<>>;
using SmoothLayers = esp::Layers<esp::Dense<40, esp::Activation::gelu>, esp::LayerNorm,
                                 esp::Dense<24, esp::Activation::tanh>>;
struct Smooth
    : esp::MultiTaskModel<WideInputs, esp::SharedBottom<SmoothLayers>, SmoothClick, SmoothWatch> {};
/// For data that can be learnt.
struct Learner
    : esp::MultiTaskModel<MadeUpInputs, esp::SharedBottom<esp::Mlp<40, 30>>, Click, Watch> {};

const std::vector<esp::Index> rows{30};

template <class Model>
struct Steps {
  esp::TrainExecutor<float> executor;
  std::vector<double> weights{1, 0.5};
  std::int64_t step = 0;

  explicit Steps(esp::Precision precision, int threads = 2, esp::Index most = 600)
      : executor(esp::program_of<Model, float, esp::Cpu>(), rows, most, threads,
                 precision.device()) {
    esp::initialize(executor.plan(), 3, executor.parameters());
    executor.prepare(esp::Adam{.learning_rate = 1e-2}, {});
  }
  void learn(const esp::Batch<float>& batch) {
    ++step;
    executor.forward_backward(batch, weights, esp::mix(1, static_cast<std::uint64_t>(step)));
    executor.update({step, 1, 1}, 1.0);
  }
  std::vector<float> gradient(const esp::Batch<float>& batch) {
    executor.forward_backward(batch, weights, 7);
    std::vector<float> values(static_cast<std::size_t>(executor.plan().sizes.parameters));
    executor.read_gradient(values);
    executor.clear_gradient();
    return values;
  }
};

/// |a − b| / |b|, and whether a and b are equal.
std::pair<double, bool> distance(const std::vector<float>& a, const std::vector<float>& b) {
  double apart = 0, length = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    apart += (x - y) * (x - y);
    length += y * y;
  }
  return {std::sqrt(apart / length), a == b};
}

template <class Model>
void check_gradient(std::initializer_list<esp::Index> sizes, double most) {
  for (const esp::Index samples : sizes) {
    CAPTURE(samples);
    const esp::RandomBatch<float> data(esp::plan_of<Model>(), samples, rows, 5);
    Steps<Model> plain(esp::Precision::Fp32), narrow(esp::Precision::Bf16);
    const std::pair<double, bool> found =
        distance(narrow.gradient(data.batch()), plain.gradient(data.batch()));
    CHECK(found.first < most);
    CHECK_FALSE(found.second);
  }
}

template <class Model>
void check_threads() {
  for (const esp::Index samples : {1, 37, 600}) {
    const esp::RandomBatch<float> data(esp::plan_of<Model>(), samples, rows, 5, 0.1, true);
    Steps<Model> one(esp::Precision::Bf16, 1);
    for (int i = 0; i < 5; ++i) one.learn(data.batch());
    for (const int threads : {2, 4}) {
      Steps<Model> many(esp::Precision::Bf16, threads);
      for (int i = 0; i < 5; ++i) many.learn(data.batch());
      CHECK(same_bits(one.executor.parameters(), many.executor.parameters()));
    }
  }
}

template <class Model>
long allocations_of_steps() {
  const esp::RandomBatch<float> large(esp::plan_of<Model>(), 600, rows, 5),
      small(esp::plan_of<Model>(), 61, rows, 6);
  Steps<Model> run(esp::Precision::Bf16);
  run.learn(large.batch());
  run.learn(small.batch());
  const long before = allocations();
  for (int i = 0; i < 5; ++i) {
    run.learn(large.batch());
    run.learn(small.batch());
  }
  return allocations() - before;
}

}  // namespace

TEST_CASE("bf16: gradients lie near those in float") {
  // Several rounding errors of 2⁻⁹ in a row.
  check_gradient<Smooth>({1, 20, 300, 600}, 0.01);
  // In addition a few ReLUs switch; with few samples that is a large part of the gradient.
  check_gradient<WideBottom>({20, 300, 600}, 0.05);
  check_gradient<WideExperts>({20, 300, 600}, 0.05);
  check_gradient<WideNormed>({20, 300, 600}, 0.05);
}

TEST_CASE("bf16: the same bits for 1, 2 and 4 threads") {
  check_threads<WideBottom>();
  check_threads<WideExperts>();
  check_threads<WideNormed>();
}

TEST_CASE("bf16: nothing allocates in a step") {
  CHECK(allocations_of_steps<WideBottom>() == 0);
  CHECK(allocations_of_steps<WideExperts>() == 0);
  CHECK(allocations_of_steps<WideNormed>() == 0);
}

TEST_CASE("bf16: as good a model, with a loss weighting and a gradient method too") {
  const esp::Dataset train = made_up(3000, 1), valid = made_up(1000, 2);
  for (const char* balance : {"equal", "uncertainty_revised", "pc_grad"}) {
    CAPTURE(balance);
    const auto auc = [&](esp::Precision precision) {
      esp::TrainerOptions o = quick_options();
      o.balance = esp::make_balance(balance);
      o.precision = precision;
      esp::Trainer<Learner> trainer(o);
      trainer.fit(train, valid);
      return trainer.evaluate(valid).value("click", "auc");
    };
    const double plain = auc(esp::Precision::Fp32), narrow = auc(esp::Precision::Bf16);
    CHECK(plain > 0.75);
    CHECK(std::abs(plain - narrow) < 0.005);
  }
}

TEST_CASE("bf16: a run goes on bit for bit, and in the precision it was started with") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  const esp::Dataset train = made_up(230, 1), valid = made_up(100, 2);
  esp::TrainerOptions o = quick_options();
  o.precision = esp::Precision::Bf16;
  o.resume = true;
  o.patience = 0;
  o.checkpoint = folder / "whole.safetensors";
  esp::Trainer<Learner> whole(o);
  whole.fit(train, valid);

  o.checkpoint = folder / "cut.safetensors";
  esp::TrainerOptions stopping = o;
  stopping.callbacks.push_back([](esp::EpochInfo& info) { info.stop = false; });
  stopping.epochs = 1;
  esp::Trainer<Learner>(stopping).fit(train, valid);
  esp::TrainerOptions other = o;
  other.precision = esp::Precision::Fp32;
  CHECK(message_of([&] { esp::Trainer<Learner>(other).fit(train, valid); }) ==
        folder / "cut.safetensors.resume" +
            std::string(": the run was started with precision: bf16, now it is precision: fp32; "
                        "resume with the same settings, or remove the file to start anew"));
  esp::Trainer<Learner> resumed(o);
  resumed.fit(train, valid);
  CHECK(same_bits(whole.parameters(), resumed.parameters()));
}
