// SPDX-License-Identifier: Apache-2.0
// Whole training runs are bitwise equal for any number of threads.
#include <doctest/doctest.h>

#include "support/child_process.hpp"
#include "support/made_up.hpp"

using namespace espalier_test;

namespace {

struct Run {
  esp::Parameters<float> parameters;
  esp::Predictions predictions;
  esp::History history;
};

template <class Model>
Run run(int threads, const esp::TrainerOptions& options) {
  esp::TrainerOptions o = options;
  o.threads = threads;
  esp::Trainer<Model> trainer(o);
  trainer.fit(made_up(230, 1, 0.1), made_up(100, 2));
  return {trainer.parameters(), trainer.predict(made_up(77, 3)), trainer.history()};
}

template <class Model>
void check(esp::Index batch_size, double max_norm, const esp::LossWeighting& balance) {
  esp::TrainerOptions o = quick_options();
  o.epochs = 2;
  o.batch_size = batch_size;
  o.max_gradient_norm = max_norm;
  o.balance = balance;
  o.sample_weight = "weight";
  o.patience = 0;
  const Run one = run<Model>(1, o);
  for (const int threads : {2, 4, 11}) {
    CAPTURE(threads);
    const Run many = run<Model>(threads, o);
    CHECK(same_bits(one.parameters, many.parameters));
    for (std::size_t k = 0; k < 2; ++k)
      CHECK(same_bits(one.predictions.values[k], many.predictions.values[k]));
    CHECK(one.history.to_csv() == many.history.to_csv());
  }
}

template <class Model>
void check_all() {
  // One microbatch; three accumulators, fewer than threads; all accumulators; all rows in one
  // batch. The last batch of an epoch is smaller.
  check<Model>(16, 0, esp::Equal{});
  check<Model>(37, 0.5, esp::Uncertainty{});
  check<Model>(200, 0, esp::Uncertainty{.revised = true});
  check<Model>(1000, 0.1, esp::Equal{});
}

}  // namespace

TEST_CASE("threads: the child of a fork may use its copy of a trainer, and may destroy it") {
  const esp::Dataset train = made_up(230, 1), data = made_up(77, 3);
  auto* const trainer = new esp::Trainer<Bottom>(quick_options());  // uses two threads
  trainer->fit(train);
  const esp::Predictions before = trainer->predict(data);
  if (may_start_threads_in_child) {
    CHECK(child([&] {
            return same_bits(trainer->predict(data).values[0], before.values[0]) ? 7 : 1;
          }) == 7);
    const auto fit = [&] {
      trainer->fit(train);
      return static_cast<int>(trainer->history().rows().back().value("train/loss") * 1e6) % 90;
    };
    const int there = child(fit);
    CHECK(fit() == there);
  }
  CHECK(child([&] {
          delete trainer;
          return 7;
        }) == 7);
  delete trainer;
}

TEST_CASE("threads: shared bottom with dropout") { check_all<Bottom>(); }
TEST_CASE("threads: a model a task") { check_all<Separate>(); }
TEST_CASE("threads: experts with dropout") { check_all<Experts>(); }
TEST_CASE("threads: batch and layer normalisation") { check_all<Normed>(); }
