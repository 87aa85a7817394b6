// SPDX-License-Identifier: Apache-2.0
// Plateau: the learning rate is reduced if the validation value does not improve.
#include <doctest/doctest.h>

#include "support/captured_stderr.hpp"
#include "support/made_up.hpp"

using namespace espalier_test;

namespace {

/// Overfits early: few rows, a high learning rate.
esp::TrainerOptions hasty(const esp::Plateau& plateau) {
  esp::TrainerOptions o = quick_options();
  o.epochs = 16;
  o.patience = 0;
  o.optimizer = esp::Adam{.learning_rate = 2e-2};
  o.plateau = plateau;
  return o;
}
const esp::Dataset train = made_up(150, 1), valid = made_up(200, 2);  // three steps of 64 per epoch

struct Epoch {
  double rate, monitored;
};

std::vector<Epoch> epochs_of(esp::TrainerOptions o) {
  std::vector<Epoch> epochs;
  o.callbacks.emplace_back([&](esp::EpochInfo& info) {
    epochs.push_back({info.learning_rate, info.monitored});
  });
  esp::Trainer<Bottom> trainer(o);
  trainer.fit(train, valid);
  return epochs;
}

/// The expected rate factor of each epoch.
std::vector<double> by_hand(const std::vector<Epoch>& epochs, const esp::Plateau& plateau,
                            bool higher) {
  std::vector<double> factors;
  double factor = 1, best = 0;
  int waited = 0;
  for (std::size_t i = 0; i < epochs.size(); ++i) {
    factors.push_back(factor);
    const double now = epochs[i].monitored;
    if (i == 0 || (higher ? now > best : now < best)) {
      best = now;
      waited = 0;
    } else if (++waited == plateau.patience) {
      factor = (std::max)(plateau.least, factor * plateau.factor);
      waited = 0;
    }
  }
  return factors;
}

}  // namespace

TEST_CASE("plateau: the rate is multiplied after each wait, down to the least") {
  for (const esp::Plateau plateau : {esp::Plateau{}, esp::Plateau{.factor = 0.25, .patience = 2},
                                     esp::Plateau{.factor = 0.1, .least = 0.05},
                                     esp::Plateau{.factor = 0, .patience = 3, .least = 0.5}}) {
    for (const char* monitor : {"loss", "mean_auc"}) {
      CAPTURE(plateau.describe());
      CAPTURE(monitor);
      esp::TrainerOptions o = hasty(plateau);
      o.monitor = monitor;
      const std::vector<Epoch> epochs = epochs_of(o);
      const std::vector<double> factors = by_hand(epochs, plateau, o.monitor == "mean_auc");
      REQUIRE(factors.size() == 16);
      for (std::size_t i = 0; i < factors.size(); ++i)
        CHECK(epochs[i].rate == doctest::Approx(2e-2 * factors[i]).epsilon(1e-12));
      CHECK(factors.back() < 1);  // there was a plateau
      if (plateau.least > 0) CHECK(factors.back() == plateau.least);
    }
  }
}

TEST_CASE("plateau: multiplies what the schedule says") {
  esp::TrainerOptions o = hasty({});
  o.schedule = esp::StepDecay{.every = 3, .factor = 0.9};  // per epoch
  const std::vector<Epoch> epochs = epochs_of(o);
  const std::vector<double> factors = by_hand(epochs, {}, false);
  CHECK(factors.back() < 1);
  for (std::size_t i = 0; i < factors.size(); ++i)
    CHECK(epochs[i].rate == doctest::Approx(2e-2 * factors[i] * std::pow(0.9, i)).epsilon(1e-12));
}

TEST_CASE("plateau: early stopping counts as before") {
  esp::TrainerOptions o = hasty({});
  o.epochs = 60;
  o.patience = 4;
  esp::Trainer<Bottom> trainer(o);
  const esp::FitResult result = trainer.fit(train, valid);
  REQUIRE(result.stopped_early);
  CHECK(result.epochs == result.best_epoch + 4);
}

TEST_CASE("plateau: what is said") {
  esp::TrainerOptions o = hasty({});
  o.progress = esp::ShowProgress::automatic;
  const CapturedStderr captured;
  const std::vector<Epoch> epochs = epochs_of(o);
  std::size_t first = 1;
  while (epochs[first].monitored < epochs[first - 1].monitored) ++first;
  CHECK(captured.text().find("learning rate times 0.5 from here on: no better loss since epoch " +
                             std::to_string(first) + "\n") != std::string::npos);
}

TEST_CASE("plateau: what cannot be") {
  const auto refused = [](const esp::Plateau& plateau, int patience = 0) {
    return message_of([&] {
      esp::TrainerOptions o = hasty(plateau);
      o.patience = patience;
      esp::Trainer<Bottom> trainer(o);
    });
  };
  CHECK(refused({}, 2) == "accepted");
  CHECK(refused({.factor = 1}).find("plateau: factor is 1; expected a number in [0, 0.99") == 0);
  CHECK(refused({.factor = -0.5}).find("plateau: factor is -0.5; expected") == 0);
  CHECK(refused({.patience = 0}) == "plateau: patience is 0; expected 1 or more");
  CHECK(refused({.least = 2}) == "plateau: least is 2; expected a number in [0, 1]");
  CHECK(refused({.patience = 2}, 2) ==
        "plateau: patience is 2, expected less than that of early stopping, 2, which ends the run "
        "before the learning rate falls");
  esp::Trainer<Bottom> trainer(hasty({}));
  CHECK(message_of([&] { trainer.fit(train); }) ==
        "plateau is set, and fit() has no validation split on which it waits for something better");
}
