// SPDX-License-Identifier: Apache-2.0
// Every method compared with an independent implementation on 216 problems of 2, 3 and 8 tasks,
// including degenerate ones. Prints the worst error and the reference.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/balance/balance.hpp"
#include "espalier/core/random.hpp"
#include "espalier/exec/make_balance.hpp"
#include "support/coordinate_step.hpp"
#include "support/worst.hpp"

using namespace espalier;
using espalier_test::coordinate_step;

namespace {

struct GoldenMethod {
  const char* name;
  const char* reference;
  std::vector<double> weights;
};

#include "balance/golden.inc"
#include "balance/golden_coordinates.inc"

using Matrix = std::vector<std::vector<double>>;

enum Kind { general, agreeing, few, identical, opposed, orthogonal, zero, scaled, singular, kinds };

struct Problem {
  std::size_t tasks;
  Kind kind;
  Matrix gradients;
  std::vector<double> losses, gramian;
};

/// The same problem as tests/golden/balance.py makes.
Problem problem(std::size_t tasks, Kind kind, std::size_t index) {
  Random random(1000 * tasks + 10 * static_cast<std::uint64_t>(kind) + index);
  const std::size_t width = kind == few        ? tasks + 2
                            : kind == singular ? (tasks > 3 ? tasks / 2 : tasks - 1)
                                               : 20;
  Problem p{tasks, kind, Matrix(tasks, std::vector<double>(width)), {}, {}};
  Matrix& g = p.gradients;
  for (auto& row : g) {
    for (double& x : row) x = random.uniform(-1, 1);
  }
  for (std::size_t k = 0; k < tasks; ++k) p.losses.push_back(random.uniform(0.1, 2));
  for (std::size_t k = 0; k < tasks; ++k) {
    if (kind == agreeing) g[k][0] += 2;
    if (kind == identical) g[k] = g[0];
    if (kind == orthogonal) {
      const double size = std::abs(g[k][0]) + 0.5;
      std::fill(g[k].begin(), g[k].end(), 0.0);
      g[k][k] = size;
    }
    if (kind == zero && (index == 7 || index % tasks == k))
      std::fill(g[k].begin(), g[k].end(), 0.0);
    if (kind == scaled && index % tasks == k) {
      for (double& x : g[k]) x *= index % 2 == 0 ? 1e6 : 1e-6;
    }
  }
  if (kind == opposed) {
    const std::vector<double> first = g[0];
    for (std::size_t k = 0; k < tasks; ++k) {
      const double size = (k % 2 == 0 ? 1 : -1) * (1 + 0.375 * static_cast<double>(k * k));
      for (std::size_t i = 0; i < width; ++i) g[k][i] = size * first[i];
    }
  }
  for (std::size_t i = 0; i < tasks; ++i) {
    for (std::size_t j = 0; j < tasks; ++j) {
      double sum = 0;
      for (std::size_t x = 0; x < width; ++x) sum += g[i][x] * g[j][x];
      p.gramian.push_back(sum);
    }
  }
  return p;
}

double length(const std::vector<double>& v) {
  double sum = 0;
  for (const double x : v) sum += x * x;
  return std::sqrt(sum);
}

/// Σ_k w_k g_k
std::vector<double> direction(const Matrix& g, const std::vector<double>& w) {
  std::vector<double> d(g[0].size(), 0.0);
  for (std::size_t k = 0; k < g.size(); ++k) {
    for (std::size_t i = 0; i < d.size(); ++i) d[i] += w[k] * g[k][i];
  }
  return d;
}

/// Calls check(problem, golden values) for all problems, and reset(tasks) before each group of
/// eight.
/// `each`: golden values per problem; 0: one per task.
template <class Reset, class Check>
void each_problem(const GoldenMethod& method, Reset&& reset, Check&& check, std::size_t each = 0) {
  std::size_t at = 0;
  for (const std::size_t tasks : {2U, 3U, 8U}) {
    for (int kind = 0; kind < kinds; ++kind) {
      reset(tasks);
      for (std::size_t index = 0; index < 8; ++index) {
        const Problem p = problem(tasks, static_cast<Kind>(kind), index);
        const std::size_t numbers = each > 0 ? each : tasks;
        REQUIRE(at + numbers <= method.weights.size());
        const auto from = method.weights.begin() + static_cast<std::ptrdiff_t>(at);
        CAPTURE(tasks);
        CAPTURE(kind);
        CAPTURE(index);
        check(p, std::vector<double>(from, from + static_cast<std::ptrdiff_t>(numbers)));
        at += numbers;
      }
    }
  }
  CHECK(at == method.weights.size());
}

GradientAggregator gradient_method(const std::string& name) {
  if (name == "mgda") return Mgda{};
  if (name == "pc_grad") return PcGrad{.random_order = false};
  if (name == "grad_vac") return GradVac{.beta = 0.5, .random_order = false};
  if (name == "ca_grad") return CaGrad{.c = 0.4};
  if (name == "grad_norm") return GradNorm{.alpha = 1.5, .learning_rate = 0.025};
  if (name == "imtl_g") return ImtlG{};
  if (name == "nash_mtl") return NashMtl{};
  if (name == "aligned_mtl") return AlignedMtl{};
  if (name == "fair_grad") return FairGrad{.alpha = 2};
  if (name == "up_grad") return UpGrad{};
  if (name == "dual_proj") return DualProj{};
  if (name == "con_fig") return ConFig{};
  if (name == "sdm_grad") return SdmGrad{.lambda = 0.3};
  if (name == "sdm_grad_steps") return SdmGrad{.lambda = 0.3, .steps = 20, .learning_rate = 0.5};
  if (name == "mo_do") return MoDo{};
  if (name == "db_mtl") return DbMtl{};
  if (name == "cr_mogm") return CrMogm<PcGrad>{.method = {.random_order = false}, .alpha = 0.9};
  if (name == "krum") return Krum{};
  if (name == "meta_balance") return MetaBalance{};
  if (name == "pe_ltr") return PeLtr{.least_each = 0.05};
  if (name == "excess_mtl") return ExcessMtl{.step_size = 0.1};
  FAIL("no method for the golden values of ", name);
  return Mgda{};
}

GradientAggregator coordinate_method(const std::string& name) {
  if (name == "grad_drop") return GradDrop{};
  if (name == "grad_drop_leak") return GradDrop{.leak = 0.3};
  if (name == "trimmed_mean") return TrimmedMean{};
  if (name == "mo_co") return MoCo{.beta = 0.3, .gamma = 0.2, .rho = 0.1};
  FAIL("no method for the golden values of ", name);
  return GradDrop{};
}

LossWeighting loss_method(const std::string& name) {
  if (name == "dynamic_weight_average") return DynamicWeightAverage{.temperature = 2, .period = 2};
  if (name == "geometric_mean") return GeometricMean{};
  if (name == "imtl_l") return ImtlL{.learning_rate = 0.05};
  if (name == "famo") return Famo{};
  if (name == "smooth_tchebycheff") return SmoothTchebycheff{.mu = 0.1};
  if (name == "dynamic_task_priority") return DynamicTaskPriority{};
  FAIL("no method for the golden values of ", name);
  return Equal{};
}

/// Named methods without golden values, and why.
struct TestedElsewhere {
  std::string_view name, why;
};
constexpr TestedElsewhere tested_elsewhere[] = {
    {"equal", "its weights are 1: test_weighting.cpp"},
    {"uncertainty", "compared with its objective and by hand: test_weighting.cpp"},
    {"uncertainty_revised", "compared with its objective: test_weighting.cpp"},
    {"random_loss", "its weights are random: the last test of this file"},
    {"mean_gradient", "its weights are the same: test_gradient_methods.cpp"},
};

}  // namespace

TEST_CASE("golden values: every named method has some, or a reason why not") {
  std::set<std::string_view> golden;
  for (const GoldenMethod& method : golden_gradient_methods) golden.insert(method.name);
  for (const GoldenMethod& method : golden_coordinate_methods) golden.insert(method.name);
  for (const GoldenMethod& method : golden_loss_methods) golden.insert(method.name);
  std::set<std::string_view> elsewhere;
  for (const TestedElsewhere& method : tested_elsewhere) elsewhere.insert(method.name);
  for (const NamedBalance& method : named_balances()) {
    CAPTURE(method.name);
    CHECK_MESSAGE(golden.count(method.name) + elsewhere.count(method.name) == 1,
                  "add the method to tests/golden/balance.py and run it, or add the reason why not "
                  "to tested_elsewhere");
    elsewhere.erase(method.name);
  }
  CHECK(elsewhere.empty());
}

TEST_CASE("gradient methods: the step agrees to 1e-4 with an independent implementation") {
  for (const GoldenMethod& method : golden_gradient_methods) {
    CAPTURE(method.name);
    GradientAggregator balance = gradient_method(method.name);
    double worst = 0;
    int problems = 0;
    each_problem(
        method, [&](std::size_t tasks) { balance.reset(tasks); },
        [&](const Problem& p, const std::vector<double>& expected) {
          std::vector<double> found(p.tasks), difference(p.tasks);
          balance.weights(p.gramian, p.losses, 0, found);
          double longest = 0, size = 0;  // allows for the printed digits of the golden values
          for (std::size_t k = 0; k < p.tasks; ++k) {
            REQUIRE(std::isfinite(found[k]));
            difference[k] = found[k] - expected[k];
            longest = (std::max)(longest, std::abs(expected[k]) * length(p.gradients[k]));
            size += std::abs(expected[k]);
          }
          const double step = length(direction(p.gradients, expected));
          const double error = length(direction(p.gradients, difference));
          CHECK(error <= 1e-4 * step + 2e-5 * longest);
          espalier_test::keep_worst(worst, error / (step + 0.2 * longest + 1e-300));
          // Where the step determines the weights, these are equal as well.
          if (p.kind == general || p.kind == agreeing || p.kind == few || p.kind == orthogonal)
            CHECK(length(difference) <= 1e-4 * size);
          ++problems;
        });
    std::printf("%-24s %d problems, worst %.1e; against %s\n", method.name, problems, worst,
                method.reference);
  }
}

TEST_CASE(
    "methods that need coordinates: the step agrees to 1e-4 with an independent implementation") {
  for (const GoldenMethod& method : golden_coordinate_methods) {
    CAPTURE(method.name);
    GradientAggregator balance = coordinate_method(method.name);
    double worst = 0;
    int problems = 0;
    std::uint64_t index = 0;
    each_problem(
        method,
        [&](std::size_t tasks) {
          balance.reset(tasks);
          index = 0;
        },
        [&](const Problem& p, const std::vector<double>& expected) {
          const auto seed = 1000 * p.tasks + 10 * static_cast<std::uint64_t>(p.kind) + index;
          const std::vector<double> step = coordinate_step(balance, p.gradients, index++);
          double size = 0;
          for (const auto& row : p.gradients) size += length(row);
          Random random(seed, 1);
          for (const double golden : expected) {
            double found = 0;
            for (const double x : step) found += random.uniform(-1, 1) * x;
            REQUIRE(std::isfinite(found));
            CHECK(std::abs(found - golden) <= 1e-4 * length(step) + 1e-9 * size);
            espalier_test::keep_worst(worst, std::abs(found - golden) / (length(step) + 1e-300));
          }
          ++problems;
        },
        4);
    std::printf("%-24s %d problems, worst %.1e; against %s\n", method.name, problems, worst,
                method.reference);
  }
}

TEST_CASE("loss weightings: the weights agree to 1e-4 with an independent implementation") {
  for (const GoldenMethod& method : golden_loss_methods) {
    CAPTURE(method.name);
    LossWeighting balance = loss_method(method.name);
    double worst = 0;
    int problems = 0;
    each_problem(
        method, [&](std::size_t tasks) { balance.reset(tasks); },
        [&](const Problem& p, const std::vector<double>& expected) {
          std::vector<double> found(p.tasks);
          balance.weights(balance.needs_current_losses() ? p.losses : std::vector<double>{}, found);
          balance.observe(p.losses);
          double size = 0, error = 0;
          for (std::size_t k = 0; k < p.tasks; ++k) {
            REQUIRE(std::isfinite(found[k]));
            size += std::abs(expected[k]);
            error = (std::max)(error, std::abs(found[k] - expected[k]));
          }
          CHECK(error <= 1e-4 * size);
          espalier_test::keep_worst(worst, error / size);
          ++problems;
        });
    std::printf("%-24s %d problems, worst %.1e; against %s\n", method.name, problems, worst,
                method.reference);
  }
}

TEST_CASE("random_loss: weights of sum n, drawn anew in each step; their logarithms are normal") {
  LossWeighting balance = RandomLoss{};
  balance.reset(3);
  std::vector<double> weights(3), before(3), first;
  double mean = 0, square = 0;
  const int steps = 4000;
  for (int i = 0; i < steps; ++i) {
    balance.weights({}, weights);
    CHECK(weights[0] + weights[1] + weights[2] == doctest::Approx(3));
    CHECK(weights != before);
    if (i == 0) first = weights;
    before = weights;
    const double z = std::log(weights[0] / weights[1]);  // the difference of two normal numbers
    mean += z / steps;
    square += z * z / steps;
    balance.observe(std::vector<double>{1, 2, 3});
  }
  CHECK(std::abs(mean) < 0.1);
  CHECK(square == doctest::Approx(2).epsilon(0.1));
  balance.reset(3);
  balance.weights({}, weights);
  CHECK(weights == first);
}
