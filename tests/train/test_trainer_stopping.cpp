// SPDX-License-Identifier: Apache-2.0
// Early stopping: the last epoch of a run, and which epoch's parameters it keeps.
#include <doctest/doctest.h>

#include "support/made_up.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier_test;

namespace {

/// Overfits early: few rows, a high learning rate.
esp::TrainerOptions hasty() {
  esp::TrainerOptions o = quick_options();
  o.epochs = 40;
  o.optimizer = esp::Adam{.learning_rate = 2e-2};
  return o;
}
const esp::Dataset train = made_up(150, 1), valid = made_up(200, 2);

/// The parameters after exactly `epochs` epochs.
esp::Parameters<float> stopped_at(esp::TrainerOptions o, int epochs) {
  o.epochs = epochs;
  o.patience = 0;
  o.restore_best = false;
  o.callbacks.clear();
  o.checkpoint.clear();
  esp::Trainer<Bottom> trainer(o);
  CHECK(trainer.fit(train, valid).epochs == epochs);
  return trainer.parameters();
}

}  // namespace

TEST_CASE("stopping: out of patience, and the weights are those of the best epoch") {
  for (const char* monitor : {"loss", "mean_auc", "watch/rmse"}) {
    CAPTURE(monitor);
    esp::TrainerOptions o = hasty();
    o.monitor = monitor;
    o.patience = 3;
    std::vector<double> values;
    std::vector<bool> best;
    o.callbacks.emplace_back([&](esp::EpochInfo& info) {
      CHECK(info.epoch == static_cast<int>(values.size()) + 1);
      values.push_back(info.monitored);
      best.push_back(info.best);
    });
    esp::Trainer<Bottom> trainer(o);
    const esp::FitResult result = trainer.fit(train, valid);
    REQUIRE(result.stopped_early);
    CHECK_FALSE(result.interrupted);
    CHECK(result.epochs == static_cast<int>(values.size()));
    CHECK(result.epochs == result.best_epoch + 3);
    const bool higher = std::string(monitor) == "mean_auc";
    const auto extreme = higher ? std::max_element(values.begin(), values.end())
                                : std::min_element(values.begin(), values.end());
    CHECK(result.best_epoch == extreme - values.begin() + 1);
    CHECK(result.best_value == *extreme);
    double so_far = std::nan("");
    for (std::size_t i = 0; i < values.size(); ++i) {
      const bool better = std::isnan(so_far) || (higher ? values[i] > so_far : values[i] < so_far);
      CHECK(best[i] == better);
      if (better) so_far = values[i];
    }
    CHECK(same_bits(trainer.parameters(), stopped_at(o, result.best_epoch)));
    esp::TrainerOptions last = o;
    last.callbacks.clear();
    last.restore_best = false;
    esp::Trainer<Bottom> kept(last);
    kept.fit(train, valid);
    CHECK(same_bits(kept.parameters(), stopped_at(last, result.epochs)));
    CHECK_FALSE(same_bits(kept.parameters(), trainer.parameters()));
  }
}

TEST_CASE("stopping: patience 0 never stops, and the best epoch is kept all the same") {
  esp::TrainerOptions o = hasty();
  o.epochs = 15;
  o.patience = 0;
  esp::Trainer<Bottom> trainer(o);
  const esp::FitResult result = trainer.fit(train, valid);
  CHECK(result.epochs == 15);
  CHECK_FALSE(result.stopped_early);
  REQUIRE(result.best_epoch < 15);
  CHECK(same_bits(trainer.parameters(), stopped_at(o, result.best_epoch)));
}

TEST_CASE("stopping: without validation there is no best epoch") {
  esp::TrainerOptions o = hasty();
  o.epochs = 4;
  o.callbacks.emplace_back([](esp::EpochInfo& info) {
    CHECK(info.validation == nullptr);
    CHECK_FALSE(info.best);
  });
  esp::Trainer<Bottom> trainer(o);
  const esp::FitResult result = trainer.fit(train);
  CHECK(result.epochs == 4);
  CHECK(result.best_epoch == 0);
  CHECK(std::isnan(result.best_value));
  CHECK_FALSE(result.stopped_early);
}

TEST_CASE("callbacks: they see the epoch, may stop the run, and may keep it going") {
  esp::TrainerOptions o = hasty();
  o.optimizer = esp::Sgd{.learning_rate = 1e-2};
  // 150 rows in batches of 64: three steps per epoch
  o.schedule = esp::StepDecay{.every = 3, .factor = 0.5};
  o.patience = 0;
  int calls = 0;
  esp::Features features(esp::plan_of<Bottom>().schema);
  features.fit(train);
  const double deviation = features.state().labels[1].scale.deviation;
  o.callbacks.emplace_back([&](esp::EpochInfo& info) {
    ++calls;
    CHECK(info.task_losses.size() == 2);
    CHECK(info.train_loss == doctest::Approx(info.task_losses[0] + 0.5 * info.task_losses[1]));
    CHECK(info.learning_rate == doctest::Approx(1e-2 * std::pow(0.5, info.epoch - 1)));
    REQUIRE(info.validation != nullptr);
    CHECK(info.monitored == info.validation_loss);
    // The validation loss follows from the metrics: log loss and half the mean squared error of
    // standardized labels.
    const double rmse = info.validation->value("watch", "rmse") / deviation;
    CHECK(info.validation_loss ==
          doctest::Approx(info.validation->value("click", "log_loss") + 0.5 * rmse * rmse / 2)
              .epsilon(1e-4));
    if (info.epoch == 3) info.stop = true;
  });
  o.callbacks.emplace_back([&](esp::EpochInfo& info) { CHECK(info.stop == (info.epoch == 3)); });
  esp::Trainer<Bottom> trainer(o);
  const esp::FitResult result = trainer.fit(train, valid);
  CHECK(result.epochs == 3);
  CHECK(result.stopped_early);
  CHECK(calls == 3);

  esp::TrainerOptions stubborn = hasty();
  stubborn.epochs = 25;
  stubborn.patience = 1;
  int wanted = 0;
  stubborn.callbacks.emplace_back([&](esp::EpochInfo& info) {
    wanted += info.stop ? 1 : 0;
    info.stop = false;
  });
  esp::Trainer<Bottom> on(stubborn);
  CHECK(on.fit(train, valid).epochs == 25);
  CHECK(wanted > 1);
}

TEST_CASE("callbacks: what one throws comes out, and the trainer can be used on") {
  esp::TrainerOptions o = hasty();
  o.epochs = 3;
  bool once = true;
  o.callbacks.emplace_back([&](esp::EpochInfo& info) {
    if (once && info.epoch == 2) {
      once = false;
      throw std::runtime_error("enough");
    }
  });
  esp::Trainer<Bottom> trainer(o);
  CHECK_THROWS_WITH(static_cast<void>(trainer.fit(train, valid)), "enough");
  CHECK(trainer.predict(valid).of("click").size() == 200);
  CHECK(trainer.fit(train, valid).epochs == 3);
}

TEST_CASE("checkpoint: the file holds the best epoch so far, at any time") {
  const TemporaryFolder folder;
  esp::TrainerOptions o = hasty();
  o.epochs = 12;
  o.patience = 0;
  o.restore_best = false;
  o.checkpoint = folder / "runs/7/model.safetensors";  // folders are created
  std::vector<esp::Parameters<float>> seen;
  std::vector<bool> best;
  const auto read = [&] {
    esp::Trainer<Bottom> reader(quick_options());
    reader.load(o.checkpoint);
    return reader.parameters();
  };
  o.callbacks.emplace_back([&](esp::EpochInfo& info) {
    if (info.epoch > 1) seen.push_back(read());  // the file after the previous epoch
    best.push_back(info.best);
  });
  esp::Trainer<Bottom> trainer(o);
  const esp::FitResult result = trainer.fit(train, valid);
  REQUIRE(seen.size() == 11);
  for (std::size_t i = 1; i < seen.size(); ++i) CHECK(same_bits(seen[i - 1], seen[i]) != best[i]);
  CHECK(same_bits(read(), stopped_at(o, result.best_epoch)));
  CHECK_FALSE(same_bits(read(), trainer.parameters()));

  esp::TrainerOptions last = o;
  last.checkpoint = folder / "last.safetensors";
  last.callbacks.clear();
  esp::Trainer<Bottom> without(last);
  without.fit(train);
  esp::Trainer<Bottom> reader(quick_options());
  reader.load(last.checkpoint);
  CHECK(same_bits(reader.parameters(), without.parameters()));
}
