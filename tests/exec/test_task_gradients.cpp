// SPDX-License-Identifier: Apache-2.0
// Per-task gradients, their Gramian and the combined gradient, compared with one forward and
// backward pass per task.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "espalier/balance/balance.hpp"
#include "espalier/balance/grad_drop.hpp"
#include "espalier/balance/mean_gradient.hpp"
#include "espalier/balance/mo_co.hpp"
#include "espalier/balance/pc_grad.hpp"
#include "espalier/balance/trimmed_mean.hpp"
#include "espalier/describe/sharing/aitm.hpp"
#include "espalier/describe/sharing/one_gate_moe.hpp"
#include "espalier/describe/sharing/ple.hpp"
#include "espalier/exec/random_batch.hpp"
#include "espalier/exec/task_gradients.hpp"
#include "espalier/losses/losses.hpp"
#include "exec/by_task.hpp"
#include "support/worst.hpp"

using namespace espalier_test;
using namespace espalier_test::by_task;

namespace {

/// A different weight per task, one of them negative.
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
  void weights(const esp::TaskGradients&, std::span<double> out) const {
    std::fill(out.begin(), out.end(), 1.0);
  }
};

/// Fixed, after rewrite() has scaled the gradients coordinate by coordinate.
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

using Deep = esp::Task<"deep", esp::Huber<>, esp::Weight{0.3},
                       esp::Layers<esp::Dense<8, esp::Activation::gelu>,
                                   esp::Dropout<esp::Rate{0.2}>, esp::Dense<4>>{}>;
using Normal = esp::Layers<esp::Dense<12>, esp::BatchNorm,
                           esp::Residual<esp::LayerNorm, esp::Dense<12, esp::Activation::gelu>>>;
struct ThreeBottom
    : esp::MultiTaskModel<MadeUpInputs, esp::SharedBottom<Smooth>, Click, Watch, Like> {};
struct Uneven : esp::MultiTaskModel<MadeUpInputs, esp::SharedBottom<Smooth>, Click, Deep, Like> {};
struct ThreeNormed : esp::MultiTaskModel<MadeUpInputs, esp::Mmoe<2, Normal>, Click, Watch, Deep> {};
struct ThreeApart : esp::MultiTaskModel<MadeUpInputs, esp::SingleTask<Smooth>, Click, Watch, Like> {
};
struct Shallow
    : esp::MultiTaskModel<MadeUpInputs, esp::SharedBottom<esp::Layers<>>, Click, Watch, Like> {};
using Other = esp::Task<"other", esp::MeanSquaredError, esp::Weight{1.0},
                        esp::Layers<esp::Dense<6>, esp::BatchNorm>{}>;
struct NormedTower : esp::MultiTaskModel<MadeUpInputs, esp::SharedBottom<Smooth>, Click, Other> {};

using Tap = esp::Task<"click", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<8>>;
/// An auxiliary loss links two tasks.
struct Chained
    : esp::MultiTaskModel<MadeUpInputs, esp::Aitm<esp::SharedBottom<Smooth>, "click", "like">, Tap,
                          Watch, Like> {};

/// Gates with a load-balancing loss: one gate per task in one node, one gate for all tasks, gates
/// of several levels.
using Load = esp::BalancedLoad<esp::Weight{0.5}>;
struct LoadedGates : esp::MultiTaskModel<MadeUpInputs, esp::Gated<esp::Mmoe<4, Smooth>, Load>,
                                         Click, Watch, Like> {};
struct LoadedGate : esp::MultiTaskModel<MadeUpInputs, esp::Gated<esp::OneGateMoe<3, Smooth>, Load>,
                                        Click, Watch, Like> {};
struct LoadedLevels
    : esp::MultiTaskModel<MadeUpInputs, esp::Gated<esp::Ple<1, 2, esp::Mlp<8>, esp::Mlp<6>>, Load>,
                          Click, Watch, Like> {};

template <class Model, class Method = Fixed>
void check_parameters(Index samples, double missing = 0.1) {
  CAPTURE(samples);
  Setup<Model> s;
  const esp::RandomBatch<double> data(s.executor.plan(), samples, rows, 11, missing, true);
  const esp::Batch<double>& batch = data.batch();
  const std::vector<Gradient> separate = s.one_by_one(batch);
  esp::TaskGradientPass<double, Method::needs_coordinates> pass(s.executor,
                                                                esp::BalanceOn::parameters);
  esp::GradientAggregator balance = Method{};
  balance.reset(s.tasks);
  for (int round = 0; round < 2; ++round) {  // the second round checks that buffers were cleared
    s.executor.poison(std::nan(""));
    pass.forward_backward(batch, s.base, 7, balance);
    for (std::size_t i = 0; i < s.tasks; ++i) {
      for (std::size_t j = 0; j < s.tasks; ++j) {
        CAPTURE(i);
        CAPTURE(j);
        const double factor = Method::factor(i) * Method::factor(j);
        const double expected = factor * s.product(separate[i], separate[j]);
        const double size = factor * std::sqrt(s.product(separate[i], separate[i]) *
                                               s.product(separate[j], separate[j]));
        CHECK(near(pass.gramian()[i * s.tasks + j], expected, size));
      }
    }
    const Gradient combined = gradient_of(s.executor);
    CHECK(s.wrong_values(combined, separate, [&](std::size_t k) {
      return pass.weights()[k] * Method::factor(k);
    }) == 0);
  }
}

}  // namespace

TEST_CASE_TEMPLATE("task gradients: each against a run of its own", Model, ThreeBottom, ThreeMmoe,
                   Uneven, ThreeNormed, ThreeApart, Shallow, NormedTower, Experts, Chained,
                   LoadedGates, LoadedGate, LoadedLevels) {
  for (const Index samples : {1, 17, 64, 131, 300}) {
    check_parameters<Model>(samples);
    check_parameters<Model, FixedAfter>(samples);
  }
}

TEST_CASE(
    "task gradients: by representations, one shared backward pass with the combined gradient") {
  // If all tasks read one block, combining the gradients of the block equals combining those of the
  // parameters below it.
  const auto check = [&](auto model, auto method, Index samples) {
    CAPTURE(samples);
    using Model = decltype(model);
    using Method = decltype(method);
    Setup<Model> s;
    const esp::RandomBatch<double> data(s.executor.plan(), samples, rows, 5, 0.1, true);
    const std::vector<Gradient> separate = s.one_by_one(data.batch());
    esp::TaskGradientPass<double, Method::needs_coordinates> pass(s.executor,
                                                                  esp::BalanceOn::representation);
    esp::GradientAggregator balance = method;
    balance.reset(s.tasks);
    s.executor.poison(std::nan(""));
    pass.forward_backward(data.batch(), s.base, 7, balance);
    const Gradient combined = gradient_of(s.executor);
    CHECK(s.wrong_values(combined, separate, [&](std::size_t k) {
      return pass.weights()[k] * Method::factor(k);
    }) == 0);
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

TEST_CASE_TEMPLATE("task gradients: weights of 1 give what no method gives", Model, ThreeMmoe,
                   LoadedGates, LoadedGate, LoadedLevels) {
  Setup<Model> s;
  const esp::RandomBatch<double> data(s.executor.plan(), 131, rows, 5, 0.1, true);
  s.executor.forward_backward(data.batch(), s.base, 7);
  const Gradient plain = gradient_of(s.executor);
  for (const esp::BalanceOn on : {esp::BalanceOn::parameters, esp::BalanceOn::representation}) {
    esp::TaskGradientPass<double> pass(s.executor, on);
    esp::GradientAggregator balance = Ones{};
    balance.reset(s.tasks);
    s.executor.poison(std::nan(""));
    pass.forward_backward(data.batch(), s.base, 7, balance);
    const Gradient combined = gradient_of(s.executor);
    long wrong = 0;
    for (std::size_t i = 0; i < combined.dense.size(); ++i)
      wrong += near(combined.dense[i], plain.dense[i], 1) ? 0 : 1;
    for (const auto& [at, row] : combined.tables) {
      for (std::size_t i = 0; i < row.size(); ++i)
        wrong += near(row[i], plain.tables.at(at)[i], 1) ? 0 : 1;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("task gradients: by representations, gates learn their own task's part with its weight") {
  Setup<ThreeMmoe> s;
  const esp::RandomBatch<double> data(s.executor.plan(), 131, rows, 5, 0.1, true);
  const std::vector<Gradient> separate = s.one_by_one(data.batch());
  esp::TaskGradientPass<double> pass(s.executor, esp::BalanceOn::representation);
  esp::GradientAggregator balance = Fixed{};
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
  Setup<ThreeApart> apart;  // equal widths: accepted, although nothing is shared
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
  esp::GradientAggregator balance = Fixed{};
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
  esp::GradientAggregator balance = esp::MeanGradient{};
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

/// Large matrices that belong to one task.
struct Broad
    : esp::MultiTaskModel<
          MadeUpInputs, esp::SharedBottom<esp::Mlp<16>>,
          esp::Task<"click", esp::BinaryCrossEntropy, esp::Tower<128, 192>>,
          esp::Task<"like", esp::BinaryCrossEntropy, esp::Weight{2.0}, esp::Tower<128, 192>>> {};

TEST_CASE(
    "task gradients: with matrices of one task deferred the same bits for any number of threads, "
    "and left out by name") {
  const auto run = [](int threads, std::span<const std::string_view> without) {
    const auto program = esp::program_of<Broad, float, esp::Cpu>();
    esp::TrainExecutor<float> executor(program, rows, 64, threads, {}, without);
    esp::initialize(program.plan, 3, executor.parameters());
    executor.prepare(esp::Adam{}, {});
    esp::TaskGradientPass<float> pass(executor, esp::BalanceOn::parameters);
    const auto& notes = pass.schedules(64)[0]->notes;
    const auto note = std::find_if(notes.begin(), notes.end(), [](const esp::PassNote& n) {
      return n.pass == "deferred_weight_gradients";
    });
    REQUIRE(note != notes.end());
    CHECK(note->fired == without.empty());
    if (!without.empty()) CHECK(note->why == "left out");
    esp::GradientAggregator balance = esp::Mgda{};
    balance.reset(2);
    const esp::RandomBatch<float> data(program.plan, 64, rows, 5, 0.1, true);
    const std::vector<double> weights{1, 2};
    for (int step = 1; step <= 3; ++step) {
      pass.forward_backward(data.batch(), weights, static_cast<std::uint64_t>(step), balance);
      executor.update({step, 1, 1});
    }
    return std::vector<float>(executor.parameters().dense.begin(),
                              executor.parameters().dense.end());
  };
  const std::vector<std::string_view> none{"deferred_weight_gradients"};
  const auto one = run(1, {}), plain = run(1, none);
  for (const int threads : {2, 5}) CHECK(same_bits(run(threads, {}), one));
  double worst = 0;
  for (std::size_t i = 0; i < one.size(); ++i) {
    const double d = std::abs(static_cast<double>(one[i]) - static_cast<double>(plain[i]));
    espalier_test::keep_worst(worst, d);
  }
  CHECK(worst < 1e-4);
}

TEST_CASE(
    "task gradients: matrices of one task are made of the whole batch, of tasks that are there") {
  Setup<Broad> s;
  esp::TaskGradientPass<double> pass(s.executor, esp::BalanceOn::parameters);
  const auto deferred = [&](Index samples) {
    const auto& notes = pass.schedules(samples)[0]->notes;
    return std::any_of(notes.begin(), notes.end(), [](const esp::PassNote& n) {
      return n.pass == "deferred_weight_gradients" && n.fired;
    });
  };
  CHECK(deferred(64));
  CHECK_FALSE(deferred(300));
  esp::GradientAggregator balance = Ones{};
  balance.reset(s.tasks);
  // The second batch has no labels of the first task, whose buffers hold the first batch's values.
  for (const auto& [samples, absent] :
       {std::pair<Index, bool>{64, false}, {64, true}, {300, false}, {40, false}}) {
    CAPTURE(samples);
    CAPTURE(absent);
    const esp::RandomBatch<double> data(s.executor.plan(), samples, rows, 5, 0.1, true);
    std::vector<double> labels(static_cast<std::size_t>(2 * samples));
    esp::Batch<double> batch = data.batch();
    for (Index k = 0; k < 2; ++k) {
      for (Index j = 0; j < samples; ++j)
        labels[static_cast<std::size_t>(k * samples + j)] =
            absent && k == 0 ? std::nan("") : batch.labels(j, k);
    }
    batch.labels = {labels.data(), samples, 2, samples};
    const std::vector<Gradient> separate = s.one_by_one(batch);
    s.executor.poison(std::nan(""));
    pass.forward_backward(batch, s.base, 7, balance);
    CHECK(s.wrong_values(gradient_of(s.executor), separate, [](std::size_t) { return 1.0; }) == 0);
    // An update applies these gradients exactly once.
    pass.forward_backward(batch, s.base, 7, balance);
    std::vector<double> gradient(static_cast<std::size_t>(s.executor.plan().sizes.parameters));
    s.executor.read_gradient(gradient);
    const std::vector<double> before(s.executor.parameters().dense.begin(),
                                     s.executor.parameters().dense.end());
    s.executor.prepare(esp::Sgd{.learning_rate = 0.5}, {});
    s.executor.update({1, 1, 1});
    long wrong = 0;
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      wrong += near(s.executor.parameters().dense[i], before[i] - 0.5 * gradient[i], 1) ? 0 : 1;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("task gradients: the same bits for any number of threads") {
  const auto trained = [](int threads, esp::BalanceOn on, auto model, auto method) {
    using Model = decltype(model);
    using Method = decltype(method);
    esp::TrainExecutor<float> executor(esp::program_of<Model, float, esp::Cpu>(), rows, 300,
                                       threads);
    esp::initialize(executor.plan(), 3, executor.parameters());
    executor.prepare(esp::Adam{.learning_rate = 1e-2}, {});
    esp::TaskGradientPass<float, Method::needs_coordinates> pass(executor, on);
    esp::GradientAggregator balance = method;
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

TEST_CASE(
    "task gradients: in single precision, lengths whose squares are none are told apart all the "
    "same") {
  const auto program = esp::program_of<ThreeBottom, float, esp::Cpu>();
  esp::TrainExecutor<float> executor(program, rows, 64, 1);
  esp::initialize(executor.plan(), 5, executor.parameters());
  executor.prepare(esp::Sgd{}, {});
  const esp::RandomBatch<float> data(executor.plan(), 64, rows, 11);
  esp::TaskGradientPass<float> pass(executor, esp::BalanceOn::parameters);
  esp::GradientAggregator balance = esp::MeanGradient{};
  balance.reset(3);
  const auto gramian = [&](const std::vector<double>& weights) {
    pass.forward_backward(data.batch(), weights, 7, balance);
    executor.clear_gradient();
    return std::vector<double>(pass.gramian().begin(), pass.gramian().end());
  };
  const std::vector<double> ones = gramian({1, 1, 1}), scales{0x1p80, 0x1p-80, 1};
  const std::vector<double> scaled = gramian(scales);
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) {
      CAPTURE(i);
      CAPTURE(j);
      const double size = std::sqrt(ones[4 * i] * ones[4 * j]);
      CHECK(size > 0);
      CHECK(std::abs(scaled[3 * i + j] / (scales[i] * scales[j]) - ones[3 * i + j]) < 1e-5 * size);
    }
  }
}
