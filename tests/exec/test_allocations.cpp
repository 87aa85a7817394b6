// SPDX-License-Identifier: Apache-2.0
// After the first batches nothing allocates: neither a training step nor the prefetching of
// batches.
#include <doctest/doctest.h>

#include <memory>
#include <numeric>
#include <vector>

#include "espalier/balance/balance.hpp"
#include "espalier/data/prefetch.hpp"
#include "espalier/exec/make_balance.hpp"
#include "espalier/exec/random_batch.hpp"
#include "espalier/sequences.hpp"
#include "support/allocations.hpp"
#include "support/made_up.hpp"
#include "support/optimizers.hpp"

using namespace espalier_test;

namespace {

const std::vector<esp::Index> rows{50, 30};

using Wide = esp::Layers<esp::Dense<16>, esp::Dropout<esp::Rate{0.1}>, esp::BatchNorm,
                         esp::Residual<esp::LayerNorm, esp::Dense<16>>,
                         esp::Dense<8, esp::Activation::gelu>>;
struct Everything : esp::MultiTaskModel<MadeUpInputs, esp::Mmoe<3, Wide>, Click, Watch> {};

using Past = esp::Categorical<"past", 8, esp::Last<20>, esp::SharedTable<"item">>;
using Sequences =
    esp::Inputs<esp::Categorical<"item", 8>,
                esp::Sequence<Past, esp::Transformer<esp::Heads<2>>, esp::Target<"item">>,
                esp::Sequence<esp::Categorical<"words", 4, esp::Last<70>>, esp::Hstu<>,
                              esp::Bidirectional<esp::Gru<6>>, esp::Lstm<5>, esp::LastStep>,
                esp::Sequence<esp::Categorical<"seen", 8, esp::Last<9>, esp::SharedTable<"item">>,
                              esp::Transformer<esp::Rotary, esp::RelativePositions<4>>,
                              esp::SinusoidalPositions<>, esp::AttendSteps<2>>>;
struct Histories : esp::MultiTaskModel<Sequences, esp::SharedBottom<esp::Mlp<8>>, Click, Watch> {};

struct Items : esp::MultiTaskModel<
                   esp::Inputs<esp::Categorical<"item", 8>,
                               esp::Sequence<Past, esp::Gru<8>, esp::NextStep<>, esp::LastStep>>,
                   esp::SharedBottom<esp::Mlp<8>>, esp::Task<"next", esp::NextItem<"item">>,
                   esp::Task<"other", esp::NextItem<"item", esp::Sampled{9}>>> {};

/// Training steps as the trainer runs them.
template <class Model>
struct Steps {
  esp::TrainExecutor<float> executor{esp::program_of<Model, float, esp::Cpu>(), rows, 300, 2};
  esp::LossWeighting balance;
  std::vector<double> weights{1, 0.5};
  std::int64_t step = 0;

  explicit Steps(const esp::LossWeighting& b, const esp::Optimizer& optimizer = esp::Adam{})
      : balance(b) {
    esp::initialize(executor.plan(), 3, executor.parameters());
    executor.prepare(optimizer, {});
    balance.reset(2);
  }

  void learn(const esp::Batch<float>& batch, double max_norm) {
    const auto weigh = [](void* context, std::span<const double> losses, std::span<double> out) {
      static_cast<Steps*>(context)->balance.weights(losses, out);
    };
    ++step;
    const bool current = balance.needs_current_losses();
    if (!current) balance.weights({}, weights);
    const auto losses =
        executor.forward_backward(batch, weights, esp::mix(1, static_cast<std::uint64_t>(step)),
                                  current ? +weigh : nullptr, this);
    executor.update({step, 1, 1}, max_norm);
    balance.observe(losses);
  }

  /// Allocations of ten steps, alternately a large batch with clipping and a small one without,
  /// after two warm-up rounds.
  long count() {
    const esp::RandomBatch<float> large(executor.plan(), 300, rows, 5, 0.1, true),
        small(executor.plan(), 61, rows, 6, 0.1, true);
    const auto round = [&] {
      learn(large.batch(), 1.0);
      learn(small.batch(), 0);
    };
    round();
    round();
    const long before = allocations();
    for (int i = 0; i < 5; ++i) round();
    return allocations() - before;
  }
};

/// Requires the losses of the current step: the executor then runs its passes by segments.
struct Current {
  static constexpr std::string_view name = "current";
  static constexpr bool needs_current_losses = true;
  void reset(std::size_t) {}
  void weights(std::span<const double> losses, std::span<double> out) const {
    for (std::size_t k = 0; k < out.size(); ++k) out[k] = 1 / (1 + losses[k]);
  }
  void observe(std::span<const double>) {}
  [[nodiscard]] std::vector<double> state() const { return {}; }
  void restore(std::span<const double>) {}
};

}  // namespace

TEST_CASE("allocations: the counter counts") {
  const long before = allocations();
  const auto one = std::make_unique<std::vector<int>>(7);
  const esp::Buffer<float> buffer(9);
  const long after = allocations();
  CHECK(after == before + 3);
  CHECK(one->size() + buffer.size() == 16);
}

TEST_CASE("allocations: none in a step, for every architecture, balance and optimiser") {
  CHECK(Steps<Bottom>(esp::Equal{}).count() == 0);
  CHECK(Steps<Bottom>(esp::Uncertainty{}, esp::Sgd{}).count() == 0);
  CHECK(Steps<Separate>(esp::Uncertainty{.revised = true}, esp::AdamW{}).count() == 0);
  CHECK(Steps<Experts>(esp::Uncertainty{}, esp::Sgd{.momentum = 0.9}).count() == 0);
  CHECK(Steps<Normed>(esp::Equal{}, esp::Adagrad{}).count() == 0);
  espalier_test::for_each_optimizer([](const auto& optimizer) {
    CAPTURE(std::string(optimizer.name));
    CHECK(Steps<Bottom>(esp::Uncertainty{}, optimizer).count() == 0);
  });
  CHECK(Steps<Everything>(esp::Uncertainty{}).count() == 0);
  CHECK(Steps<Bottom>(Current{}).count() == 0);
  CHECK(Steps<Everything>(Current{}).count() == 0);
  CHECK(Steps<Histories>(esp::Equal{}).count() == 0);
  CHECK(Steps<Items>(esp::Equal{}).count() == 0);
}

TEST_CASE("allocations: none in a step of a gradient method") {
  const auto count = [](auto model, const esp::BalanceOption& method, esp::BalanceOn on) {
    using Model = decltype(model);
    esp::TrainExecutor<float> executor(esp::program_of<Model, float, esp::Cpu>(), rows, 300, 2);
    esp::initialize(executor.plan(), 3, executor.parameters());
    executor.prepare(esp::Adam{}, {});
    esp::LossWeighting balance = method;
    balance.reset(2);
    const auto pass = method.aggregator_factory()->make(executor, on, *balance.gradients());
    const esp::RandomBatch<float> large(executor.plan(), 300, rows, 5, 0.1, true),
        small(executor.plan(), 61, rows, 6, 0.1, true);
    std::int64_t step = 0;
    const auto round = [&] {
      for (const auto* data : {&large, &small}) {
        ++step;
        pass->step(data->batch(), std::vector<double>{1, 0.5}, static_cast<std::uint64_t>(step),
                   *balance.gradients(), {step, 1, 1}, step % 2 == 0 ? 1 : 0);
      }
    };
    round();
    round();
    const long before = allocations();
    round();
    round();
    return allocations() - before - 4;  // the weight vectors above
  };
  for (const esp::NamedBalance& entry : esp::named_balances()) {
    const esp::BalanceOption method = entry.make();
    if (method.aggregator_factory() == nullptr) continue;
    CAPTURE(entry.name);
    CHECK(count(Bottom{}, method, esp::BalanceOn::parameters) == 0);
    CHECK(count(Everything{}, method, esp::BalanceOn::parameters) == 0);
    CHECK(count(Everything{}, method, esp::BalanceOn::representation) == 0);
  }
}

TEST_CASE("allocations: none while batches are gathered ahead, whatever their order") {
  esp::Features features(esp::plan_of<Bottom>().schema, "weight");
  const esp::Dataset train = made_up(1000, 1);
  features.fit(train);
  const esp::EncodedData data = features.encode(train);
  esp::BatchSlots slots{esp::BatchBuffer<float>(data, 64), esp::BatchBuffer<float>(data, 64)};
  std::vector<std::int32_t> order(1000);
  std::iota(order.begin(), order.end(), 0);
  for (int epoch = 0; epoch < 3; ++epoch) {
    esp::Random(1, static_cast<std::uint64_t>(epoch)).shuffle(order);
    if (epoch == 2) {  // the longest cells last: the largest possible batches
      const auto& offsets = data.ids[1].offsets;
      std::sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
        const auto length = [&](std::int32_t row) {
          return offsets[static_cast<std::size_t>(row) + 1] -
                 offsets[static_cast<std::size_t>(row)];
        };
        return length(a) < length(b);
      });
    }
    esp::Prefetcher ahead(data, order, 64, 0, slots);
    REQUIRE(ahead.next() != nullptr);  // the prefetching thread has started
    const long before = allocations();
    int batches = 1;
    while (ahead.next() != nullptr) ++batches;
    const long after = allocations();
    CHECK(after == before);
    CHECK(batches == 16);
  }
}

TEST_CASE("allocations: an epoch's do not depend on how many batches it has") {
  const auto count = [](esp::Index rows_of_data) {
    long at_end = 0, before_last = 0;
    esp::TrainerOptions o = quick_options();
    o.epochs = 4;
    o.batch_size = 16;
    o.balance = esp::Uncertainty{};
    o.max_gradient_norm = 1;
    o.callbacks.emplace_back([&](esp::EpochInfo& info) {
      if (info.epoch == 3) before_last = allocations();
      if (info.epoch == 4) at_end = allocations();
    });
    esp::Trainer<Bottom> trainer(o);
    trainer.fit(made_up(rows_of_data, 1));
    return at_end - before_last;
  };
  CHECK(count(320) == count(3200));
}
