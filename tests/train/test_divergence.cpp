// SPDX-License-Identifier: Apache-2.0
// Divergence of training is reported, and never taken for a loss of zero.
#include <doctest/doctest.h>

#include <csignal>

#include "espalier/core/file.hpp"
#include "espalier/model/resume.hpp"
#include "support/made_up.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier_test;

namespace {

const esp::Dataset train = made_up(200, 1), valid = made_up(200, 2);

/// A constant learning rate, except in step `at`; raises SIGTERM during step `stop`.
struct Burst {
  std::int64_t at = 1, stop = 0;
  double operator()(std::int64_t step, std::int64_t) const {
    if (step == stop) std::raise(SIGTERM);
    return step == at ? 1e30 : 1.0;
  }
  [[nodiscard]] std::string describe() const { return "burst"; }
};

}  // namespace

TEST_CASE("divergence: the loss, the task, the step") {
  esp::TrainerOptions o = quick_options();
  o.optimizer = esp::Sgd{.learning_rate = 1e20};
  esp::Trainer<Bottom> trainer(o);
  const std::string said = message_of([&] { trainer.fit(train, valid); });
  CAPTURE(said);
  CHECK(said.find("training diverged: the loss of task '") == 0);
  CHECK(said.find(" at step 2 (epoch 1); a lower learning rate or max_gradient_norm may help") !=
        std::string::npos);
  CHECK_THROWS_AS(trainer.fit(train, valid), esp::DivergenceError);
}

TEST_CASE("divergence: the last good epoch is kept, in memory and on disk") {
  const TemporaryFolder folder;
  esp::TrainerOptions o = quick_options();
  o.epochs = 10;
  o.optimizer = esp::Sgd{.learning_rate = 1e-2};
  o.schedule = Burst{.at = 10};  // four steps per epoch: in the third epoch
  o.checkpoint = folder / "model.safetensors";
  esp::Trainer<Bottom> trainer(o);
  const std::string said = message_of([&] { trainer.fit(train, valid); });
  CHECK(said.find("(epoch 3)") != std::string::npos);
  esp::TrainerOptions two = o;
  two.epochs = 2;
  two.schedule = esp::Constant{};
  two.checkpoint.clear();
  esp::Trainer<Bottom> before(two);
  before.fit(train, valid);
  CHECK(same_bits(trainer.parameters(), before.parameters()));
  esp::Trainer<Bottom> reader(quick_options());
  reader.load(o.checkpoint);
  CHECK(same_bits(reader.parameters(), before.parameters()));
}

TEST_CASE("divergence: before any good epoch, the weights are those of before, or none") {
  const TemporaryFolder folder;
  esp::TrainerOptions o = quick_options();
  o.optimizer = esp::Sgd{.learning_rate = 1e20};
  esp::Trainer<Bottom> trainer(o);
  CHECK_THROWS_AS(trainer.fit(train, valid), esp::DivergenceError);
  const std::string none = "the model has no weights yet: call fit() or load() first";
  CHECK(message_of([&] { static_cast<void>(trainer.parameters()); }) == none);
  CHECK(message_of([&] { trainer.save(folder / "model.safetensors"); }) == none);
  CHECK_THROWS_AS(trainer.fit(train, valid), esp::DivergenceError);
  esp::Trainer<Bottom> good(quick_options());
  good.fit(train, valid);
  good.save(folder / "good.safetensors");
  trainer.load(folder / "good.safetensors");
  CHECK_THROWS_AS(trainer.fit(train), esp::DivergenceError);
  CHECK(same_bits(trainer.parameters(), good.parameters()));
}

TEST_CASE(
    "divergence: a resumed run that has no best epoch ends with the weights that it went on from") {
  const TemporaryFolder folder;
  esp::TrainerOptions o = quick_options();
  o.handle_interrupts = o.resume = true;
  o.checkpoint = folder / "model.safetensors";
  o.schedule = Burst{.at = 6, .stop = 3};
  esp::Trainer<Bottom> first(o);
  CHECK(first.fit(train).interrupted);
  o.schedule = Burst{.at = 6};
  esp::Trainer<Bottom> second(o);
  CHECK_THROWS_AS(second.fit(train), esp::DivergenceError);
  CHECK(same_bits(second.parameters(), first.parameters()));
}

TEST_CASE("divergence: seen in validation, when it is the epoch's last step that runs off") {
  esp::TrainerOptions o = quick_options();
  o.optimizer = esp::Sgd{.learning_rate = 1e-2};
  o.schedule = Burst{.at = 4};
  esp::Trainer<Bottom> trainer(o);
  const std::string said = message_of([&] { trainer.fit(train, valid); });
  CAPTURE(said);
  CHECK(said.find("on the validation split is not finite after epoch 1") != std::string::npos);
}

TEST_CASE("divergence: the last step's too, where nothing comes after it") {
  const TemporaryFolder folder;
  esp::TrainerOptions o = quick_options();
  o.epochs = 1;
  o.batch_size = 200;  // a single step
  o.checkpoint = folder / "model.safetensors";
  esp::Trainer<Bottom> good(o);
  good.fit(train);
  const std::string before = esp::read_file(o.checkpoint),
                    state = esp::read_file(esp::resume_path(o.checkpoint));
  o.optimizer = esp::Sgd{.learning_rate = 3e38};
  for (const bool interrupt : {false, true}) {
    CAPTURE(interrupt);
    o.handle_interrupts = interrupt;
    o.batch_size = interrupt ? 100 : 200;
    o.schedule = Burst{.at = 1, .stop = interrupt ? 1 : 0};
    esp::Trainer<Bottom> trainer(o);
    const std::string said = message_of([&] { trainer.fit(train); });
    CAPTURE(said);
    CHECK(said.starts_with("training diverged: tensor '"));
    CHECK(said.ends_with(
        "] after step 1 (epoch 1); a lower learning rate or max_gradient_norm may help"));
    CHECK(message_of([&] { static_cast<void>(trainer.parameters()); }) ==
          "the model has no weights yet: call fit() or load() first");
    CHECK((esp::read_file(o.checkpoint) == before));
    CHECK((esp::read_file(esp::resume_path(o.checkpoint)) == state));
  }
}

TEST_CASE("divergence: a batch without labels is none") {
  esp::TrainerOptions o = quick_options();
  o.batch_size = 2;
  o.epochs = 1;
  esp::Trainer<Bottom> trainer(o);
  CHECK(trainer.fit(made_up(40, 1, 0.8)).epochs == 1);
  const esp::HistoryRow& row = trainer.history().rows().back();
  CHECK(std::isfinite(row.value("train/click/loss")));
  CHECK(std::isfinite(row.value("train/loss")));
}
