// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "espalier/balance/balance.hpp"
#include "espalier/core/random.hpp"

using namespace espalier;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr double absent = std::numeric_limits<double>::quiet_NaN();

/// A method with a state; its weights show what it was given.
struct Recorder {
  static constexpr std::string_view name = "recorder";
  static constexpr bool needs_coordinates = false;
  std::vector<double> seen{};
  void reset(std::size_t tasks) { seen.assign(tasks, 0.0); }
  void weights(const TaskGradients& gradients, std::span<double> out) {
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      out[i] = gradients(i, i) + static_cast<double>(gradients.key);
      if (!gradients.losses.empty()) out[i] += 100 * gradients.losses[i];
      ++seen[gradients.tasks[i]];
    }
  }
  [[nodiscard]] std::vector<double> state() const { return seen; }
  void restore(std::span<const double> state) { seen.assign(state.begin(), state.end()); }
};

std::span<const double> values_of(const MatrixXd& m) {
  return {m.data(), static_cast<std::size_t>(m.size())};
}
std::span<double> values_of(VectorXd& v) { return {v.data(), static_cast<std::size_t>(v.size())}; }

VectorXd weights_of(GradientAggregator balance, const MatrixXd& gramian) {
  balance.reset(static_cast<std::size_t>(gramian.rows()));
  VectorXd out = VectorXd::Constant(gramian.rows(), absent);
  balance.weights(values_of(gramian), {}, 0, values_of(out));
  return out;
}

/// Shape [tasks, dimension].
MatrixXd random_gradients(Random& random, Index tasks, Index dimension) {
  MatrixXd g(tasks, dimension);
  for (Index i = 0; i < tasks; ++i) {
    for (Index j = 0; j < dimension; ++j) g(i, j) = random.normal();
  }
  return g;
}

MatrixXd gramian_of(const MatrixXd& gradients) { return gradients * gradients.transpose(); }

void check_simplex(const VectorXd& weights) {
  CHECK(weights.allFinite());
  CHECK(weights.minCoeff() >= 0);
  CHECK(std::abs(weights.sum() - 1) < 1e-12);
}

/// α is the shortest point between the gradients if and only if g_kᵀ d ≥ |d|² for all k, because
/// the problem is convex; holds for any solver.
void check_shortest(const MatrixXd& gradients, const VectorXd& weights, double tolerance = 1e-9) {
  check_simplex(weights);
  const VectorXd d = gradients.transpose() * weights;
  const double slack = (gradients * d).minCoeff() - d.squaredNorm();
  CHECK(slack >=
        -tolerance * d.squaredNorm() - 1e-14 * gradients.rowwise().squaredNorm().maxCoeff());
}

}  // namespace

TEST_CASE("gradient methods: mean") {
  static_assert(GradientMethod<MeanGradient> && GradientMethod<Mgda> && GradientMethod<Recorder>);
  static_assert(!GradientMethod<Equal> && !GradientMethod<double>);
  const VectorXd weights = weights_of(MeanGradient{}, MatrixXd::Identity(4, 4));
  CHECK(weights == VectorXd::Constant(4, 0.25));
}

TEST_CASE("mgda: two tasks in closed form") {
  Random random(1);
  for (int trial = 0; trial < 200; ++trial) {
    MatrixXd g = random_gradients(random, 2, 3);
    g.row(0) *= std::pow(10, random.uniform(-3, 3));
    const double a = g.row(0).squaredNorm(), b = g.row(1).squaredNorm(), c = g.row(0).dot(g.row(1));
    const double first = std::clamp((b - c) / (a + b - 2 * c), 0.0, 1.0);
    const VectorXd weights = weights_of(Mgda{}, gramian_of(g));
    CHECK(weights(0) == doctest::Approx(first).epsilon(1e-9));
    check_simplex(weights);
  }
}

TEST_CASE("mgda: orthogonal gradients weigh by the inverse of their squared lengths") {
  const VectorXd squares = (VectorXd(5) << 1, 4, 0.25, 9, 2).finished();
  const VectorXd inverse = squares.cwiseInverse();
  const VectorXd weights = weights_of(Mgda{}, squares.asDiagonal().toDenseMatrix());
  CHECK((weights - inverse / inverse.sum()).norm() < 1e-5);
}

TEST_CASE("mgda: the shortest point, among few and many tasks, with room for them and without") {
  Random random(2);
  for (const Index tasks : {1, 2, 3, 5, 8, 16}) {
    for (const Index dimension : {1, 2, 7, 40}) {
      for (int trial = 0; trial < 20; ++trial) {
        CAPTURE(tasks);
        CAPTURE(dimension);
        MatrixXd g = random_gradients(random, tasks, dimension);
        if (trial % 2 == 0) g.col(0).array() += 2;  // mostly agreeing
        check_shortest(g, weights_of(Mgda{}, gramian_of(g)));
      }
    }
  }
}

TEST_CASE("mgda: no point on a fine grid is shorter") {
  Random random(3);
  for (int trial = 0; trial < 10; ++trial) {
    const MatrixXd gramian = gramian_of(random_gradients(random, 3, 3));
    const VectorXd weights = weights_of(Mgda{}, gramian);
    const double found = weights.dot(gramian * weights);
    double best = found + 1;
    const int n = 100;
    for (int i = 0; i <= n; ++i) {
      for (int j = 0; i + j <= n; ++j) {
        const VectorXd a = VectorXd{{i / double{n}, j / double{n}, (n - i - j) / double{n}}};
        best = (std::min)(best, a.dot(gramian * a));
      }
    }
    CHECK(found <= best * (1 + 1e-9));
    CHECK(found >= best * 0.9 - 0.01);  // the grid is close
  }
}

TEST_CASE("mgda: identical gradients share, and their copy changes nothing") {
  Random random(4);
  const MatrixXd one = random_gradients(random, 1, 6);
  CHECK((weights_of(Mgda{}, gramian_of(one.replicate(4, 1))) - VectorXd::Constant(4, 0.25)).norm() <
        1e-12);
  const MatrixXd pair = random_gradients(random, 2, 6);
  MatrixXd copied(3, 6);
  copied << pair, pair.row(1);
  const VectorXd two = weights_of(Mgda{}, gramian_of(pair));
  const VectorXd three = weights_of(Mgda{}, gramian_of(copied));
  CHECK((pair.transpose() * two - copied.transpose() * three).norm() < 1e-6);
}

TEST_CASE("mgda: opposed gradients cancel") {
  Random random(5);
  const MatrixXd one = random_gradients(random, 1, 6);
  MatrixXd g(2, 6);
  g << one, -3 * one;
  const VectorXd weights = weights_of(Mgda{}, gramian_of(g));
  CHECK(weights(0) == doctest::Approx(0.75).epsilon(1e-12));
  CHECK((g.transpose() * weights).norm() < 1e-12);
  MatrixXd star(3, 2);  // at 120° from each other
  star << 1, 0, -0.5, std::sqrt(0.75), -0.5, -std::sqrt(0.75);
  const VectorXd thirds = weights_of(Mgda{}, gramian_of(star));
  CHECK((thirds - VectorXd::Constant(3, 1.0 / 3)).norm() < 1e-6);
}

TEST_CASE("mgda: zero gradients") {
  CHECK(weights_of(Mgda{}, MatrixXd::Zero(3, 3)) == VectorXd::Constant(3, 1.0 / 3));
  MatrixXd gramian = MatrixXd::Identity(3, 3);
  gramian(1, 1) = 0;  // this task is at its optimum: the step must be 0
  CHECK((weights_of(Mgda{}, gramian) - VectorXd{{0, 1, 0}}).norm() < 1e-4);
}

TEST_CASE("mgda: scaling all gradients changes nothing") {
  Random random(6);
  for (int trial = 0; trial < 20; ++trial) {
    const MatrixXd gramian = gramian_of(random_gradients(random, 4, 5));
    const VectorXd weights = weights_of(Mgda{}, gramian);
    for (const int exponent : {-1000, -40, 40, 1000}) {  // powers of two: exactly equal
      CHECK(weights_of(Mgda{}, gramian * std::ldexp(1.0, exponent)) == weights);
    }
    CHECK((weights_of(Mgda{}, gramian * 1e12) - weights).norm() < 1e-6);
  }
}

TEST_CASE("mgda: one gradient scaled by a million") {
  Random random(7);
  for (int trial = 0; trial < 50; ++trial) {
    for (const double factor : {1e6, 1e-6}) {
      CAPTURE(factor);
      MatrixXd g = random_gradients(random, 4, 8);
      g.row(trial % 4) *= factor;
      const VectorXd weights = weights_of(Mgda{}, gramian_of(g));
      check_simplex(weights);
      // No task gets worse, relative to its own gradient.
      const VectorXd d = g.transpose() * weights;
      for (Index k = 0; k < 4; ++k) CHECK(g.row(k).dot(d) >= -1e-6 * g.row(k).norm() * d.norm());
    }
  }
}

TEST_CASE("mgda: the order of the tasks does not matter") {
  Random random(8);
  for (int trial = 0; trial < 20; ++trial) {
    const MatrixXd g = random_gradients(random, 6, 9);
    std::vector<int> order(6);
    std::iota(order.begin(), order.end(), 0);
    random.shuffle(order);
    MatrixXd shuffled(6, 9);
    for (Index i = 0; i < 6; ++i) shuffled.row(i) = g.row(order[static_cast<std::size_t>(i)]);
    const VectorXd a = weights_of(Mgda{}, gramian_of(g)),
                   b = weights_of(Mgda{}, gramian_of(shuffled));
    for (Index i = 0; i < 6; ++i)
      CHECK(std::abs(b(i) - a(order[static_cast<std::size_t>(i)])) < 1e-4);
  }
}

TEST_CASE("gradient methods: weights are finite for any Gramian, right or wrong") {
  Random random(9);
  const double odd[] = {0,
                        -0.0,
                        1,
                        -1,
                        1e300,
                        -1e300,
                        1e-300,
                        1e154,
                        absent,
                        std::numeric_limits<double>::infinity(),
                        std::numeric_limits<double>::denorm_min()};
  for (int trial = 0; trial < 3000; ++trial) {
    MatrixXd gramian(4, 4);
    for (Index i = 0; i < 4; ++i) {
      for (Index j = 0; j <= i; ++j)
        gramian(i, j) = gramian(j, i) = odd[random.below(std::size(odd))];
    }
    for (const GradientAggregator& balance :
         {GradientAggregator(Mgda{}), GradientAggregator(MeanGradient{})}) {
      const VectorXd weights = weights_of(balance, gramian);
      REQUIRE(weights.allFinite());
      CHECK(weights.minCoeff() >= 0);
      const bool none = !gramian.diagonal().array().isFinite().any();
      CHECK(std::abs(weights.sum() - (none ? 0 : 1)) < 1e-9);
    }
  }
}

TEST_CASE("gradient methods: an absent task is not shown and has weight 0") {
  Random random(10);
  const MatrixXd g = random_gradients(random, 3, 5);
  const VectorXd three = weights_of(Mgda{}, gramian_of(g));
  MatrixXd gramian = MatrixXd::Constant(5, 5, absent);
  const Index places[] = {0, 2, 3};
  const MatrixXd small = gramian_of(g);
  for (Index i = 0; i < 3; ++i) {
    for (Index j = 0; j < 3; ++j) gramian(places[i], places[j]) = small(i, j);
  }
  const VectorXd five = weights_of(Mgda{}, gramian);
  for (Index i = 0; i < 3; ++i) CHECK(five(places[i]) == three(i));
  CHECK(five(1) == 0);
  CHECK(five(4) == 0);
  CHECK(weights_of(MeanGradient{}, gramian) == VectorXd{{1.0 / 3, 0, 1.0 / 3, 1.0 / 3, 0}});
  CHECK(weights_of(Mgda{}, MatrixXd::Constant(2, 2, absent)) == VectorXd::Zero(2));
}

TEST_CASE("gradient methods: losses, tasks, key and state reach the method") {
  GradientAggregator balance = Recorder{};
  CHECK(balance.name() == "recorder");
  balance.reset(3);
  MatrixXd gramian = VectorXd{{1, absent, 3}}.asDiagonal();
  VectorXd out(3);
  balance.weights(values_of(gramian), std::vector<double>{5, absent, 7}, 10, values_of(out));
  CHECK(out == VectorXd{{511, 0, 713}});
  balance.weights(values_of(gramian), {}, 10, values_of(out));
  CHECK(out == VectorXd{{11, 0, 13}});
  const std::vector<double> state = balance.state();
  CHECK(state == std::vector<double>{2, 0, 2});
  GradientAggregator copy = balance;
  copy.weights(values_of(gramian), {}, 0, values_of(out));
  CHECK(out == VectorXd{{1, 0, 3}});
  CHECK(copy.state() == std::vector<double>{3, 0, 3});
  CHECK(balance.state() == state);
  copy.restore(state);
  CHECK(copy.state() == state);
  balance = copy;
  balance.weights(values_of(gramian), {}, 0, values_of(out));
  CHECK(balance.state() == std::vector<double>{3, 0, 3});
  CHECK_THROWS_AS(balance.restore(std::vector<double>{1}), CheckpointError);
  GradientAggregator stateless = Mgda{};
  stateless.reset(3);
  CHECK(stateless.state().empty());
}

TEST_CASE("gradient methods: sizes that do not fit are named") {
  GradientAggregator balance = Mgda{};
  balance.reset(2);
  std::vector<double> out(2), three(3);
  const std::vector<double> right{1, 0, 0, 1};
  CHECK_THROWS_AS(balance.weights(std::vector<double>(9), {}, 0, three), ConfigError);
  CHECK_THROWS_AS(balance.weights(right, {}, 0, three), ConfigError);
  CHECK_THROWS_AS(balance.weights(std::vector<double>(6), {}, 0, out), ConfigError);
  CHECK_THROWS_WITH(balance.weights(right, std::vector<double>{1}, 0, out),
                    "balance 'mgda': a Gramian of 4 values, 1 losses and 2 weights, expected 4, 2 "
                    "(or none) and 2 "
                    "(as told to reset)");
  CHECK_NOTHROW(balance.weights(right, std::vector<double>{1, 2}, 0, out));
  CHECK_THROWS_WITH(balance.reset(33), "balance 'mgda': 33 tasks, expected at most 32");
}

TEST_CASE("gradient methods: held as a LossWeighting") {
  LossWeighting balance = Mgda{};
  balance.reset(2);
  CHECK(balance.name() == "mgda");
  REQUIRE(balance.gradients() != nullptr);
  std::vector<double> out(2);
  balance.weights({}, out);
  CHECK(out == std::vector<double>{1, 1});
  balance.gradients()->weights(std::vector<double>{1, 0, 0, 1}, {}, 0, out);
  CHECK(out == std::vector<double>{0.5, 0.5});
  CHECK(LossWeighting(Equal{}).gradients() == nullptr);
  LossWeighting recorder = Recorder{};
  recorder.reset(2);
  recorder.gradients()->weights(std::vector<double>{1, 0, 0, 1}, {}, 0, out);
  CHECK(recorder.state() == std::vector<double>{1, 1});
  LossWeighting copy = recorder;
  copy.gradients()->weights(std::vector<double>{1, 0, 0, 1}, {}, 0, out);
  CHECK(copy.state() == std::vector<double>{2, 2});
  CHECK(recorder.state() == std::vector<double>{1, 1});
  recorder.restore(std::vector<double>{5, 6});
  CHECK(recorder.state() == std::vector<double>{5, 6});
}
