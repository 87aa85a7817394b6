// SPDX-License-Identifier: Apache-2.0
// Properties of all gradient methods, and what the papers prove of each.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "espalier/balance/balance.hpp"
#include "espalier/core/random.hpp"

using namespace espalier;

namespace {

using Numbers = std::vector<double>;
using Matrix = std::vector<Numbers>;

struct Named {
  GradientAggregator balance;
  bool symmetric =
      true;  ///< independent of the order of tasks (Krum: the two nearest gradients tie)
  bool scale_free = false;       ///< weights do not change with the scale of all gradients
  bool linear = false;           ///< weights are divided by that scale: |d| does not change
  bool not_conflicting = false;  ///< g_kᵀ d ≥ 0 for all k
  bool own_scale_free = false;   ///< d's direction does not change with the scale of one gradient
};

std::vector<Named> methods() {
  return {{.balance = MeanGradient{}, .scale_free = true},
          {.balance = Mgda{}, .scale_free = true, .not_conflicting = true},
          {.balance = PcGrad{.random_order = false}, .symmetric = false, .scale_free = true},
          {.balance = GradVac{.random_order = false}, .symmetric = false, .scale_free = true},
          {.balance = CaGrad{}, .scale_free = true},
          {.balance = CaGrad{.c = 1},
           .scale_free = true,
           .not_conflicting = true},  // with c ≥ 1, d = 0 is feasible
          {.balance = GradNorm{}, .scale_free = true},
          {.balance = ImtlG{}, .scale_free = true, .own_scale_free = true},
          {.balance = NashMtl{}, .linear = true, .not_conflicting = true, .own_scale_free = true},
          {.balance = AlignedMtl{}, .scale_free = true, .not_conflicting = false},
          {.balance = FairGrad{.alpha = 2}, .not_conflicting = true},
          {.balance = UpGrad{}, .scale_free = true, .not_conflicting = true},
          {.balance = DualProj{}, .scale_free = true, .not_conflicting = true},
          {.balance = ConFig{}, .scale_free = true, .own_scale_free = true},
          {.balance = SdmGrad{}, .scale_free = true},
          {.balance = SdmGrad{.steps = 20, .learning_rate = 0.5}, .scale_free = true},
          {.balance = MoDo{}},
          {.balance = DbMtl{}, .scale_free = true},
          {.balance = CrMogm<>{}, .scale_free = true, .not_conflicting = true},
          {.balance = Krum{}, .symmetric = false, .scale_free = true},
          {.balance = MetaBalance{}, .symmetric = false, .scale_free = true},
          {.balance = PeLtr{.least_each = 0.02}, .scale_free = true},
          {.balance = ExcessMtl{}, .scale_free = true}};
}

Matrix random_gradients(Random& random, std::size_t tasks, std::size_t width) {
  Matrix g(tasks, Numbers(width));
  for (Numbers& row : g) {
    const double size = std::pow(10, random.uniform(-1, 1));
    for (double& x : row) x = size * random.normal();
  }
  return g;
}

Numbers gramian_of(const Matrix& g) {
  Numbers m;
  for (const Numbers& a : g) {
    for (const Numbers& b : g) m.push_back(std::inner_product(a.begin(), a.end(), b.begin(), 0.0));
  }
  return m;
}

Numbers weights_of(const Named& method, const Matrix& g, const Numbers& losses = {}) {
  GradientAggregator balance = method.balance;
  balance.reset(g.size());
  Numbers out(g.size(), std::nan(""));
  balance.weights(gramian_of(g), losses, 3, out);
  return out;
}

Numbers step_of(const Matrix& g, const Numbers& w) {
  Numbers d(g[0].size(), 0.0);
  for (std::size_t k = 0; k < g.size(); ++k) {
    for (std::size_t i = 0; i < d.size(); ++i) d[i] += w[k] * g[k][i];
  }
  return d;
}

double dot(const Numbers& a, const Numbers& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}
double norm(const Numbers& a) { return std::sqrt(dot(a, a)); }
double distance(const Numbers& a, const Numbers& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum);
}

template <class Check>
void each(Check&& check, int trials = 40) {
  for (const Named& method : methods()) {
    const std::string name = method.balance.describe();
    CAPTURE(name);
    Random random(17);
    for (int trial = 0; trial < trials; ++trial) {
      const std::size_t tasks = 2 + random.below(6), width = tasks + 1 + random.below(20);
      check(method, random_gradients(random, tasks, width), random);
    }
  }
}

}  // namespace

TEST_CASE("gradient methods: the order of the tasks does not matter") {
  each([](const Named& method, const Matrix& g, Random& random) {
    if (!method.symmetric) return;
    std::vector<std::size_t> order(g.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    random.shuffle(order);
    Matrix shuffled;
    for (const std::size_t k : order) shuffled.push_back(g[k]);
    const Numbers a = step_of(g, weights_of(method, g)),
                  b = step_of(shuffled, weights_of(method, shuffled));
    CHECK(distance(a, b) <= 1e-7 * norm(a));
  });
}

TEST_CASE("gradient methods: the scale of all gradients") {
  each([](const Named& method, const Matrix& g, Random&) {
    if (!method.scale_free && !method.linear) return;
    const Numbers before = weights_of(method, g);
    for (const double factor : {1e-5, 1e4}) {
      Matrix scaled = g;
      for (Numbers& row : scaled) {
        for (double& x : row) x *= factor;
      }
      Numbers after = weights_of(method, scaled);
      if (method.linear) {
        for (double& w : after) w *= factor;
      }
      CHECK(distance(before, after) <= 1e-6 * norm(before));
    }
  });
}

TEST_CASE("gradient methods: the scale of one gradient, where it may not turn the step") {
  each([](const Named& method, const Matrix& g, Random&) {
    if (!method.own_scale_free) return;
    Matrix scaled = g;
    for (double& x : scaled[0]) x *= 1e3;
    const Numbers a = step_of(g, weights_of(method, g)),
                  b = step_of(scaled, weights_of(method, scaled));
    CHECK(std::abs(dot(a, b)) >= (1 - 1e-8) * norm(a) * norm(b));
  });
}

TEST_CASE("gradient methods: no task is made worse, where that is proven") {
  each([](const Named& method, const Matrix& g, Random&) {
    if (!method.not_conflicting) return;
    const Numbers d = step_of(g, weights_of(method, g));
    for (const Numbers& row : g) CHECK(dot(row, d) >= -1e-8 * norm(row) * norm(d));
  });
}

TEST_CASE(
    "gradient methods: one task is plain training, even with others absent for methods on the "
    "simplex") {
  for (const Named& method : methods()) {
    const std::string name = method.balance.describe();
    CAPTURE(name);
    CHECK(weights_of(method, {{3, 4}}) == Numbers{1});
    // Of two tasks one is present: the step has its direction.
    GradientAggregator balance = method.balance;
    balance.reset(2);
    Numbers out(2);
    balance.weights(Numbers{25, 0, 0, std::nan("")}, Numbers{0.5, std::nan("")}, 0, out);
    CHECK(out[0] > 0);
    CHECK(out[1] == 0);
  }
}

TEST_CASE("gradient methods: identical gradients give a step along them") {
  for (const Named& method : methods()) {
    const std::string name = method.balance.describe();
    CAPTURE(name);
    const Matrix g(3, Numbers{1, -2, 0.5});
    const Numbers d = step_of(g, weights_of(method, g));
    CHECK(dot(d, g[0]) >= (1 - 1e-9) * norm(d) * norm(g[0]));
    CHECK(norm(d) > 0.1);
  }
}

TEST_CASE(
    "gradient methods: at a Pareto-stationary point the shortest, fair and projected steps "
    "vanish") {
  const double third = std::sqrt(0.75);
  const Matrix star{{1, 0}, {-0.5, third}, {-0.5, -third}};  // at 120° from each other
  for (const Named& method : {Named{.balance = Mgda{}}, Named{.balance = UpGrad{}},
                              Named{.balance = DualProj{}}, Named{.balance = NashMtl{}},
                              Named{.balance = SdmGrad{.lambda = 0}}, Named{.balance = PeLtr{}}}) {
    const std::string name = method.balance.describe();
    CAPTURE(name);
    const Numbers weights = weights_of(method, star);
    CHECK(norm(step_of(star, weights)) < 1e-7 * (1 + norm(weights)));
  }
}

TEST_CASE("gradient methods: settled definitions") {
  Random random(3);
  for (int trial = 0; trial < 50; ++trial) {
    const std::size_t n = 2 + random.below(5);
    const Matrix g = random_gradients(random, n, n + 8);
    const double count = static_cast<double>(n);
    // Nash-MTL: (G Gᵀ α)_k = 1 / α_k, hence |d|² = n. FairGrad: (G Gᵀ w)_k = w_k^(−1/α).
    const Numbers nash = weights_of({.balance = NashMtl{.ridge = 1e-12}}, g), d = step_of(g, nash);
    for (std::size_t k = 0; k < n; ++k)
      CHECK(dot(g[k], d) * nash[k] == doctest::Approx(1).epsilon(1e-8));
    CHECK(dot(d, d) == doctest::Approx(count).epsilon(1e-8));
    const Numbers fair = weights_of({.balance = FairGrad{.alpha = 3, .ridge = 1e-12}}, g);
    for (std::size_t k = 0; k < n; ++k) {
      CHECK(dot(g[k], step_of(g, fair)) ==
            doctest::Approx(std::pow(fair[k], -1.0 / 3)).epsilon(1e-7));
    }
    CHECK(norm(step_of(g, weights_of({.balance = NashMtl{.max_norm = 0.5}}, g))) ==
          doctest::Approx(0.5).epsilon(1e-9));
    // IMTL-G: equal projections. ConFIG: equal cosines and the length Σ g_kᵀ x.
    const Numbers impartial = step_of(g, weights_of({.balance = ImtlG{}}, g)),
                  config = step_of(g, weights_of({.balance = ConFig{}}, g));
    double along = 0;
    for (std::size_t k = 0; k < n; ++k) {
      CHECK(dot(g[k], impartial) / norm(g[k]) ==
            doctest::Approx(dot(g[0], impartial) / norm(g[0])).epsilon(1e-7));
      CHECK(dot(g[k], config) / norm(g[k]) ==
            doctest::Approx(dot(g[0], config) / norm(g[0])).epsilon(1e-7));
      along += dot(g[k], config) / norm(config);
    }
    CHECK(norm(config) == doctest::Approx(along).epsilon(1e-8));
    // Aligned-MTL: with preferences 1, d = √λ times the sum of an orthonormal basis; `scale`
    // selects λ and changes only the length.
    const Numbers aligned = step_of(g, weights_of({.balance = AlignedMtl{.sum = true}}, g));
    const Numbers mean =
        step_of(g, weights_of({.balance = AlignedMtl{.scale = AlignScale::mean, .sum = true}}, g));
    CHECK(dot(aligned, mean) >= (1 - 1e-10) * norm(aligned) * norm(mean));
    // CAGrad: d is on the ball's boundary; c = 0 gives the mean.
    const Numbers equal = step_of(g, Numbers(n, 1 / count));
    CHECK(distance(step_of(g, weights_of({.balance = CaGrad{.c = 0.4}}, g)), equal) ==
          doctest::Approx(0.4 * norm(equal)).epsilon(1e-9));
    CHECK(distance(step_of(g, weights_of({.balance = CaGrad{.c = 0}}, g)), equal) < 1e-12);
    const Numbers halved = weights_of({.balance = CaGrad{.c = 0.5, .rescale = 1}}, g),
                  whole = weights_of({.balance = CaGrad{.c = 0.5}}, g);
    for (std::size_t k = 0; k < n; ++k)
      CHECK(halved[k] * 1.25 == doctest::Approx(whole[k]).epsilon(1e-12));
    // DB-MTL: all weighted gradients are as long as the longest gradient of a log loss.
    const Numbers losses(n, 0.5), db = weights_of({.balance = DbMtl{}}, g, losses);
    double longest = 0;
    for (const Numbers& row : g) longest = (std::max)(longest, norm(row) / 0.5);
    for (std::size_t k = 0; k < n; ++k)
      CHECK(db[k] * norm(g[k]) == doctest::Approx(longest).epsilon(1e-6));
    // PE-LTR: every weight is at least least_each.
    for (const double w : weights_of({.balance = PeLtr{.least_each = 0.1}}, g))
      CHECK(w >= 0.1 - 1e-12);
  }
}

TEST_CASE(
    "gradient methods: GradNorm makes weighted gradients equally long, and longer where a task is "
    "slow") {
  const Matrix g{{1, 0}, {0, 10}};
  GradientAggregator balance = GradNorm{.alpha = 0, .learning_rate = 0.01};
  balance.reset(2);
  Numbers w(2);
  for (int step = 0; step < 3000; ++step) balance.weights(gramian_of(g), Numbers{1, 1}, 0, w);
  CHECK(w[0] / w[1] == doctest::Approx(10).epsilon(0.2));
  GradientAggregator slow = GradNorm{.alpha = 1, .learning_rate = 0.01};
  slow.reset(2);
  const Matrix alike{{1, 0}, {0, 1}};
  for (int step = 0; step < 3000; ++step) {
    // The first loss is constant, the second halves: the first weighted gradient becomes twice as
    // long.
    slow.weights(gramian_of(alike), step == 0 ? Numbers{1, 1} : Numbers{1, 0.5}, 0, w);
  }
  CHECK(w[0] / w[1] == doctest::Approx(2).epsilon(0.1));
}

TEST_CASE("gradient methods: never NaN, whatever the Gramian and the losses") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN(),
                   inf = std::numeric_limits<double>::infinity();
  const double odd[] = {0,     -0.0, 1,   -1,     1e300, -1e300,   1e-300,
                        1e154, nan,  inf, 5e-324, 0.5,   1 + 1e-15};
  for (const Named& method : methods()) {
    const std::string name = method.balance.describe();
    CAPTURE(name);
    Random random(9);
    GradientAggregator balance = method.balance;
    balance.reset(4);
    long wrong = 0;
    for (int trial = 0; trial < 3000; ++trial) {
      Numbers m(16), out(4), losses(4);
      for (std::size_t i = 0; i < 4; ++i) {
        for (std::size_t j = 0; j <= i; ++j)
          m[4 * i + j] = m[4 * j + i] = odd[random.below(std::size(odd))];
        losses[i] = odd[random.below(std::size(odd))];
      }
      balance.weights(m, losses, static_cast<std::uint64_t>(trial), out);
      for (const double w : out) wrong += std::isfinite(w) ? 0 : 1;
    }
    CHECK(wrong == 0);
    // The state is still valid.
    Numbers out(4);
    balance.weights(gramian_of(random_gradients(random, 4, 9)), Numbers(4, 0.7), 1, out);
    for (const double w : out) CHECK(std::isfinite(w));
  }
}

TEST_CASE("gradient methods: 32 tasks, nearly dependent") {
  Random random(21);
  Matrix g = random_gradients(random, 32, 40);
  for (std::size_t k = 1; k < 32; k += 2) {
    g[k] = g[k - 1];
    g[k][0] *= 1 + 1e-9;
  }
  for (const Named& method : methods()) {
    const std::string name = method.balance.describe();
    CAPTURE(name);
    for (const double w : weights_of(method, g)) CHECK(std::isfinite(w));
  }
}

TEST_CASE("gradient methods: settings out of range are refused") {
  const auto refuses = [](GradientAggregator balance, const char* message) {
    CHECK_THROWS_WITH_AS(balance.reset(3), message, ConfigError);
  };
  refuses(CaGrad{.c = -1}, "ca_grad: c is -1, expected a number from 0");
  refuses(CaGrad{.rescale = 3}, "ca_grad: rescale is 3, expected a number from 0 to 2");
  refuses(GradVac{.beta = 1.5}, "grad_vac: beta is 1.5, expected a number from 0 to 1");
  refuses(FairGrad{.alpha = 0}, "fair_grad: alpha is 0, expected a number from 0.1 to 20");
  refuses(PeLtr{.least_each = 0.5},
          "pe_ltr: the sum of the least weights is 1.5, expected at most 1");
  refuses(PeLtr{.least = {0.1}}, "pe_ltr: 1 least weights, expected 3, one a task");
  for (std::size_t tasks = 2; tasks <= 25; ++tasks) {  // a sum of 1 up to rounding is accepted
    GradientAggregator even = PeLtr{.least_each = 1.0 / static_cast<double>(tasks)};
    CHECK_NOTHROW(even.reset(tasks));
  }
  refuses(MetaBalance{.target = 3}, "meta_balance: target is 3, expected a number from 0 to 2");
  refuses(GradNorm{.learning_rate = 0},
          "grad_norm: learning_rate is 0, expected a number greater than 0");
}

TEST_CASE("grad_vac: where gradients were one for long, what it adds has a bound") {
  GradientAggregator balance = GradVac{.random_order = false};
  balance.reset(2);
  Numbers out(2);
  for (int step = 0; step < 60; ++step)  // φ approaches 1 up to rounding
    balance.weights(Numbers{1, 1, 1, 1}, {}, 1, out);
  CHECK(out == Numbers{1, 1});
  balance.weights(Numbers{1, 0, 0, 1}, {}, 1, out);
  // Each gradient adds φ / √(1 − φ²) of the other; their cosine is 0 and φ is capped at 0.999.
  for (const double w : out) CHECK(w == doctest::Approx(1 + 0.999 / std::sqrt(1 - 0.999 * 0.999)));
}
