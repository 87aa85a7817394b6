// SPDX-License-Identifier: Apache-2.0
// The exponential moving average of the parameters, compared with its definition.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "espalier/exec/freeze_mask.hpp"
#include "espalier/exec/random_batch.hpp"
#include "espalier/model/checkpoint.hpp"
#include "espalier/model/resume.hpp"
#include "espalier/model/safetensors.hpp"
#include "support/allocations.hpp"
#include "support/made_up.hpp"
#include "support/rewritten.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier_test;

namespace {

const std::vector<esp::Index> rows{400, 300};

/// An executor with an average, and a reference in double: every value updated after every step.
template <class Model>
struct Averaged {
  esp::TrainExecutor<float> executor;
  esp::ExponentialAverage rule;
  std::vector<std::vector<double>> expected;
  std::int64_t step = 0;

  Averaged(double decay, int threads, const std::vector<std::string>& freeze = {})
      : executor(esp::program_of<Model, float, esp::Cpu>(), rows, 32, threads), rule{decay} {
    esp::initialize(executor.plan(), 3, executor.parameters());
    executor.prepare(esp::Adam{.learning_rate = 2e-2}, freeze, {}, rule);
    for (const auto& values : all(executor.parameters()))
      expected.emplace_back(values.begin(), values.end());
  }

  static std::vector<std::span<const float>> all(const esp::Parameters<float>& p) {
    std::vector<std::span<const float>> spans{p.dense.span()};
    for (const auto& table : p.tables) spans.push_back(table.span());
    return spans;
  }

  void learn(const esp::Batch<float>& batch) {
    ++step;
    executor.forward_backward(batch, std::vector<double>{1, 0.5}, static_cast<std::uint64_t>(step));
    executor.update({step, 1, 1}, step % 2 == 0 ? 0.5 : 0);
  }

  void follow() {
    const auto t = static_cast<double>(step);
    const double keep = (std::min)(rule.decay, (1 + t) / (10 + t));
    const auto now = all(executor.parameters());
    for (std::size_t b = 0; b < now.size(); ++b) {
      for (std::size_t i = 0; i < now[b].size(); ++i)
        expected[b][i] = keep * expected[b][i] + (1 - keep) * static_cast<double>(now[b][i]);
    }
  }

  /// The maximum error of the average after the last step.
  double worst() {
    const esp::AverageInPlace average(executor, step);
    const auto now = all(executor.parameters());
    double most = 0;
    for (std::size_t b = 0; b < now.size(); ++b) {
      for (std::size_t i = 0; i < now[b].size(); ++i)
        most = (std::max)(most, std::abs(static_cast<double>(now[b][i]) - expected[b][i]));
    }
    return most;
  }
};

/// `look`: also reads the average during training.
template <class Model>
esp::Parameters<float> check_average(double decay, int threads, bool look,
                                     const std::vector<std::string>& freeze = {}) {
  CAPTURE(decay);
  Averaged<Model> run(decay, threads, freeze);
  const esp::Parameters<float> before = run.executor.parameters();
  for (std::uint64_t s = 1; s <= 120; ++s) {
    const esp::RandomBatch<float> data(run.executor.plan(), s % 3 == 0 ? 32 : 5, rows, s);
    run.learn(data.batch());
    run.follow();
    if (look && s % 17 == 0) CHECK(run.worst() < 2e-6);
  }
  CHECK(run.worst() < 2e-6);
  const esp::Parameters<float> raw = run.executor.parameters();
  run.executor.adopt_average(run.step);
  CHECK_FALSE(run.executor.average().kept());
  const esp::Parameters<float>& averaged = run.executor.parameters();
  CHECK_FALSE(same_bits(raw, averaged));
  const esp::PlanView& plan = run.executor.plan();
  const esp::FreezeMask freeze_mask(plan, freeze);
  for (std::size_t t = 0; t < averaged.tables.size(); ++t) {
    if (freeze_mask.table_frozen(static_cast<int>(t)))
      CHECK(same_bits(averaged.tables[t].span(), before.tables[t].span()));
  }
  for (const esp::ParameterInfo& t : plan.tensors) {
    const auto at = static_cast<std::size_t>(t.offset), size = static_cast<std::size_t>(t.size());
    if (t.trainable && freeze_mask.tensor_frozen(t.offset))
      CHECK(same_bits(averaged.dense.span().subspan(at, size),
                      before.dense.span().subspan(at, size)));
  }
  return averaged;
}

const esp::Dataset train = made_up(230, 1, 0.1), valid = made_up(100, 2);

esp::TrainerOptions averaging() {
  esp::TrainerOptions o = quick_options();
  o.patience = 0;
  o.average = esp::ExponentialAverage{.decay = 0.9};
  return o;
}

}  // namespace

TEST_CASE(
    "average: what is left of a difference after steps without change is the product of their "
    "decays") {
  for (const double decay : {0.0, 0.05, 0.1, 0.5, 0.75, 0.9, 0.999, 0.99999}) {
    const esp::ExponentialAverage rule{decay};
    for (const std::int64_t from : {0, 1, 2, 7, 26, 27, 88, 500, 8989, 8992, 20000}) {
      double product = 1;
      for (std::int64_t t = from; t <= from + 9000; ++t) {
        if (t > from)
          product *= (std::min)(decay, static_cast<double>(1 + t) / static_cast<double>(10 + t));
        if (t > from + 30 && t % 997 != 0) continue;
        CAPTURE(decay);
        CAPTURE(from);
        CAPTURE(t);
        CHECK(rule.left(from, t) == doctest::Approx(product).epsilon(1e-11));
      }
    }
  }
  CHECK(esp::ExponentialAverage{}.at(1) == doctest::Approx(2.0 / 11));  // as in TensorFlow
  CHECK(esp::ExponentialAverage{}.at(100000) == 0.999);
  CHECK(esp::ExponentialAverage{}.left(3, 3) == 1);
}

TEST_CASE("average: dense values and rows, touched or not, are what the definition says") {
  check_average<Bottom>(0.5, 2, false);
  check_average<Bottom>(0.999, 2, false, {"shared/*", "embedding/tags"});
  check_average<Normed>(0.95, 2, true);  // includes running statistics
  check_average<Experts>(0.95, 2, true, {"click/*"});
}

TEST_CASE("average: the same bits for any number of threads") {
  CHECK(same_bits(check_average<Normed>(0.97, 1, false), check_average<Normed>(0.97, 2, false)));
}

TEST_CASE("average: nothing allocates in a step after the first") {
  Averaged<Normed> run(0.99, 2);
  const esp::RandomBatch<float> large(run.executor.plan(), 32, rows, 5),
      small(run.executor.plan(), 7, rows, 6);
  const std::vector<double> weights{1, 0.5};
  const auto learn = [&](const esp::Batch<float>& batch) {
    ++run.step;
    run.executor.forward_backward(batch, weights, 1);
    run.executor.update({run.step, 1, 1}, 1.0);
  };
  for (int i = 0; i < 2; ++i) {
    learn(large.batch());
    learn(small.batch());
  }
  const long before = allocations();
  for (int i = 0; i < 5; ++i) {
    learn(large.batch());
    learn(small.batch());
  }
  const esp::AverageInPlace average(run.executor, run.step);
  CHECK(allocations() == before);
}

TEST_CASE(
    "average: it is what is validated, seen by callbacks, kept, saved and ended with; the weights "
    "learn as they did") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  for (const bool restore : {true, false}) {
    for (const bool validated : {true, false}) {
      CAPTURE(restore);
      CAPTURE(validated);
      esp::TrainerOptions o = averaging();
      o.restore_best = restore;
      o.optimizer = esp::Adam{.learning_rate = 5e-2};
      o.epochs = 6;
      o.checkpoint = folder / "model.safetensors";
      esp::Trainer<Normed>* running = nullptr;
      std::vector<esp::Parameters<float>> seen;
      o.callbacks.emplace_back([&](esp::EpochInfo& info) {
        seen.push_back(running->parameters());
        if (info.validation)
          CHECK(running->evaluate(valid).value("click", "auc") ==
                info.validation->value("click", "auc"));
      });
      esp::Trainer<Normed> trainer(o), loaded(quick_options());
      running = &trainer;
      const esp::FitResult result = trainer.fit(train, validated ? valid : esp::Dataset());
      REQUIRE(seen.size() == 6);
      CHECK((result.best_epoch > 0) == validated);
      const std::size_t best = validated ? static_cast<std::size_t>(result.best_epoch) - 1 : 5;
      CHECK(same_bits(trainer.parameters(), seen[validated && restore ? best : 5]));
      loaded.load(o.checkpoint);
      CHECK(same_bits(loaded.parameters(), seen[best]));

      esp::Parameters<float> read = trainer.parameters();
      const esp::SafetensorsFile state(esp::resume_path(o.checkpoint));
      esp::checkpoint_detail::read_parameters(state, trainer.plan(), read, "average/");
      CHECK(same_bits(read, seen[5]));
      esp::checkpoint_detail::read_parameters(state, trainer.plan(), read, "");
      CHECK_FALSE(same_bits(read, seen[5]));
      esp::TrainerOptions plain = o;
      plain.callbacks.clear();
      plain.checkpoint.clear();
      plain.average.reset();
      plain.restore_best = false;
      esp::Trainer<Normed> without(plain);
      without.fit(train, validated ? valid : esp::Dataset());
      CHECK(same_bits(read, without.parameters()));
    }
  }
}

TEST_CASE("average: another fit goes on from it") {
  esp::TrainerOptions o = averaging();
  o.epochs = 1;
  o.optimizer = esp::Sgd{.learning_rate = 1e-30};
  esp::Trainer<Bottom> first(averaging()), second(o);
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  first.fit(train, valid);
  first.save(folder / "model");
  second.load(folder / "model");
  second.fit(train);
  CHECK(same_bits(first.parameters(), second.parameters()));
}

TEST_CASE("average: what cannot be") {
  const auto refused = [](double decay) {
    return message_of([&] {
      esp::TrainerOptions o = averaging();
      o.average->decay = decay;
      esp::Trainer<Bottom> trainer(o);
    });
  };
  CHECK(refused(0) == "accepted");
  CHECK(refused(1).find("average: decay is 1; expected a number in [0, 0.99") == 0);
  CHECK(refused(-0.1).find("average: decay is -0.1; expected a number in") == 0);
  CHECK(refused(std::nan("")).find("average: decay is nan; expected a number in") == 0);
}

TEST_CASE("average: a resume file whose steps cannot be is refused") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  esp::TrainerOptions o = averaging();
  o.checkpoint = folder / "model.safetensors";
  { esp::Trainer<Bottom>(o).fit(train, valid); }
  o.resume = true;
  o.epochs = 4;
  const std::string path = esp::resume_path(o.checkpoint);
  Contents contents(path);
  std::vector<std::int64_t> steps(
      static_cast<std::size_t>(contents.tensors.at("average_step/embedding/user").shape[0]), 12);
  steps[2] = 13;
  contents.set("average_step/embedding/user", steps);
  contents.write(path);
  CHECK(message_of([&] { esp::Trainer<Bottom>(o).fit(train, valid); }) ==
        path + ": tensor 'average_step/embedding/user' has 13, expected 0 to 12");
}
