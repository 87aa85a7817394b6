// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "espalier/optim/schedule.hpp"
#include "golden.inc"
#include "support/worst.hpp"

using namespace espalier;

namespace {

void follow(const Schedule& schedule, const double (&expected)[130]) {
  INFO(schedule.describe());
  double worst = 0;
  for (int t = 1; t <= 130; ++t)
    espalier_test::keep_worst(worst, std::abs(schedule.factor(t, 120) - expected[t - 1]));
  CHECK(worst < 1e-14);
}

struct Halves {
  double operator()(std::int64_t step, std::int64_t total) const {
    return 2 * step <= total ? 1 : 0.5;
  }
  [[nodiscard]] std::string describe() const { return "halves"; }
};

}  // namespace

TEST_CASE("schedules follow an independent implementation") {
  follow(StepDecay{.every = 40, .factor = 0.5}, golden::step_decay);
  follow(Cosine{.final = 0.1}, golden::cosine);
  follow(Linear{.final = 0.2}, golden::linear);
  follow(WarmUp{.steps = 20, .then = Cosine{}}, golden::warm_cosine);
}

TEST_CASE("where schedules begin and end") {
  CHECK(Schedule{}.factor(1, 10) == 1);
  CHECK(Schedule{}.factor(99, 10) == 1);
  for (const Schedule& schedule :
       {Schedule(Cosine{.final = 0.25}), Schedule(Linear{.final = 0.25})}) {
    CHECK(schedule.factor(1, 10) == 1);
    CHECK(schedule.factor(10, 10) > 0.25);
    CHECK(schedule.factor(11, 10) == 0.25);
    CHECK(schedule.factor(1000, 10) == 0.25);
    CHECK(schedule.factor(1, 0) == 1);  // unknown total
  }
  const Schedule warm =
      WarmUp{.steps = 4, .then = WarmUp{.steps = 2, .then = StepDecay{.every = 1}}};
  CHECK(warm.factor(1, 10) == 0.25);
  CHECK(warm.factor(4, 10) == 1);
  CHECK(warm.factor(5, 10) == 0.5);
  CHECK(warm.factor(7, 10) == 1);
  CHECK(warm.factor(8, 10) == 0.5);
  CHECK(Schedule(WarmUp{}).factor(1, 10) == 1);
}

TEST_CASE("describe names every setting; copies are the same; a user's own is one struct") {
  const Schedule schedule = WarmUp{.steps = 500, .then = Cosine{.final = 0.1}};
  CHECK(schedule.describe() == "warm_up(steps=500, then=cosine(final=0.1))");
  Schedule copy;
  CHECK(copy.describe() == "constant");
  copy = schedule;
  CHECK(copy.describe() == schedule.describe());
  CHECK(Schedule(StepDecay{}).describe() == "step_decay(every=1000, factor=0.5)");
  CHECK(Schedule(Linear{}).describe() == "linear(final=0)");
  const Schedule own = WarmUp{.steps = 2, .then = Halves{}};
  CHECK(own.describe() == "warm_up(steps=2, then=halves)");
  CHECK(own.factor(12, 12) == 0.5);
}

TEST_CASE("settings out of range throw") {
  CHECK_THROWS_WITH_AS(Schedule(Cosine{.final = 1.5}),
                       "cosine: final is 1.5; expected a number in [0, 1]", ConfigError);
  CHECK_THROWS_WITH_AS(Schedule(StepDecay{.every = 0}),
                       "step_decay: every is 0; expected 1 or more", ConfigError);
  CHECK_THROWS_WITH_AS(Schedule(WarmUp{.steps = -1}), "warm_up: steps is -1; expected 0 or more",
                       ConfigError);
  CHECK_THROWS_AS(Schedule(StepDecay{.factor = 2}), ConfigError);
  CHECK_THROWS_AS(Schedule(Linear{.final = std::numeric_limits<double>::quiet_NaN()}), ConfigError);
}
