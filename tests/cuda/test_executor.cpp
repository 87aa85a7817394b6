// SPDX-License-Identifier: Apache-2.0
// CudaTrainExecutor, on the emulator, against the CPU's executor: whole models.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "cuda/recording.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/describe/sharing/all.hpp"
#include "espalier/exec/cuda/train_executor.hpp"
#include "espalier/exec/executor.hpp"
#include "espalier/exec/random_batch.hpp"
#include "espalier/optim/optim.hpp"
#include "support/click_and_watch.hpp"
#include "support/parameter_values.hpp"

namespace esp = espalier;
using esp::Index;

namespace {

using espalier_test::click_and_watch::Bottom;
using espalier_test::click_and_watch::Click;
using espalier_test::click_and_watch::Watch;

const std::vector<Index> rows{40, 30};
const std::vector<double> weights{1, 0.5};

/// Both executors with the same parameters.
template <class Model>
struct Both {
  esp::TrainExecutor<float> cpu;
  esp::CudaTrainExecutor gpu;
  std::int64_t step = 0;

  Both(Index capacity, const esp::Optimizer& optimizer, double clip = 0,
       const std::vector<std::string>& freeze = {},
       const std::vector<esp::ParameterGroup>& groups = {})
      : cpu(esp::program_of<Model, float, esp::Cpu>(), rows, capacity, 1),
        gpu(esp::program_of<Model, float, esp::Cuda>(), rows, capacity),
        max_norm(clip) {
    esp::initialize(cpu.plan(), 1, cpu.parameters());
    cpu.prepare(optimizer, freeze, groups);
    gpu.prepare(optimizer, freeze, groups);
    gpu.set_parameters(cpu.parameters());
  }

  /// A step of both; checks the losses.
  void train(const esp::Batch<float>& batch) {
    ++step;
    const esp::UpdateStep update{step, 0.9, 1};
    const std::vector<double> expected = [&] {
      const auto losses = cpu.forward_backward(batch, weights, static_cast<std::uint64_t>(step));
      return std::vector<double>(losses.begin(), losses.end());
    }();
    const double norm = cpu.update(update, max_norm);
    gpu.step(batch, weights, static_cast<std::uint64_t>(step), update, max_norm);
    const auto losses = gpu.losses();
    for (std::size_t k = 0; k < expected.size(); ++k) {
      if (std::isnan(expected[k]))
        CHECK(std::isnan(losses[k]));
      else
        CHECK(losses[k] == doctest::Approx(expected[k]).epsilon(1e-5));
    }
    CHECK(gpu.norm() == doctest::Approx(norm).epsilon(1e-4));
  }

  /// The largest difference between parameters.
  [[nodiscard]] double apart() {
    esp::Parameters<float> got(cpu.plan(), rows);
    gpu.get_parameters(got);
    return espalier_test::most_apart(espalier_test::values_of(got),
                                     espalier_test::values_of(cpu.parameters()));
  }

  double max_norm;
};

}  // namespace

TEST_CASE("cuda: a model trains and predicts as on the CPU") {
  for (const bool sample_weights : {false, true}) {
    Both<Bottom> both(50, esp::Adam{.learning_rate = 1e-2});
    for (const Index samples : {50, 50, 7, 1, 50}) {
      const esp::RandomBatch<float> batch(both.cpu.plan(), samples, rows,
                                          static_cast<std::uint64_t>(both.step + 3), 0.3,
                                          sample_weights);
      both.train(batch.batch());
    }
    CHECK(both.apart() <= 1e-3);  // Adam divides by √v: small gradients differ in more digits

    const esp::RandomBatch<float> batch(both.cpu.plan(), 33, rows, 9);
    std::vector<float> a(33), b(33), c(33), d(33);
    float* const expected[] = {a.data(), b.data()};
    float* const got[] = {c.data(), d.data()};
    both.cpu.predict(batch.batch(), expected);
    both.gpu.predict(batch.batch(), got);
    for (std::size_t j = 0; j < 33; ++j) {
      CHECK(std::abs(c[j] - a[j]) <= 1e-3F);
      CHECK(std::abs(d[j] - b[j]) <= 1e-2F);
    }
  }
}

namespace sharing {

using Buy = esp::Task<"buy", esp::BinaryCrossEntropy, esp::Weight{0.7}, esp::Tower<8>>;
using Fields = esp::Inputs<esp::Numeric<"age">, esp::Categorical<"user", 2>, esp::Numeric<"hour">,
                           esp::Categorical<"item", 2>>;
using Act = esp::Layers<esp::Dense<5, esp::Activation::tanh>>;
using Next = esp::Layers<esp::Dense<4, esp::Activation::silu>, esp::LayerNorm>;
template <class Sharing>
struct Model : esp::MultiTaskModel<Fields, Sharing, Click, Buy, Watch> {};

}  // namespace sharing

TEST_CASE_TEMPLATE("cuda: gradients of every kind of sharing that a GPU runs are the CPU's",
                   Sharing, esp::Mmoe<3, sharing::Act>, esp::Ple<2, 1, sharing::Act, sharing::Next>,
                   esp::CrossStitch<sharing::Act, sharing::Next>,
                   esp::Mtan<sharing::Act, sharing::Next>, esp::DselectK<4, 2, sharing::Act>,
                   esp::PepNet<esp::Domain<"item">, esp::Person<"user">, 5>,
                   esp::MetaHeac<3, 2, 3, sharing::Act>, esp::Esmm<sharing::Act, "click", "buy">) {
  using Model = sharing::Model<Sharing>;
  const std::vector<double> three{1, 0.7, 0.5};
  esp::TrainExecutor<float> cpu(esp::program_of<Model, float, esp::Cpu>(), rows, 20, 1);
  esp::CudaTrainExecutor gpu(esp::program_of<Model, float, esp::Cuda>(), rows, 20);
  esp::initialize(cpu.plan(), 1, cpu.parameters());
  gpu.set_parameters(cpu.parameters());
  const esp::RandomBatch<float> batch(cpu.plan(), 19, rows, 5, 0.2);
  const auto expected_losses = cpu.forward_backward(batch.batch(), three, 7);
  gpu.forward_backward(batch.batch(), three, 7);
  const auto losses = gpu.losses();
  for (std::size_t k = 0; k < losses.size(); ++k)
    CHECK(losses[k] == doctest::Approx(expected_losses[k]).epsilon(1e-5));
  const auto size = static_cast<std::size_t>(cpu.plan().sizes.parameters);
  std::vector<float> expected(size), got(size);
  cpu.read_gradient(expected);
  gpu.get_gradient(got);
  float most = 0, apart = 0;
  for (std::size_t i = 0; i < size; ++i) {
    most = (std::max)(most, std::abs(expected[i]));
    apart = (std::max)(apart, std::abs(got[i] - expected[i]));
  }
  CHECK(most > 0);
  CHECK(apart <= 1e-4F * most);
}

TEST_CASE("cuda: gradients are the CPU's") {
  Both<Bottom> both(40, esp::Sgd{.learning_rate = 0.1});
  const esp::RandomBatch<float> batch(both.cpu.plan(), 40, rows, 5, 0.3);
  both.cpu.forward_backward(batch.batch(), weights, 7);
  both.gpu.forward_backward(batch.batch(), weights, 7);
  const auto size = static_cast<std::size_t>(both.cpu.plan().sizes.parameters);
  std::vector<float> expected(size), got(size);
  both.cpu.read_gradient(expected);
  both.gpu.get_gradient(got);
  float most = 0;
  for (const float g : expected) most = (std::max)(most, std::abs(g));
  for (std::size_t i = 0; i < size; ++i) CHECK(std::abs(got[i] - expected[i]) <= 1e-5F * most);
  // They are not part of the next step.
  both.cpu.clear_gradient();
  both.train(batch.batch());
  CHECK(both.apart() <= 1e-6);
}

TEST_CASE("cuda: clipping, frozen parameters and groups") {
  Both<Bottom> both(30, esp::Sgd{.learning_rate = 0.1, .momentum = 0.9}, 0.05, {"*/bias"},
                    {{.pattern = "embedding/*", .rate = 0.5}});
  for (int i = 0; i < 4; ++i) {
    const esp::RandomBatch<float> batch(both.cpu.plan(), 30, rows, static_cast<std::uint64_t>(i),
                                        0.3);
    both.train(batch.batch());
  }
  CHECK(both.apart() <= 1e-5);
}

TEST_CASE("cuda: a step is one launch of a graph, and the host waits for nothing but the losses") {
  Both<Bottom> both(20, esp::Adam{});
  const esp::RandomBatch<float> batch(both.cpu.plan(), 20, rows, 1);
  both.gpu.step(batch.batch(), weights, 1, {1, 1, 1});
  const esp::cuda::Recording before = esp::cuda::recording();
  for (std::int64_t step = 2; step < 7; ++step)
    both.gpu.step(batch.batch(), weights, 1, {step, 1, 1});
  const esp::cuda::Recording& after = esp::cuda::recording();
  CHECK(after.graphs - before.graphs == (esp::cuda::emulated() ? 5 : 0));
  CHECK(after.waits == before.waits);
  for (const auto& entry : after.submitted) {
    const std::string& name = entry.first;
    CAPTURE(name);
    const auto found = before.submitted.find(name);
    const int more = entry.second - (found == before.submitted.end() ? 0 : found->second);
    CHECK((more == 0 || name == "copy to device"));  // the batch, and the settings of the step
  }
  CHECK(both.gpu.graph_nodes(20) > 10);
}

TEST_CASE("cuda: the same bits whatever the order of blocks and threads") {
  std::vector<float> first;
  for (const std::uint64_t seed : {1U, 2U}) {
    Both<Bottom> both(33, esp::Adam{.learning_rate = 1e-2});
    esp::cuda::seed_emulator(seed);
    for (int i = 0; i < 2; ++i) {
      const esp::RandomBatch<float> batch(both.cpu.plan(), 33, rows, static_cast<std::uint64_t>(i),
                                          0.3);
      both.gpu.step(batch.batch(), weights, 1, {i + 1, 1, 1});
    }
    esp::Parameters<float> got(both.cpu.plan(), rows);
    both.gpu.get_parameters(got);
    const std::vector<float> all = espalier_test::values_of(got);
    if (seed == 1) first = all;
    CHECK(all == first);
  }
}

TEST_CASE("cuda: what cannot run is said") {
  const auto make = [](Index batch) {
    return esp::CudaTrainExecutor(esp::program_of<Bottom, float, esp::Cuda>(), rows, batch)
        .capacity();
  };
  CHECK_THROWS_WITH_AS(make(0), "batch_size is 0, expected 1 or more", esp::ConfigError);
  if (esp::cuda::emulated()) {
    esp::cuda::limit_memory(std::size_t{1} << 20U);
    CHECK_THROWS_WITH_AS(make(8),
                         "out of device memory: 33554432 bytes were asked for the workspace, "
                         "1048576 are free",
                         esp::CudaError);
    esp::cuda::limit_memory(static_cast<std::size_t>(-1));
  }
  Both<Bottom> both(20, esp::Adam{});
  const esp::RandomBatch<float> batch(both.cpu.plan(), 21, rows, 1);
  CHECK_THROWS_WITH_AS(both.gpu.step(batch.batch(), weights, 1, {}),
                       "a batch has 21 samples, expected 1 to 20", esp::ConfigError);
}
