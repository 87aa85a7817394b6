// SPDX-License-Identifier: Apache-2.0
// Balancing methods that need coordinates: properties of all, and what the papers prove of each.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "espalier/balance/balance.hpp"
#include "espalier/core/random.hpp"
#include "support/coordinate_step.hpp"

using namespace espalier;
using espalier_test::coordinate_step;

namespace {

using Numbers = std::vector<double>;
using Matrix = std::vector<Numbers>;

std::vector<GradientAggregator> methods() {
  return {GradDrop{}, GradDrop{.leak = 0.4}, TrimmedMean{}, TrimmedMean{.trim = 2},
          MoCo{},     MoCo{.beta = 1}};
}

Matrix random_gradients(Random& random, std::size_t tasks, std::size_t width) {
  Matrix g(tasks, Numbers(width));
  for (Numbers& row : g) {
    for (double& x : row) x = random.normal();
  }
  return g;
}

Numbers step_of(GradientAggregator balance, const Matrix& g, std::uint64_t key = 5,
                std::size_t absent = 99, std::size_t cut = 0) {
  balance.reset(g.size());
  return coordinate_step(balance, g, key, absent, cut);
}

Numbers sum_of(const Matrix& g) {
  Numbers sum(g[0].size(), 0.0);
  for (const Numbers& row : g) {
    for (std::size_t i = 0; i < row.size(); ++i) sum[i] += row[i];
  }
  return sum;
}

double dot(const Numbers& a, const Numbers& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}
double distance(const Numbers& a, const Numbers& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum);
}
double norm(const Numbers& a) { return std::sqrt(dot(a, a)); }

}  // namespace

TEST_CASE("coordinates: which methods need them, and what that takes") {
  static_assert(CoordinateMethod<GradDrop> && CoordinateMethod<TrimmedMean> &&
                CoordinateMethod<MoCo>);
  static_assert(!CoordinateMethod<Mgda> && !CoordinateMethod<Equal>);
  for (const GradientAggregator& balance : methods()) {
    CHECK(balance.needs_coordinates());
    CHECK(balance.remembers() == (balance.name() == "mo_co"));
  }
  CHECK(!GradientAggregator(Mgda{}).needs_coordinates());
}

TEST_CASE("coordinates: however they are cut into blocks, the step is the same") {
  Random random(1);
  for (const GradientAggregator& balance : methods()) {
    CAPTURE(balance.describe());
    for (int trial = 0; trial < 20; ++trial) {
      const Matrix g = random_gradients(random, 2 + random.below(6), 1 + random.below(40));
      const Numbers whole = step_of(balance, g);
      for (const std::size_t cut : {1U, 3U, 16U}) CHECK(step_of(balance, g, 5, 99, cut) == whole);
    }
  }
}

TEST_CASE("coordinates: an absent task is as if it were not there") {
  Random random(2);
  for (const GradientAggregator& balance : methods()) {
    CAPTURE(balance.describe());
    Matrix g = random_gradients(random, 4, 30);
    const Numbers step = step_of(balance, g, 5, 1);
    g.erase(g.begin() + 1);
    CHECK(distance(step, step_of(balance, g)) < 1e-12);
  }
}

TEST_CASE("coordinates: identical gradients give a step along them, one task too") {
  Random random(3);
  for (const GradientAggregator& balance : methods()) {
    CAPTURE(balance.describe());
    for (const std::size_t tasks : {1U, 2U, 3U, 8U}) {
      const Matrix g(tasks, random_gradients(random, 1, 30)[0]);
      const Numbers step = step_of(balance, g);
      CHECK(dot(step, g[0]) >= (1 - 1e-12) * norm(step) * norm(g[0]));
      CHECK(norm(step) > 0.05 * norm(g[0]));
    }
  }
}

TEST_CASE(
    "coordinates: never NaN: zero, opposed, scaled, overflowing gradients, after any of them") {
  const double great = (std::numeric_limits<double>::max)();
  for (const GradientAggregator& method : methods()) {
    CAPTURE(method.describe());
    Random random(4);
    GradientAggregator balance = method;
    balance.reset(3);
    for (int trial = 0; trial < 400; ++trial) {
      Matrix g = random_gradients(random, 3, 12);
      const auto kind = random.below(6);
      for (std::size_t k = 0; k < 3; ++k) {
        for (double& x : g[k]) {
          if (kind == 0) x = 0;
          if (kind == 1) x *= k == 1 ? 0 : 1;
          if (kind == 2) x = g[0][0] * (k == 1 ? -1 : 1);
          if (kind == 3) x *= k == 2 ? 1e6 : 1e-6;
          if (kind == 4) x = (random.bernoulli(0.5) ? 1 : -1) * great * (k == 0 ? 0.2 : 1e-200);
        }
      }
      for (const double x : coordinate_step(balance, g, static_cast<std::uint64_t>(trial)))
        REQUIRE(std::isfinite(x));
    }
    for (const double x : balance.state()) CHECK(std::isfinite(x));
  }
}

TEST_CASE("coordinates: scaling all gradients scales the step") {
  Random random(5);
  for (const GradientAggregator& balance : methods()) {
    if (balance.name() == "mo_co") continue;  // its γ multiplies squares
    CAPTURE(balance.describe());
    Matrix g = random_gradients(random, 5, 30);
    Numbers step = step_of(balance, g);
    for (Numbers& row : g) {
      for (double& x : row) x *= 0x1p20;
    }
    for (double& x : step) x *= 0x1p20;
    CHECK(step_of(balance, g) == step);
  }
}

TEST_CASE("grad_drop: the mean over draws is the sum of the gradients") {
  Random random(6);
  const Matrix g = random_gradients(random, 3, 8);
  const Numbers sum = sum_of(g);
  for (const double leak : {0.0, 0.5}) {
    Numbers mean(8, 0.0);
    constexpr int draws = 40000;
    for (int key = 0; key < draws; ++key) {
      const Numbers step = step_of(GradDrop{.leak = leak}, g, static_cast<std::uint64_t>(key));
      for (std::size_t i = 0; i < 8; ++i) mean[i] += step[i] / draws;
    }
    for (std::size_t i = 0; i < 8; ++i) CHECK(std::abs(mean[i] - sum[i]) < 0.05);
  }
}

TEST_CASE("grad_drop: one sign a coordinate, without conflicts the sum, with a leak of 1 too") {
  Random random(7);
  int others = 0;  // steps that change with the key: nearly all
  for (int trial = 0; trial < 50; ++trial) {
    const auto key = static_cast<std::uint64_t>(trial);
    Matrix g = random_gradients(random, 4, 20);
    const Numbers step = step_of(GradDrop{}, g, key);
    for (std::size_t i = 0; i < 20; ++i) {
      double positive = 0, negative = 0;
      for (const Numbers& row : g) (row[i] > 0 ? positive : negative) += row[i];
      CHECK((step[i] == doctest::Approx(positive) || step[i] == doctest::Approx(negative)));
    }
    CHECK(distance(step_of(GradDrop{.leak = 1}, g, key), sum_of(g)) < 1e-12);
    CHECK(step_of(GradDrop{}, g, key) == step);
    others += step_of(GradDrop{}, g, key + 1000) != step ? 1 : 0;
    for (Numbers& row : g) {
      for (double& x : row) x = std::abs(x);
    }
    CHECK(distance(step_of(GradDrop{}, g, key), sum_of(g)) < 1e-12);
  }
  CHECK(others > 40);
  // One leak per task: with leak 1, the gradient is always kept.
  const Matrix opposed{{1, 1, 1, 1}, {-1, -1, -1, -1}};
  for (const double x : step_of(GradDrop{.leaks = {1, 0}}, opposed)) CHECK((x == 0 || x == 1));
}

TEST_CASE("trimmed_mean: without a trim the mean; of three the median") {
  Random random(8);
  const Matrix g = random_gradients(random, 3, 50);
  Numbers mean = sum_of(g);
  for (double& x : mean) x /= 3;
  CHECK(distance(step_of(TrimmedMean{.trim = 0}, g), mean) < 1e-12);
  const Numbers step = step_of(TrimmedMean{.trim = 1}, g);
  for (std::size_t i = 0; i < 50; ++i) {
    Numbers values{g[0][i], g[1][i], g[2][i]};
    std::sort(values.begin(), values.end());
    CHECK(step[i] == values[1]);
  }
  CHECK(step_of(TrimmedMean{.trim = 7}, g) == step);  // at least one value remains
}

TEST_CASE("trimmed_mean: whatever `trim` gradients are, the step stays between the others") {
  Random random(9);
  for (int trial = 0; trial < 100; ++trial) {
    const std::size_t tasks = 5 + random.below(4);
    Matrix g = random_gradients(random, tasks, 20);
    for (std::size_t k = 0; k < 2; ++k) {
      for (double& x : g[k]) x *= 1e6;
    }
    const Numbers step = step_of(TrimmedMean{.trim = 2}, g);
    for (std::size_t i = 0; i < 20; ++i) {
      double least = g[2][i], greatest = g[2][i];
      for (std::size_t k = 3; k < tasks; ++k) {
        least = (std::min)(least, g[k][i]);
        greatest = (std::max)(greatest, g[k][i]);
      }
      CHECK(step[i] >= least - 1e-12);
      CHECK(step[i] <= greatest + 1e-12);
    }
  }
}

TEST_CASE("mo_co: with β = 1 it is MoDo; else its average comes near the mean gradient") {
  Random random(10);
  const Matrix centre = random_gradients(random, 3, 10);
  GradientAggregator now = MoCo{.beta = 1}, tracks = MoCo{.beta = 0.02, .gamma = 0.001};
  GradientAggregator modo = MoDo{};
  for (GradientAggregator* b : {&now, &tracks, &modo}) b->reset(3);
  for (int step = 0; step < 2000; ++step) {
    Matrix g = centre;
    for (Numbers& row : g) {
      for (double& x : row) x += random.normal();
    }
    const Numbers d = coordinate_step(now, g, 0);
    Numbers gramian, weights(3);
    for (const Numbers& a : g) {
      for (const Numbers& b : g) gramian.push_back(dot(a, b));
    }
    modo.weights(gramian, {}, 0, weights);
    Numbers expected(10, 0.0);
    for (std::size_t k = 0; k < 3; ++k) {
      for (std::size_t i = 0; i < 10; ++i) expected[i] += weights[k] * g[k][i];
    }
    CHECK(distance(d, expected) < 1e-10);
    coordinate_step(tracks, g, 0);
  }
  for (std::size_t k = 0; k < 3; ++k) {
    const auto y = tracks.memory().subspan(10 * k, 10);
    CHECK(distance(Numbers(y.begin(), y.end()), centre[k]) < 1);  // of a single batch: √10
  }
}

TEST_CASE("mo_co: a copy and a restored state go on with the same bits") {
  Random random(11);
  GradientAggregator balance = MoCo{};
  balance.reset(3);
  const auto next = [&] { return random_gradients(random, 3, 10); };
  for (int i = 0; i < 5; ++i) coordinate_step(balance, next(), 0);
  const std::vector<double> state = balance.state();
  CHECK(state.size() == 3 + 3 * 10);
  GradientAggregator copy = balance, restored = MoCo{};
  restored.reset(3);
  CHECK_THROWS_WITH_AS(restored.restore(state),
                       "balance 'mo_co': a state of 33 numbers, expected 3", CheckpointError);
  restored.remember(10);
  restored.restore(state);
  for (int i = 0; i < 5; ++i) {
    const Matrix g = next();
    const Numbers step = coordinate_step(balance, g, 0);
    CHECK(coordinate_step(copy, g, 0) == step);
    CHECK(coordinate_step(restored, g, 0) == step);
  }
  balance.reset(3);
  CHECK(balance.state() == std::vector<double>(3, 1.0 / 3));
}

TEST_CASE("coordinates: settings out of range are refused") {
  const auto refuses = [](GradientAggregator balance, const char* message) {
    CHECK_THROWS_WITH_AS(balance.reset(3), message, ConfigError);
  };
  refuses(GradDrop{.leak = 1.5}, "grad_drop: leak is 1.5, expected a number from 0 to 1");
  refuses(GradDrop{.leaks = {0.1}}, "grad_drop: 1 leaks, expected 3, one a task");
  refuses(TrimmedMean{.trim = -1}, "trimmed_mean: trim is -1, expected a number from 0 to 1000");
  refuses(MoCo{.beta = 0}, "mo_co: beta is 0, expected a number greater than 0");
  refuses(MoCo{.beta = 2}, "mo_co: beta is 2, expected a number from 0 to 1");
}
