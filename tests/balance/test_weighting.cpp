// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/balance/balance.hpp"
#include "espalier/core/random.hpp"
#include "support/message_of.hpp"

using namespace espalier;
using espalier_test::message_of;

namespace {

using Numbers = std::vector<double>;
constexpr double absent = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

/// A user-defined weighting that needs the losses of the current step: 1 / loss.
struct Inverse {
  static constexpr std::string_view name = "inverse";
  static constexpr bool needs_current_losses = true;
  void reset(std::size_t) {}
  void weights(std::span<const double> losses, std::span<double> out) const {
    for (std::size_t k = 0; k < out.size(); ++k)
      out[k] = std::isfinite(losses[k]) ? 1 / losses[k] : 1;
  }
  void observe(std::span<const double>) {}
  [[nodiscard]] std::vector<double> state() const { return {}; }
  void restore(std::span<const double>) {}
};

Numbers weights_of(LossWeighting& balance, std::size_t tasks, const Numbers& losses = {}) {
  Numbers out(tasks, absent);
  balance.weights(losses, out);
  return out;
}

/// Losses of one step; about a fifth is absent.
Numbers random_losses(Random& random, std::size_t tasks) {
  Numbers losses;
  for (std::size_t k = 0; k < tasks; ++k) {
    const double loss = random.uniform(0, 2) * std::pow(10, static_cast<double>(k) - 1);
    losses.push_back(random.bernoulli(0.2) ? absent : loss);
  }
  return losses;
}

}  // namespace

TEST_CASE("balance: equal weights are 1, whatever the losses") {
  LossWeighting balance = Equal{};
  CHECK(balance.name() == "equal");
  CHECK(balance.describe() == "equal");
  CHECK_FALSE(balance.needs_current_losses());
  balance.reset(3);
  CHECK(weights_of(balance, 3) == Numbers{1, 1, 1});
  balance.observe(Numbers{absent, 1e9, infinity});
  CHECK(weights_of(balance, 3) == Numbers{1, 1, 1});
  CHECK(balance.state().empty());
}

TEST_CASE("balance: the derivative by s against central differences") {
  for (const bool revised : {false, true}) {
    const Uncertainty method{.revised = revised};
    for (const double loss : {0.0, 0.01, 0.7, 30.0}) {
      for (double s = -5; s <= 5; s += 0.83) {
        CAPTURE(revised);
        CAPTURE(loss);
        CAPTURE(s);
        const double h = 1e-5;
        const double numeric =
            (method.objective(s + h, loss) - method.objective(s - h, loss)) / (2 * h);
        CHECK(method.gradient(s, loss) == doctest::Approx(numeric).epsilon(1e-8));
      }
    }
  }
  // The formulas with σ² = 4, L = 3.
  CHECK(Uncertainty{}.objective(std::log(4), 3) ==
        doctest::Approx(3.0 / 4 + std::log(2)).epsilon(1e-15));
  CHECK(Uncertainty{.revised = true}.objective(std::log(4), 3) ==
        doctest::Approx(3.0 / 4 + std::log(5)).epsilon(1e-15));
}

TEST_CASE("balance: uncertainty settles where its objective is smallest") {
  const Numbers losses{0.02, 0.5, 0.7, 25};
  for (const bool revised : {false, true}) {
    LossWeighting balance = Uncertainty{.learning_rate = 0.02, .revised = revised};
    balance.reset(4);
    CHECK(weights_of(balance, 4) == Numbers{1, 1, 1, 1});
    for (int step = 0; step < 4000; ++step) balance.observe(losses);
    const Numbers weights = weights_of(balance, 4);
    for (std::size_t k = 0; k < 4; ++k) {
      const double expected =
          revised ? (std::sqrt(1 + 4 / losses[k]) - 1) / 2 : 1 / (2 * losses[k]);
      CHECK(weights[k] == doctest::Approx(expected).epsilon(1e-3));
    }
  }
}

TEST_CASE("balance: the first step of s, by hand") {
  LossWeighting balance = Uncertainty{.learning_rate = 0.1};
  balance.reset(2);
  balance.observe(
      Numbers{3, 0.25});  // derivatives ½ − 3 and ½ − ¼; Adam's first step is their sign
  const Numbers state = balance.state();
  REQUIRE(state.size() == 8);
  CHECK(state[0] == doctest::Approx(0.1).epsilon(1e-7));
  CHECK(state[1] == doctest::Approx(-0.1).epsilon(1e-7));
  CHECK(state[2] == doctest::Approx(-0.25).epsilon(1e-14));
  CHECK(state[3] == doctest::Approx(0.025).epsilon(1e-14));
  CHECK(state[4] == doctest::Approx(0.00625).epsilon(1e-14));
  CHECK(state[6] == 1);
  CHECK(weights_of(balance, 2)[0] == doctest::Approx(std::exp(-0.1)).epsilon(1e-7));
}

TEST_CASE("balance: an absent task's state stays, and the others do not notice") {
  Random random(3);
  LossWeighting alone = Uncertainty{}, both = Uncertainty{};
  alone.reset(1);
  both.reset(3);
  int seen = 0;
  for (int step = 0; step < 300; ++step) {
    const Numbers losses = random_losses(random, 2);
    both.observe(Numbers{losses[0], losses[1], absent});
    if (std::isfinite(losses[1])) {
      alone.observe(Numbers{losses[1]});
      ++seen;
    }
    const Numbers weights = weights_of(both, 3);
    CHECK(weights[1] == weights_of(alone, 1)[0]);
    CHECK(weights[2] == 1);
  }
  CHECK(seen > 200);
  CHECK(seen < 300);
  CHECK(both.state()[10] == seen);  // number of steps of the second task
  CHECK(both.state()[11] == 0);
}

TEST_CASE("balance: what is no loss leaves the state alone") {
  LossWeighting balance = Uncertainty{};
  balance.reset(1);
  balance.observe(Numbers{0.4});
  const Numbers before = balance.state();
  for (const double odd : {absent, infinity, -infinity, -3.0, 1e300}) {
    CAPTURE(odd);
    balance.observe(Numbers{odd});
    CHECK(balance.state() == before);
  }
}

TEST_CASE("balance: a task learnt to perfection does not get all the weight there is") {
  for (const bool revised : {false, true}) {
    LossWeighting balance = Uncertainty{.learning_rate = 0.1, .revised = revised, .max_weight = 50};
    balance.reset(2);
    for (int step = 0; step < 5000; ++step) balance.observe(Numbers{0, 0.5});
    const Numbers weights = weights_of(balance, 2);
    CHECK(weights[0] <= 50 * (1 + 1e-12));
    CHECK(weights[0] > 49);
    for (int step = 0; step < 1000; ++step) balance.observe(Numbers{0.5, 0.5});
    // The weight recovers: (√(1 + 4 / ½) − 1) / 2 = 1 / (2 · ½) = 1.
    CHECK(weights_of(balance, 2)[0] == doctest::Approx(1).epsilon(0.01));
  }
}

TEST_CASE("balance: weights stay finite under any losses") {
  Random random(11);
  LossWeighting balance = Uncertainty{.learning_rate = 0.5};
  balance.reset(3);
  for (int step = 0; step < 3000; ++step) {
    Numbers losses;
    for (int k = 0; k < 3; ++k) {
      const double size = std::pow(10, random.uniform(-30, 30));
      losses.push_back(random.bernoulli(0.1) ? absent : (random.bernoulli(0.1) ? infinity : size));
    }
    balance.observe(losses);
    for (const double w : weights_of(balance, 3)) {
      CHECK(std::isfinite(w));
      CHECK(w > 0);
    }
  }
}

TEST_CASE("balance: a resumed run continues bit for bit") {
  for (const bool revised : {false, true}) {
    Random random(5);
    LossWeighting first = Uncertainty{.learning_rate = 0.03, .revised = revised};
    first.reset(4);
    for (int step = 0; step < 50; ++step) first.observe(random_losses(random, 4));
    const Numbers state = first.state();
    LossWeighting resumed = Uncertainty{.learning_rate = 0.03, .revised = revised};
    resumed.reset(4);
    resumed.restore(state);
    LossWeighting fresh = Uncertainty{.learning_rate = 0.03, .revised = revised};
    fresh.reset(4);
    CHECK(weights_of(fresh, 4) != weights_of(first, 4));
    for (int step = 0; step < 200; ++step) {
      const Numbers losses = random_losses(random, 4);
      first.observe(losses);
      resumed.observe(losses);
      fresh.observe(losses);
      REQUIRE(weights_of(first, 4) == weights_of(resumed, 4));
    }
    CHECK(first.state() == resumed.state());
    CHECK(fresh.state() != first.state());  // the state makes the difference
    first.reset(4);
    CHECK(first.state() == Numbers(16, 0.0));
  }
}

TEST_CASE("balance: a copy goes its own way") {
  LossWeighting balance = Uncertainty{};
  balance.reset(1);
  balance.observe(Numbers{4});
  LossWeighting copy = balance;
  const Numbers before = balance.state();
  copy.observe(Numbers{4});
  CHECK(balance.state() == before);
  CHECK(copy.state() != before);
  balance = copy;
  CHECK(balance.state() == copy.state());
  LossWeighting moved = std::move(copy);
  CHECK(moved.state() == balance.state());
}

TEST_CASE("balance: a weighting of one's own, by this step's losses") {
  static_assert(WeightingMethod<Inverse> && WeightingMethod<Equal> && WeightingMethod<Uncertainty>);
  static_assert(!WeightingMethod<int> && !WeightingMethod<MeanGradient>);
  LossWeighting balance = Inverse{};
  CHECK(balance.needs_current_losses());
  balance.reset(3);
  CHECK(weights_of(balance, 3, {0.5, absent, 4}) == Numbers{2, 1, 0.25});
  CHECK(message_of([&] { weights_of(balance, 3); }) ==
        "balance 'inverse': 0 losses, expected one for each of 3 tasks (as told to reset)");
}

TEST_CASE("balance: errors say what and what was expected") {
  LossWeighting balance = Uncertainty{};
  balance.reset(2);
  CHECK_THROWS_AS(balance.restore(Numbers(7, 0.0)), CheckpointError);
  CHECK(message_of([&] { balance.restore(Numbers(7, 0.0)); }) ==
        "balance 'uncertainty': a state of 7 numbers, expected 8");
  CHECK_THROWS_AS(balance.observe(Numbers{1}), ConfigError);
  CHECK_THROWS_AS(weights_of(balance, 3), ConfigError);
  CHECK_THROWS_AS(weights_of(balance, 2, {1}), ConfigError);
  CHECK(message_of([] { LossWeighting(Uncertainty{.learning_rate = -1}).reset(2); }) ==
        "uncertainty: learning_rate is -1, expected a number greater than 0");
  CHECK_THROWS_AS(LossWeighting(Uncertainty{.learning_rate = 0}).reset(1), ConfigError);
  CHECK_THROWS_AS(LossWeighting(Uncertainty{.learning_rate = absent}).reset(1), ConfigError);
  CHECK_THROWS_AS(LossWeighting(Uncertainty{.learning_rate = infinity}).reset(1), ConfigError);
  CHECK(message_of([] { LossWeighting(Uncertainty{.max_weight = 0.5}).reset(2); }) ==
        "uncertainty: max_weight is 0.5, expected a number from 1");
}
