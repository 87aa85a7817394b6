// SPDX-License-Identifier: Apache-2.0
// Balancing methods that rewrite gradients: the numbering of coordinates, and MoCo's memory.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "espalier/balance/grad_drop.hpp"
#include "espalier/balance/mean_gradient.hpp"
#include "espalier/balance/mo_co.hpp"
#include "exec/by_task.hpp"

using namespace espalier_test;
using namespace espalier_test::by_task;

namespace {

/// A trunk of one linear layer.
struct Flat
    : esp::MultiTaskModel<MadeUpInputs,
                          esp::SharedBottom<esp::Layers<esp::Dense<6, esp::Activation::identity>>>,
                          Click, Watch, Like> {};

}  // namespace

TEST_CASE("task gradients: coordinates are numbered by parameter, then by table, row and value") {
  Setup<ThreeMmoe> s;
  const esp::RandomBatch<double> data(s.executor.plan(), 131, rows, 11, 0.1, true);
  const std::vector<Gradient> separate = s.one_by_one(data.batch());
  const esp::GradDrop method;
  esp::TaskGradientPass<double, true> pass(s.executor, esp::BalanceOn::parameters);
  esp::GradientAggregator balance = method;
  balance.reset(3);
  pass.forward_backward(data.batch(), s.base, 7, balance);
  const Gradient combined = gradient_of(s.executor);
  const std::vector<std::size_t> all{0, 1, 2};
  long wrong = 0, dropped = 0;
  const auto check = [&](std::vector<double> g, std::uint64_t number, double found) {
    const double size = std::abs(g[0]) + std::abs(g[1]) + std::abs(g[2]), sum = g[0] + g[1] + g[2];
    std::vector<double*> pointers{&g[0], &g[1], &g[2]};
    method.rewrite(esp::GradientCoordinates<double>{pointers, all, 1, number, 7});
    wrong += near(found, g[0] + g[1] + g[2], size) ? 0 : 1;
    dropped += near(found, sum, size) ? 0 : 1;
  };
  for (std::size_t i = 0; i < combined.dense.size(); ++i) {
    if (s.shared[i])
      check({separate[0].dense[i], separate[1].dense[i], separate[2].dense[i]}, i,
            combined.dense[i]);
  }
  CHECK(wrong == 0);
  for (const auto& [at, row] : combined.tables) {
    std::uint64_t first = combined.dense.size();
    for (int t = 0; t < at.first; ++t) {
      const auto& table = s.executor.plan().tables[static_cast<std::size_t>(t)];
      first += static_cast<std::uint64_t>(rows[static_cast<std::size_t>(table.vocabulary)] *
                                          table.width);
    }
    for (std::size_t i = 0; i < row.size(); ++i) {
      check({separate[0].tables.at(at)[i], separate[1].tables.at(at)[i],
             separate[2].tables.at(at)[i]},
            first + static_cast<std::uint64_t>(at.second) * row.size() + i, row[i]);
    }
  }
  CHECK(wrong == 0);
  CHECK(dropped > 100);
  // A plain step of the executor afterwards recomputes its row sums.
  s.executor.forward_backward(data.batch(), std::vector<double>{s.base[0], 0, 0}, 7);
  for (const auto& [at, row] : gradient_of(s.executor).tables) {
    for (std::size_t i = 0; i < row.size(); ++i)
      CHECK(near(row[i], separate[0].tables.at(at)[i], std::abs(row[i])));
  }
}

TEST_CASE("task gradients: MoCo's averages, over steps, are of the dense parameters") {
  Setup<ThreeMmoe> s;
  esp::TaskGradientPass<double, true> pass(s.executor, esp::BalanceOn::parameters);
  esp::GradientAggregator balance = esp::MoCo{.beta = 0.3};
  balance.reset(3);
  std::vector<std::vector<double>> y(3, std::vector<double>(s.shared.size(), 0.0));
  for (std::uint64_t step = 0; step < 3; ++step) {
    const esp::RandomBatch<double> data(s.executor.plan(), 131, rows, step, 0.1, true);
    const std::vector<Gradient> separate = s.one_by_one(data.batch());
    pass.forward_backward(data.batch(), s.base, 7, balance);
    const Gradient combined = gradient_of(s.executor);
    long wrong = 0;
    for (std::size_t i = 0; i < s.shared.size(); ++i) {
      double expected = 0, size = 0;
      for (std::size_t k = 0; k < 3; ++k) {
        y[k][i] += 0.3 * (separate[k].dense[i] - y[k][i]);
        const double term = s.shared[i] ? pass.weights()[k] * y[k][i] : separate[k].dense[i];
        expected += term;
        size += std::abs(term);
      }
      wrong += near(combined.dense[i], expected, size) ? 0 : 1;
    }
    for (const auto& [at, row] : combined.tables) {
      for (std::size_t i = 0; i < row.size(); ++i) {
        double expected = 0, size = 0;
        for (std::size_t k = 0; k < 3; ++k) {
          expected += pass.weights()[k] * separate[k].tables.at(at)[i];
          size += std::abs(separate[k].tables.at(at)[i]);
        }
        wrong += near(row[i], expected, size) ? 0 : 1;
      }
    }
    CHECK(wrong == 0);
  }
  const auto shared = static_cast<std::size_t>(std::count(s.shared.begin(), s.shared.end(), true));
  CHECK(balance.memory().size() == 3 * shared);
}

TEST_CASE("task gradients: on representations MoCo's average is of the sums over the batch") {
  // These sums are the gradients of the bias of the trunk's only layer.
  Setup<Flat> s;
  esp::TaskGradientPass<double, true> pass(s.executor, esp::BalanceOn::representation);
  esp::GradientAggregator balance = esp::MoCo{.beta = 0.3};
  balance.reset(3);
  const esp::ParameterInfo* bias = nullptr;
  for (const esp::ParameterInfo& t : s.executor.plan().tensors) {
    if (t.name.view().starts_with("shared/") && t.name.view().ends_with("/bias")) bias = &t;
  }
  REQUIRE(bias != nullptr);
  REQUIRE(bias->size() == 6);
  std::vector<std::vector<double>> y(3, std::vector<double>(6, 0.0));
  for (std::uint64_t step = 0; step < 3; ++step) {
    const esp::RandomBatch<double> data(s.executor.plan(), 131, rows, step, 0.1, true);
    const std::vector<Gradient> separate = s.one_by_one(data.batch());
    pass.forward_backward(data.batch(), s.base, 7, balance);
    const Gradient combined = gradient_of(s.executor);
    for (std::size_t i = 0; i < 6; ++i) {
      const auto at = static_cast<std::size_t>(bias->offset) + i;
      double expected = 0;
      for (std::size_t k = 0; k < 3; ++k) {
        y[k][i] += 0.3 * (separate[k].dense[at] - y[k][i]);
        CHECK(near(balance.memory()[6 * k + i], y[k][i], 1));
        expected += pass.weights()[k] * separate[k].dense[at];
      }
      CHECK(near(combined.dense[at], expected, 1));
    }
    for (std::size_t a = 0; a < 3; ++a) {
      for (std::size_t b = 0; b < 3; ++b)
        CHECK(
            near(pass.gramian()[3 * a + b], dot(y[a], y[b], [](std::size_t) { return true; }), 1));
    }
  }
}

TEST_CASE("task gradients: a pass without coordinates refuses a method that needs them") {
  Setup<ThreeMmoe> s;
  const esp::RandomBatch<double> data(s.executor.plan(), 40, rows, 5, 0, true);
  esp::GradientAggregator drop = esp::GradDrop{}, mgda = esp::MeanGradient{};
  for (esp::GradientAggregator* b : {&drop, &mgda}) b->reset(3);
  esp::TaskGradientPass<double> plain(s.executor, esp::BalanceOn::parameters);
  CHECK(message_of([&] { plain.forward_backward(data.batch(), s.base, 7, drop); }) ==
        "balance 'grad_drop': expected TaskGradientPass<T, true>");
  esp::TaskGradientPass<double, true> other(s.executor, esp::BalanceOn::parameters);
  CHECK(message_of([&] { other.forward_backward(data.batch(), s.base, 7, mgda); }) ==
        "balance 'mean_gradient': expected TaskGradientPass<T, false>");
}
