// SPDX-License-Identifier: Apache-2.0
// TrainExecutor: bitwise equal results for any number of threads, no allocation per step, summed
// table gradients, clipping, freezing, and learning.
#include <doctest/doctest.h>

#include <cstring>
#include <limits>
#include <memory>
#include <vector>

#include "espalier/describe/model.hpp"
#include "espalier/describe/sharing/aitm.hpp"
#include "espalier/describe/sharing/escm2.hpp"
#include "espalier/exec/check_gradients.hpp"
#include "espalier/exec/inference.hpp"
#include "espalier/optim/optim.hpp"
#include "support/allocations.hpp"
#include "support/click_and_watch.hpp"

namespace esp = espalier;

namespace {

using espalier_test::click_and_watch::Bottom;
using espalier_test::click_and_watch::Click;
using espalier_test::click_and_watch::Encoder;
using espalier_test::click_and_watch::Inputs;
using espalier_test::click_and_watch::Watch;
struct Experts : esp::MultiTaskModel<Inputs, esp::Mmoe<3, Encoder>, Click, Watch> {};
struct Norm
    : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Layers<esp::Dense<16>, esp::BatchNorm>>,
                          Click, Watch> {};

using Buy = esp::Task<"buy", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<8>>;
struct LoadedGates
    : esp::MultiTaskModel<Inputs,
                          esp::Gated<esp::Mmoe<3, Encoder>, esp::BalancedLoad<esp::Weight{0.1}>>,
                          Click, Watch> {};
struct Chained : esp::MultiTaskModel<Inputs, esp::Aitm<esp::SharedBottom<Encoder>, "click", "buy">,
                                     Click, Buy> {};
struct Unbiased
    : esp::MultiTaskModel<
          Inputs, esp::Escm2<esp::SharedBottom<Encoder>, esp::Ipw<>, "click", "buy">, Click, Buy> {
};
struct Doubly
    : esp::MultiTaskModel<Inputs, esp::Escm2<esp::SharedBottom<Encoder>, esp::Dr<>, "click", "buy">,
                          Click, Buy> {};

const std::vector<esp::Index> rows{40, 30};

template <class Model>
struct Run {
  esp::TrainExecutor<float> executor;
  std::vector<double> weights;
  std::int64_t step = 0;
  double norm = 0;  ///< gradient norm of the last step, if it was clipped

  Run(int threads, esp::Index batch,
      const esp::Optimizer& optimizer = esp::Adam{.learning_rate = 1e-2},
      const std::vector<std::string>& freeze = {})
      : executor(esp::program_of<Model, float, esp::Cpu>(), rows, batch, threads) {
    for (const esp::TaskInfo& task : executor.plan().tasks) weights.push_back(task.weight);
    esp::initialize(executor.plan(), 3, executor.parameters());
    executor.prepare(optimizer, freeze);
  }

  double learn(const esp::Batch<float>& batch, double max_norm = 0) {
    ++step;
    const auto losses =
        executor.forward_backward(batch, weights, esp::mix(1, static_cast<std::uint64_t>(step)));
    const double sum = losses[0] + losses[1];
    norm = executor.update({step, 1, 1}, max_norm);
    return sum;
  }
};

bool same_bits(const esp::Parameters<float>& a, const esp::Parameters<float>& b) {
  bool same = std::memcmp(a.dense.data(), b.dense.data(), a.dense.size() * sizeof(float)) == 0;
  for (std::size_t t = 0; t < a.tables.size(); ++t) {
    same = same && std::memcmp(a.tables[t].data(), b.tables[t].data(),
                               a.tables[t].size() * sizeof(float)) == 0;
  }
  return same;
}

template <class Model>
void check_threads(double max_norm) {
  const auto& plan = esp::plan_of<Model>();
  for (const esp::Index batch : {1, 37, 300}) {
    const esp::RandomBatch<float> data(plan, batch, rows, 5, 0.1, true);
    Run<Model> one(1, 300);
    for (int i = 0; i < 5; ++i) one.learn(data.batch(), max_norm);
    for (const int threads : {2, 4}) {
      Run<Model> many(threads, 300);
      for (int i = 0; i < 5; ++i) many.learn(data.batch(), max_norm);
      CHECK(same_bits(one.executor.parameters(), many.executor.parameters()));
    }
  }
}

}  // namespace

TEST_CASE("the same bits for 1, 2 and 4 threads") {
  check_threads<Bottom>(0);
  check_threads<Experts>(0.5);
  check_threads<Norm>(0);
}

TEST_CASE("nothing allocates in a step after the first") {
  const esp::RandomBatch<float> big(esp::plan_of<Bottom>(), 300, rows, 5);
  const esp::RandomBatch<float> small(esp::plan_of<Bottom>(), 64, rows, 6);
  const auto count = [&](auto& run) {
    for (int i = 0; i < 2; ++i) run.learn(big.batch(), 1.0);
    const long before = allocations();
    for (int i = 0; i < 5; ++i) {
      run.learn(big.batch(), 1.0);
      run.learn(small.batch());
    }
    return allocations() - before;
  };
  Run<Bottom> bottom(2, 300);
  CHECK(count(bottom) == 0);
  Run<Norm> norm(2, 300);
  CHECK(count(norm) == 0);
  const long before = allocations();
  const auto one = std::make_unique<std::vector<int>>(7);
  const long after = allocations();
  CHECK(after == before + 2);  // checks the counter itself
  CHECK(one->size() == 7);
}

TEST_CASE("losses are means over labelled samples, and a task without labels is left out") {
  const auto& plan = esp::plan_of<Bottom>();
  const esp::RandomBatch<float> data(plan, 50, rows, 5);
  std::vector<float> labels(100);
  for (std::size_t j = 0; j < 50; ++j) {
    labels[j] = static_cast<float>(j % 2);
    labels[50 + j] = std::numeric_limits<float>::quiet_NaN();
  }
  esp::Batch<float> batch = data.batch();
  batch.labels = {labels.data(), 50, 2, 50};
  Run<Bottom> run(1, 50);
  const auto losses = run.executor.forward_backward(batch, run.weights, 1);
  CHECK(losses[0] > 0);
  CHECK(std::isnan(losses[1]));
  std::vector<float> gradient(static_cast<std::size_t>(plan.sizes.parameters));
  run.executor.read_gradient(gradient);
  for (const esp::ParameterInfo& t : plan.tensors) {
    double sum = 0;
    for (esp::Index i = 0; i < t.size(); ++i)
      sum += std::abs(static_cast<double>(gradient[static_cast<std::size_t>(t.offset + i)]));
    CHECK_FALSE(std::isnan(sum));
    if (t.task == 1) CHECK(sum == 0);
  }
}

TEST_CASE("doubling every sample's weight changes nothing; zero weight is like a missing label") {
  const auto& plan = esp::plan_of<Bottom>();
  const esp::RandomBatch<float> data(plan, 40, rows, 5);
  std::vector<float> ones(40, 1.0F), twos(40, 2.0F), some(40, 1.0F);
  std::vector<float> labels(data.batch().labels.data, data.batch().labels.data + 80);
  for (std::size_t j = 0; j < 10; ++j) {
    some[j] = 0;
    labels[j] = labels[40 + j] = std::numeric_limits<float>::quiet_NaN();
  }
  const auto losses = [&](const float* weights, const float* with_labels) {
    esp::Batch<float> batch = data.batch();
    batch.weights = weights;
    if (with_labels != nullptr) batch.labels.data = with_labels;
    Run<Experts> run(1, 40);
    const auto l = run.executor.forward_backward(batch, run.weights, 1);
    return std::vector<double>(l.begin(), l.end());
  };
  CHECK(losses(ones.data(), nullptr)[0] ==
        doctest::Approx(losses(twos.data(), nullptr)[0]).epsilon(1e-6));
  CHECK(losses(ones.data(), nullptr)[1] ==
        doctest::Approx(losses(nullptr, nullptr)[1]).epsilon(1e-6));
  CHECK(losses(some.data(), nullptr)[0] ==
        doctest::Approx(losses(nullptr, labels.data())[0]).epsilon(1e-6));
  CHECK(losses(some.data(), nullptr)[1] ==
        doctest::Approx(losses(nullptr, labels.data())[1]).epsilon(1e-6));
}

TEST_CASE_TEMPLATE("a batch that weighs nothing teaches nothing, auxiliary losses included", Model,
                   Experts, LoadedGates, Chained, Unbiased, Doubly) {
  const esp::RandomBatch<float> data(esp::plan_of<Model>(), 40, rows, 5);
  const std::vector<float> nothing(40, 0.0F);
  esp::Batch<float> batch = data.batch();
  batch.weights = nothing.data();
  Run<Model> run(1, 40, esp::Sgd{.learning_rate = 1});
  const esp::Buffer<float> before = run.executor.parameters().dense;
  run.learn(batch);
  const esp::Buffer<float>& after = run.executor.parameters().dense;
  CHECK(std::equal(before.begin(), before.end(), after.begin(), after.end()));
}

TEST_CASE("frozen tensors and tables keep their bits; the rest learns") {
  const auto& plan = esp::plan_of<Bottom>();
  const esp::RandomBatch<float> data(plan, 64, rows, 5);
  Run<Bottom> run(2, 64, esp::Adam{}, {"shared/*", "embedding/user"});
  const esp::Parameters<float> before = run.executor.parameters();
  run.learn(data.batch());
  const esp::Parameters<float>& after = run.executor.parameters();
  for (const esp::ParameterInfo& t : plan.tensors) {
    const auto bytes = static_cast<std::size_t>(t.size()) * sizeof(float);
    const bool same =
        std::memcmp(before.dense.data() + t.offset, after.dense.data() + t.offset, bytes) == 0;
    INFO(std::string(t.name.view()));
    CHECK(same == t.name.view().starts_with("shared/"));
  }
  CHECK(std::memcmp(before.tables[0].data(), after.tables[0].data(), before.tables[0].size() * 4) ==
        0);
  CHECK(std::memcmp(before.tables[1].data(), after.tables[1].data(), before.tables[1].size() * 4) !=
        0);
  CHECK_THROWS_WITH_AS(run.executor.prepare(esp::Adam{}, std::vector<std::string>{"nosuch/*"}),
                       doctest::Contains("freeze pattern 'nosuch/*' fits no tensor"),
                       esp::ConfigError);
}

TEST_CASE("clipping bounds the norm of all that learns, tables included") {
  const esp::RandomBatch<float> data(esp::plan_of<Bottom>(), 64, rows, 5);
  struct Moved {
    double by, norm;
  };
  const auto moved = [&](double max_norm, const std::vector<std::string>& freeze) {
    Run<Bottom> run(1, 64, esp::Sgd{.learning_rate = 1.0}, freeze);
    const esp::Parameters<float> before = run.executor.parameters();
    run.learn(data.batch(), max_norm);
    double squared = 0;
    const esp::Parameters<float>& after = run.executor.parameters();
    const auto add = [&](const esp::Buffer<float>& a, const esp::Buffer<float>& b) {
      for (std::size_t i = 0; i < a.size(); ++i)
        squared += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
    };
    add(before.dense, after.dense);
    for (std::size_t t = 0; t < before.tables.size(); ++t) add(before.tables[t], after.tables[t]);
    return Moved{std::sqrt(squared), run.norm};
  };
  double all = 0;
  for (const std::vector<std::string>& freeze : {std::vector<std::string>{},
                                                 {"shared/*"},
                                                 {"embedding/user"},
                                                 {"embedding/*"},
                                                 {"shared/*", "embedding/*"}}) {
    const auto [free, none] = moved(0, freeze);
    CHECK(free > 0.01);
    CHECK(none == 0);
    if (freeze.empty()) all = free;
    CHECK((free < all) == !freeze.empty());
    const auto [bounded, norm] = moved(0.01, freeze);
    CHECK(bounded == doctest::Approx(0.01).epsilon(1e-3).scale(0));
    CHECK(norm == doctest::Approx(free).epsilon(1e-5));
    CHECK(moved(1e6, freeze).by == doctest::Approx(free).epsilon(1e-5));
  }
}

TEST_CASE("training lowers the loss, for every architecture") {
  const auto lowers = [](auto run) {
    const esp::RandomBatch<float> data(run.executor.plan(), 200, rows, 5);
    const double first = run.learn(data.batch());
    double last = 0;
    for (int i = 0; i < 150; ++i) last = run.learn(data.batch());
    CHECK(last < 0.6 * first);
  };
  lowers([] { return Run<Bottom>(2, 200); }());
  lowers([] { return Run<Experts>(2, 200); }());
  lowers([] { return Run<Norm>(2, 200); }());
}

TEST_CASE("inference in shared memory gives what the training executor predicts") {
  const auto check = [](auto& run) {
    const auto& plan = run.executor.plan();
    const esp::RandomBatch<float> data(plan, 150, rows, 8);
    for (int i = 0; i < 3; ++i) run.learn(data.batch());
    std::vector<float> a(150), b(150), c(150), d(150);
    std::vector<float*> expected{a.data(), b.data()}, out{c.data(), d.data()};
    run.executor.predict(data.batch(), expected);
    return std::tuple{a, b, c, d, out};
  };
  const auto compare = [&]<class Model>(Run<Model>& run) {
    auto [a, b, c, d, unused] = check(run);
    const esp::InferenceExecutor<float> inference(esp::program_of<Model, float, esp::Cpu>(),
                                                  run.executor.parameters());
    CHECK(inference.values_per_sample() < run.executor.plan().sizes.values);
    const esp::RandomBatch<float> data(run.executor.plan(), 150, rows, 8);
    std::vector<float*> out{c.data(), d.data()};
    for (const esp::Index capacity : {1, 7, 64}) {
      auto workspace = inference.make_workspace(capacity);
      workspace.values.fill(std::numeric_limits<float>::quiet_NaN());
      inference.run(data.batch(), workspace, out);
      for (std::size_t j = 0; j < 150; ++j) {
        CHECK(static_cast<double>(c[j]) ==
              doctest::Approx(static_cast<double>(a[j])).epsilon(1e-5));
        CHECK(static_cast<double>(d[j]) ==
              doctest::Approx(static_cast<double>(b[j])).epsilon(1e-4));
      }
    }
    auto workspace = inference.make_workspace();
    const long before = allocations();
    inference.run(data.batch(), workspace, out);
    const long after = allocations();
    CHECK(after == before);
  };
  Run<Bottom> bottom(2, 150);
  compare(bottom);
  Run<Experts> experts(2, 150);
  compare(experts);
  Run<Norm> norm(2, 150);
  compare(norm);
}
