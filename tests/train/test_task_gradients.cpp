// SPDX-License-Identifier: Apache-2.0
// The gradients by task, the Gramian and their combination against separate runs of forward and
// backward, a task each.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "espalier/balance/grad_drop.hpp"
#include "espalier/balance/mean_gradient.hpp"
#include "espalier/balance/mo_co.hpp"
#include "espalier/balance/pc_grad.hpp"
#include "espalier/balance/trimmed_mean.hpp"
#include "espalier/describe/sharing/aitm.hpp"
#include "espalier/describe/sharing/one_gate_moe.hpp"
#include "espalier/describe/sharing/ple.hpp"
#include "espalier/losses/losses.hpp"
#include "espalier/train/random_batch.hpp"
#include "espalier/train/task_gradients.hpp"
#include "support/made_up.hpp"

using namespace espalier_test;

namespace {

using esp::Index;

const std::vector<Index> rows{50, 30};

/// Weights that no two tasks share, one of them negative.
struct Fixed {
  static constexpr std::string_view name = "fixed";
  static constexpr bool needs_coordinates = false;
  static double factor(std::size_t) { return 1; }
  void weights(const esp::TaskGradients& g, std::span<double> out) const {
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = g.tasks[i] == 1 ? -0.7 : 1.5 + static_cast<double>(g.tasks[i]);
  }
};

struct Ones : Fixed {
  static constexpr std::string_view name = "ones";
  void weights(const esp::TaskGradients&, std::span<double> out) const { std::fill(out.begin(), out.end(), 1.0); }
};

/// Fixed, of gradients that are multiplied coordinate by coordinate before.
struct FixedAfter : Fixed {
  static constexpr std::string_view name = "fixed_after";
  static constexpr bool needs_coordinates = true;
  static double factor(std::size_t task) { return 2 - 0.4 * static_cast<double>(task); }
  template <class T>
  void rewrite(const esp::GradientCoordinates<T>& g) const {
    for (std::size_t k = 0; k < g.rows.size(); ++k) {
      for (std::size_t i = 0; i < g.size; ++i) g.rows[k][i] *= static_cast<T>(factor(g.tasks[k]));
    }
  }
};

using Like = esp::Task<"like", esp::BinaryCrossEntropy, esp::Weight{2.0}, esp::Tower<8>>;
using Deep = esp::Task<
    "deep", esp::Huber<>, esp::Weight{0.3},
    esp::Layers<esp::Dense<8, esp::Activation::gelu>, esp::Dropout<esp::Rate{0.2}>, esp::Dense<4>>>;
using Smooth = esp::Layers<esp::Dense<12, esp::Activation::gelu>, esp::Dropout<esp::Rate{0.1}>,
                           esp::Dense<8, esp::Activation::tanh>>;
using Normal = esp::Layers<esp::Dense<12>, esp::BatchNorm,
                           esp::Residual<esp::LayerNorm, esp::Dense<12, esp::Activation::gelu>>>;
struct ThreeBottom
    : esp::MultiTaskModel<MadeUpInputs, esp::SharedBottom<Smooth>, Click, Watch, Like> {};
struct ThreeMmoe : esp::MultiTaskModel<MadeUpInputs, esp::Mmoe<4, Smooth>, Click, Watch, Like> {};
struct Uneven : esp::MultiTaskModel<MadeUpInputs, esp::SharedBottom<Smooth>, Click, Deep, Like> {};
struct ThreeNormed : esp::MultiTaskModel<MadeUpInputs, esp::Mmoe<2, Normal>, Click, Watch, Deep> {};
struct ThreeApart : esp::MultiTaskModel<MadeUpInputs, esp::SingleTask<Smooth>, Click, Watch, Like> {
};
struct Shallow
    : esp::MultiTaskModel<MadeUpInputs, esp::SharedBottom<esp::Layers<>>, Click, Watch, Like> {};
using Other = esp::Task<"other", esp::MeanSquaredError, esp::Weight{1.0},
                        esp::Layers<esp::Dense<6>, esp::BatchNorm>>;
struct NormedTower : esp::MultiTaskModel<MadeUpInputs, esp::SharedBottom<Smooth>, Click, Other> {};

using Tap = esp::Task<"click", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<8>>;
/// With an auxiliary loss between two tasks.
struct Chained : esp::MultiTaskModel<MadeUpInputs, esp::Aitm<esp::SharedBottom<Smooth>, "click", "like">, Tap, Watch, Like> {};

/// Gates whose load is part of the loss: a task's each in one node, one for all tasks, those of levels.
using Load = esp::BalancedLoad<esp::Weight{0.5}>;
struct LoadedGates : esp::MultiTaskModel<MadeUpInputs, esp::Gated<esp::Mmoe<4, Smooth>, Load>, Click, Watch, Like> {};
struct LoadedGate : esp::MultiTaskModel<MadeUpInputs, esp::Gated<esp::OneGateMoe<3, Smooth>, Load>, Click, Watch, Like> {};
struct LoadedLevels
    : esp::MultiTaskModel<MadeUpInputs, esp::Gated<esp::Ple<1, 2, esp::Mlp<8>, esp::Mlp<6>>, Load>, Click, Watch, Like> {};

/// A trunk of one layer without an activation.
struct Flat : esp::MultiTaskModel<
                  MadeUpInputs, esp::SharedBottom<esp::Layers<esp::Dense<6, esp::Activation::identity>>>,
                  Click, Watch, Like> {};

/// Dense gradients and those of tables by (table, row).
struct Gradient {
  std::vector<double> dense;
  std::map<std::pair<int, int>, std::vector<double>> tables;
};

Gradient gradient_of(esp::TrainExecutor<double>& executor) {
  Gradient g;
  g.dense.resize(static_cast<std::size_t>(executor.plan().sizes.parameters));
  executor.read_gradient(g.dense);
  auto& sparse = executor.collect_sparse();
  for (Index s = 0; s < sparse.shards(); ++s) {
    const auto& shard = sparse.shard(s);
    for (std::size_t i = 0; i < shard.rows.size(); ++i) {
      const auto from = shard.sums.begin() + static_cast<std::ptrdiff_t>(i) * shard.width;
      g.tables[{shard.table, shard.rows[i]}].assign(from, from + shard.width);
    }
  }
  executor.clear_gradient();
  return g;
}

/// Whether dense parameter i is everyone's.
std::vector<bool> shared_of(const esp::PlanView& plan) {
  std::vector<bool> shared(static_cast<std::size_t>(plan.sizes.parameters), false);
  for (const esp::ParameterInfo& t : plan.tensors) {
    if (!t.trainable || t.task != esp::shared_by_tasks) continue;
    std::fill_n(shared.begin() + t.offset, t.size(), true);
  }
  return shared;
}

double dot(const std::vector<double>& a, const std::vector<double>& b, auto&& counts) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += counts(i) ? a[i] * b[i] : 0.0;
  return sum;
}

bool near(double a, double b, double size) { return std::abs(a - b) <= 1e-10 * size + 1e-13; }

template <class Model>
struct Setup {
  esp::TrainExecutor<double> executor{esp::program_of<Model, double, esp::cpu::Device>(), rows, 300,
                                      2};
  std::size_t tasks = executor.plan().tasks.size();
  std::vector<double> base;
  std::vector<bool> shared = shared_of(executor.plan());

  explicit Setup(const std::vector<std::string>& freeze = {}) {
    esp::initialize(executor.plan(), 3, executor.parameters());
    executor.prepare(esp::Adam{}, freeze);
    for (const esp::TaskInfo& task : executor.plan().tasks) base.push_back(task.weight);
  }

  std::vector<Gradient> one_by_one(const esp::Batch<double>& batch) {
    std::vector<Gradient> all;
    for (std::size_t k = 0; k < tasks; ++k) {
      std::vector<double> weights(tasks, 0.0);
      weights[k] = base[k];
      executor.poison(std::nan(""));
      executor.forward_backward(batch, weights, 7);
      all.push_back(gradient_of(executor));
    }
    return all;
  }

  double product(const Gradient& a, const Gradient& b) const {
    double sum = dot(a.dense, b.dense, [&](std::size_t i) { return shared[i]; });
    for (const auto& [at, row] : a.tables) {
      if (!everyones(at.first)) continue;
      if (const auto other = b.tables.find(at); other != b.tables.end())
        sum += dot(row, other->second, [](std::size_t) { return true; });
    }
    return sum;
  }

  bool everyones(int table) const {
    return executor.plan().tables[static_cast<std::size_t>(table)].task == esp::shared_by_tasks;
  }

  /// How many values are not Σ_k factor(k) · separate_k where they are everyone's, Σ_k separate_k elsewhere.
  long wrong_values(const Gradient& combined, const std::vector<Gradient>& separate, auto&& factor) const {
    const auto wrong = [&](double found, bool weighted, auto&& of) {
      double expected = 0, size = 0;
      for (std::size_t k = 0; k < tasks; ++k) {
        const double term = (weighted ? factor(k) : 1.0) * of(separate[k]);
        expected += term;
        size += std::abs(term);
      }
      return near(found, expected, size) ? 0 : 1;
    };
    long sum = 0;
    for (std::size_t i = 0; i < combined.dense.size(); ++i) {
      sum += wrong(combined.dense[i], shared[i], [i](const Gradient& g) { return g.dense[i]; });
    }
    for (const auto& [at, row] : combined.tables) {
      for (std::size_t i = 0; i < row.size(); ++i) {
        sum += wrong(row[i], everyones(at.first), [&at = at, i](const Gradient& g) { return g.tables.at(at)[i]; });
      }
    }
    return sum;
  }
};

template <class Model, class Method = Fixed>
void check_parameters(Index samples, double missing = 0.1) {
  CAPTURE(samples);
  Setup<Model> s;
  const esp::RandomBatch<double> data(s.executor.plan(), samples, rows, 11, missing, true);
  const esp::Batch<double>& batch = data.batch();
  const std::vector<Gradient> separate = s.one_by_one(batch);
  esp::TaskGradientPass<double, Method::needs_coordinates> pass(s.executor,
                                                                esp::BalanceOn::parameters);
  esp::GradientBalance balance = Method{};
  balance.reset(s.tasks);
  for (int round = 0; round < 2; ++round) {  // the second finds clean buffers
    s.executor.poison(std::nan(""));
    pass.forward_backward(batch, s.base, 7, balance);
    for (std::size_t i = 0; i < s.tasks; ++i) {
      for (std::size_t j = 0; j < s.tasks; ++j) {
        CAPTURE(i);
        CAPTURE(j);
        const double factor = Method::factor(i) * Method::factor(j);
        const double expected = factor * s.product(separate[i], separate[j]);
        const double size =
            factor * std::sqrt(s.product(separate[i], separate[i]) * s.product(separate[j], separate[j]));
        CHECK(near(pass.gramian()[i * s.tasks + j], expected, size));
      }
    }
    const Gradient combined = gradient_of(s.executor);
    CHECK(s.wrong_values(combined, separate, [&](std::size_t k) { return pass.weights()[k] * Method::factor(k); }) == 0);
  }
}

}  // namespace

TEST_CASE_TEMPLATE("task gradients: each against a run of its own", Model, ThreeBottom, ThreeMmoe,
                   Uneven, ThreeNormed, ThreeApart, Shallow, NormedTower, Experts,
                   Chained, LoadedGates, LoadedGate, LoadedLevels) {
  for (const Index samples : {1, 17, 64, 131, 300}) {
    check_parameters<Model>(samples);
    check_parameters<Model, FixedAfter>(samples);
  }
}

TEST_CASE(
    "task gradients: by representations, one shared backward pass with the combined gradient") {
  // Where all tasks read one block, combining there is the same as combining the parameters'
  // gradients below it.
  const auto check = [&](auto model, auto method, Index samples) {
    CAPTURE(samples);
    using Model = decltype(model);
    using Method = decltype(method);
    Setup<Model> s;
    const esp::RandomBatch<double> data(s.executor.plan(), samples, rows, 5, 0.1, true);
    const std::vector<Gradient> separate = s.one_by_one(data.batch());
    esp::TaskGradientPass<double, Method::needs_coordinates> pass(s.executor,
                                                                  esp::BalanceOn::representation);
    esp::GradientBalance balance = method;
    balance.reset(s.tasks);
    s.executor.poison(std::nan(""));
    pass.forward_backward(data.batch(), s.base, 7, balance);
    const Gradient combined = gradient_of(s.executor);
    CHECK(s.wrong_values(combined, separate, [&](std::size_t k) { return pass.weights()[k] * Method::factor(k); }) == 0);
    for (std::size_t i = 0; i < s.tasks && samples > 1; ++i)
      CHECK(pass.gramian()[i * s.tasks + i] > 0);
  };
  for (const Index samples : {1, 17, 131, 300}) {
    check(ThreeBottom{}, Fixed{}, samples);
    check(Uneven{}, Fixed{}, samples);
    check(Shallow{}, Fixed{}, samples);
    check(NormedTower{}, Fixed{}, samples);
    check(Normed{}, Fixed{}, samples);
    check(ThreeBottom{}, FixedAfter{}, samples);
    check(NormedTower{}, FixedAfter{}, samples);
  }
}

TEST_CASE_TEMPLATE("task gradients: weights of 1 give what no method gives", Model, ThreeMmoe, LoadedGates, LoadedGate,
                   LoadedLevels) {
  Setup<Model> s;
  const esp::RandomBatch<double> data(s.executor.plan(), 131, rows, 5, 0.1, true);
  s.executor.forward_backward(data.batch(), s.base, 7);
  const Gradient plain = gradient_of(s.executor);
  for (const esp::BalanceOn on : {esp::BalanceOn::parameters, esp::BalanceOn::representation}) {
    esp::TaskGradientPass<double> pass(s.executor, on);
    esp::GradientBalance balance = Ones{};
    balance.reset(s.tasks);
    s.executor.poison(std::nan(""));
    pass.forward_backward(data.batch(), s.base, 7, balance);
    const Gradient combined = gradient_of(s.executor);
    long wrong = 0;
    for (std::size_t i = 0; i < combined.dense.size(); ++i) wrong += near(combined.dense[i], plain.dense[i], 1) ? 0 : 1;
    for (const auto& [at, row] : combined.tables) {
      for (std::size_t i = 0; i < row.size(); ++i) wrong += near(row[i], plain.tables.at(at)[i], 1) ? 0 : 1;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("task gradients: by representations, gates learn their own task's part with its weight") {
  Setup<ThreeMmoe> s;
  const esp::RandomBatch<double> data(s.executor.plan(), 131, rows, 5, 0.1, true);
  const std::vector<Gradient> separate = s.one_by_one(data.batch());
  esp::TaskGradientPass<double> pass(s.executor, esp::BalanceOn::representation);
  esp::GradientBalance balance = Fixed{};
  balance.reset(s.tasks);
  pass.forward_backward(data.batch(), s.base, 7, balance);
  const Gradient combined = gradient_of(s.executor);
  for (const esp::ParameterInfo& t : s.executor.plan().tensors) {
    const bool tower =
        t.task != esp::shared_by_tasks && t.name.view().find("gate") == std::string_view::npos;
    long wrong = 0;
    for (auto i = static_cast<std::size_t>(t.offset);
         i < static_cast<std::size_t>(t.offset + t.size()); ++i) {
      double expected = 0, size = 0;
      for (std::size_t k = 0; k < s.tasks; ++k) {
        const double term = (tower ? 1.0 : pass.weights()[k]) * separate[k].dense[i];
        expected += term;
        size += std::abs(term);
      }
      wrong += near(combined.dense[i], expected, size) ? 0 : 1;
    }
    CAPTURE(t.name.view());
    CHECK(wrong == 0);
  }
}

TEST_CASE(
    "task gradients: towers that read different widths, or nothing that is learnt, cannot be "
    "compared") {
  Setup<ThreeApart> apart;  // of one width: it can be, though there is nothing shared
  CHECK_NOTHROW(esp::TaskGradientPass<double>(apart.executor, esp::BalanceOn::representation));
  struct Raw : esp::MultiTaskModel<esp::Inputs<esp::Numeric<"x">>, esp::SharedBottom<esp::Layers<>>,
                                   Click, Watch> {};
  Setup<Raw> raw;
  CHECK(message_of(
            [&] { esp::TaskGradientPass<double>(raw.executor, esp::BalanceOn::representation); }) ==
        "balance on representations: the tower of 'click' reads 0 learnt values, that of 'click' "
        "1; expected as many");
}

TEST_CASE("task gradients: frozen tensors and tables take no part in the Gramian") {
  Setup<ThreeBottom> s({"shared/dense0/*", "*user*"});
  const esp::RandomBatch<double> data(s.executor.plan(), 64, rows, 5, 0, true);
  std::vector<Gradient> separate = s.one_by_one(data.batch());
  for (const esp::ParameterInfo& t : s.executor.plan().tensors) {
    if (!t.name.view().starts_with("shared/dense0/")) continue;
    for (Gradient& g : separate) std::fill_n(g.dense.begin() + t.offset, t.size(), 0.0);
  }
  for (std::size_t table = 0; table < s.executor.plan().tables.size(); ++table) {
    if (s.executor.plan().tables[table].name.view().find("user") == std::string_view::npos)
      continue;
    for (Gradient& g : separate)
      std::erase_if(g.tables,
                    [&](const auto& row) { return row.first.first == static_cast<int>(table); });
  }
  esp::TaskGradientPass<double> pass(s.executor, esp::BalanceOn::parameters);
  esp::GradientBalance balance = Fixed{};
  balance.reset(s.tasks);
  pass.forward_backward(data.batch(), s.base, 7, balance);
  for (std::size_t i = 0; i < s.tasks; ++i) {
    const double expected = s.product(separate[i], separate[i]);
    CHECK(near(pass.gramian()[i * s.tasks + i], expected, expected));
  }
}

TEST_CASE("task gradients: a task without labels or without weight is absent") {
  Setup<ThreeMmoe> s;
  esp::RandomBatch<double> data(s.executor.plan(), 40, rows, 5, 0, true);
  std::vector<double> labels(3 * 40);
  esp::Batch<double> batch = data.batch();
  for (Index k = 0; k < 3; ++k) {
    for (Index j = 0; j < 40; ++j)
      labels[static_cast<std::size_t>(k * 40 + j)] = k == 1 ? std::nan("") : batch.labels(j, k);
  }
  batch.labels = {labels.data(), 40, 3, 40};
  esp::GradientBalance balance = esp::MeanGradient{};
  balance.reset(3);
  for (const bool weightless : {false, true}) {
    if (weightless) s.base[2] = 0;
    for (const esp::BalanceOn on : {esp::BalanceOn::parameters, esp::BalanceOn::representation}) {
      esp::TaskGradientPass<double> pass(s.executor, on);
      const auto losses = pass.forward_backward(batch, s.base, 7, balance);
      CHECK(std::isnan(losses[1]));
      CHECK(std::isfinite(losses[2]));
      CHECK(std::isnan(pass.gramian()[4]));
      CHECK(std::isnan(pass.gramian()[8]) == weightless);
      CHECK(pass.weights()[1] == 0);
      CHECK(pass.weights()[0] == (weightless ? 1 : 0.5));
      for (const double g : gradient_of(s.executor).dense) CHECK(std::isfinite(g));
    }
  }
}

TEST_CASE("task gradients: the same bits for any number of threads") {
  const auto trained = [](int threads, esp::BalanceOn on, auto model, auto method) {
    using Model = decltype(model);
    using Method = decltype(method);
    esp::TrainExecutor<float> executor(esp::program_of<Model, float, esp::cpu::Device>(), rows, 300,
                                       threads);
    esp::initialize(executor.plan(), 3, executor.parameters());
    executor.prepare(esp::Adam{.learning_rate = 1e-2}, {});
    esp::TaskGradientPass<float, Method::needs_coordinates> pass(executor, on);
    esp::GradientBalance balance = method;
    balance.reset(executor.plan().tasks.size());
    const std::vector<double> base(executor.plan().tasks.size(), 1.0);
    for (std::int64_t step = 1; step <= 4; ++step) {
      const esp::RandomBatch<float> data(executor.plan(), step % 2 == 0 ? 300 : 77, rows,
                                         static_cast<std::uint64_t>(step), 0.1, true);
      pass.forward_backward(data.batch(), base, static_cast<std::uint64_t>(step), balance);
      executor.update({step, 1, 1}, step == 3 ? 0.5 : 0);
    }
    return executor.parameters();
  };
  for (const esp::BalanceOn on : {esp::BalanceOn::parameters, esp::BalanceOn::representation}) {
    const auto check = [&](auto model, auto method, std::initializer_list<int> all) {
      const auto once = trained(1, on, model, method);
      for (const int threads : all) CHECK(same_bits(once, trained(threads, on, model, method)));
    };
    check(ThreeMmoe{}, esp::PcGrad{}, {2, 3, 8});
    check(ThreeNormed{}, esp::PcGrad{}, {2, 3, 8});
    check(ThreeMmoe{}, esp::GradDrop{}, {3});
    check(ThreeMmoe{}, esp::MoCo{}, {3});
    check(ThreeNormed{}, esp::TrimmedMean{}, {3});
  }
}

TEST_CASE("task gradients: coordinates are numbered by parameter, then by table, row and value") {
  Setup<ThreeMmoe> s;
  const esp::RandomBatch<double> data(s.executor.plan(), 131, rows, 11, 0.1, true);
  const std::vector<Gradient> separate = s.one_by_one(data.batch());
  const esp::GradDrop method;
  esp::TaskGradientPass<double, true> pass(s.executor, esp::BalanceOn::parameters);
  esp::GradientBalance balance = method;
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
      check({separate[0].dense[i], separate[1].dense[i], separate[2].dense[i]}, i, combined.dense[i]);
  }
  CHECK(wrong == 0);
  for (const auto& [at, row] : combined.tables) {
    std::uint64_t first = combined.dense.size();
    for (int t = 0; t < at.first; ++t) {
      const auto& table = s.executor.plan().tables[static_cast<std::size_t>(t)];
      first += static_cast<std::uint64_t>(rows[static_cast<std::size_t>(table.vocabulary)] * table.width);
    }
    for (std::size_t i = 0; i < row.size(); ++i) {
      check({separate[0].tables.at(at)[i], separate[1].tables.at(at)[i], separate[2].tables.at(at)[i]},
            first + static_cast<std::uint64_t>(at.second) * row.size() + i, row[i]);
    }
  }
  CHECK(wrong == 0);
  CHECK(dropped > 100);
  // The next step, the executor's own, makes its rows' sums again.
  s.executor.forward_backward(data.batch(), std::vector<double>{s.base[0], 0, 0}, 7);
  for (const auto& [at, row] : gradient_of(s.executor).tables) {
    for (std::size_t i = 0; i < row.size(); ++i)
      CHECK(near(row[i], separate[0].tables.at(at)[i], std::abs(row[i])));
  }
}

TEST_CASE("task gradients: MoCo's averages, over steps, are of the dense parameters") {
  Setup<ThreeMmoe> s;
  esp::TaskGradientPass<double, true> pass(s.executor, esp::BalanceOn::parameters);
  esp::GradientBalance balance = esp::MoCo{.beta = 0.3};
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
  // Those are the gradients by the bias of the trunk's one layer.
  Setup<Flat> s;
  esp::TaskGradientPass<double, true> pass(s.executor, esp::BalanceOn::representation);
  esp::GradientBalance balance = esp::MoCo{.beta = 0.3};
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
        CHECK(near(pass.gramian()[3 * a + b], dot(y[a], y[b], [](std::size_t) { return true; }), 1));
    }
  }
}

TEST_CASE("task gradients: a pass without coordinates refuses a method that needs them") {
  Setup<ThreeMmoe> s;
  const esp::RandomBatch<double> data(s.executor.plan(), 40, rows, 5, 0, true);
  esp::GradientBalance drop = esp::GradDrop{}, mgda = esp::MeanGradient{};
  for (esp::GradientBalance* b : {&drop, &mgda}) b->reset(3);
  esp::TaskGradientPass<double> plain(s.executor, esp::BalanceOn::parameters);
  CHECK(message_of([&] { plain.forward_backward(data.batch(), s.base, 7, drop); }) ==
        "balance 'grad_drop': expected TaskGradientPass<T, true>");
  esp::TaskGradientPass<double, true> other(s.executor, esp::BalanceOn::parameters);
  CHECK(message_of([&] { other.forward_backward(data.batch(), s.base, 7, mgda); }) ==
        "balance 'mean_gradient': expected TaskGradientPass<T, false>");
}
