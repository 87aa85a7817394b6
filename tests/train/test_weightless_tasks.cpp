// SPDX-License-Identifier: Apache-2.0
// A task of weight 0 is evaluated but not learnt: the other tasks learn as if it were absent, with
// every balancing method.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "espalier/balance/balance.hpp"
#include "espalier/core/random.hpp"
#include "espalier/describe/sharing/gates.hpp"
#include "espalier/describe/sharing/one_gate_moe.hpp"
#include "espalier/exec/make_balance.hpp"
#include "support/made_up.hpp"
#include "support/worst.hpp"

using namespace espalier_test;

namespace {

using Numbers = std::vector<double>;
constexpr std::size_t width = 6;

/// Losses (NaN: absent) and gradients of one step.
struct Step {
  Numbers losses;
  std::vector<Numbers> gradients;
  std::uint64_t key = 0;
};

Step random_step(esp::Random& random, std::size_t tasks, std::uint64_t key) {
  Step step;
  step.key = key;
  for (std::size_t k = 0; k < tasks; ++k) {
    step.losses.push_back(random.bernoulli(0.2) ? std::nan("") : random.uniform(0.1, 2));
    step.gradients.emplace_back();
    for (std::size_t i = 0; i < width; ++i) step.gradients.back().push_back(random.normal());
  }
  return step;
}

Step only(const Step& step, const std::vector<std::size_t>& tasks) {
  Step made;
  made.key = step.key;
  for (const std::size_t k : tasks) {
    made.losses.push_back(step.losses[k]);
    made.gradients.push_back(step.gradients[k]);
  }
  return made;
}

/// Returns the combined gradient followed by the weights. Tasks of weight 0 are absent, as in the
/// trainer.
Numbers take(esp::LossWeighting& balance, Step step, const Numbers& static_weights) {
  const std::size_t tasks = step.losses.size();
  Numbers weights(tasks), all(width);
  balance.weights(step.losses, weights);
  if (esp::GradientAggregator* method = balance.gradients()) {
    std::vector<std::size_t> present;
    for (std::size_t k = 0; k < tasks; ++k) {
      if (!std::isnan(step.losses[k]) && static_weights[k] > 0) present.push_back(k);
    }
    method->remember(width);
    if (method->needs_coordinates() && method->balances() && !present.empty()) {
      std::array<double*, 4> rows{}, memory{};
      for (std::size_t i = 0; i < present.size(); ++i) {
        rows[i] = step.gradients[present[i]].data();
        if (!method->memory().empty()) memory[i] = method->memory().data() + present[i] * width;
      }
      esp::GradientCoordinates<double> g{
          {rows.data(), present.size()}, present, width, 0, step.key};
      if (!method->memory().empty()) g.memory = {memory.data(), present.size()};
      method->rewrite(g);
    }
    Numbers gramian(tasks * tasks, std::nan(""));
    for (const std::size_t i : present) {
      for (const std::size_t j : present) {
        double& sum = gramian[i * tasks + j] = 0;
        for (std::size_t c = 0; c < width; ++c) sum += step.gradients[i][c] * step.gradients[j][c];
      }
    }
    method->weights(gramian, step.losses, step.key, weights);
  }
  balance.observe(step.losses);
  for (std::size_t k = 0; k < tasks; ++k) {
    if (std::isnan(step.losses[k]) || static_weights[k] == 0) continue;
    for (std::size_t c = 0; c < width; ++c)
      all[c] += static_weights[k] * weights[k] * step.gradients[k][c];
  }
  all.insert(all.end(), weights.begin(), weights.end());
  return all;
}

bool same(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

/// Compares 40 steps of the tasks `learn` among four tasks, the others with weight 0, with these
/// tasks alone.
void check_as_alone(const esp::LossWeighting& given_beside, const esp::LossWeighting& given_alone,
                    const std::vector<std::size_t>& learn) {
  Numbers static_weights(4, 0.0), own;
  for (const std::size_t k : learn) own.push_back(static_weights[k] = 0.5 + static_cast<double>(k));
  esp::LossWeighting beside = given_beside, alone = given_alone;
  beside.reset(Numbers(4, 1.0));  // reset() forgets the previous static weights
  beside.reset(static_weights);
  alone.reset(own);
  esp::Random random(3);
  for (std::uint64_t t = 0; t < 40; ++t) {
    const Step step = random_step(random, 4, t);
    const Numbers found = take(beside, step, static_weights),
                  expected = take(alone, only(step, learn), own);
    bool right = true;
    for (std::size_t c = 0; c < width; ++c) right = right && same(found[c], expected[c]);
    for (std::size_t i = 0; i < learn.size(); ++i)
      right = right && same(found[width + learn[i]], expected[width + i]);
    for (std::size_t k = 0; k < 4; ++k)
      if (static_weights[k] == 0) right = right && same(found[width + k], 0.0);
    CHECK(right);
    if (t == 20) {  // a resumed run continues in the same way
      esp::LossWeighting resumed = given_beside;
      resumed.reset(static_weights);
      if (resumed.gradients() != nullptr) resumed.gradients()->remember(width);
      resumed.restore(beside.state());
      beside = resumed;
    }
  }
}

}  // namespace

TEST_CASE(
    "balance: tasks of weight 0 change nothing for the others, bit for bit, with any method") {
  for (const esp::NamedBalance& entry : esp::named_balances()) {
    CAPTURE(entry.name);
    for (const std::vector<std::size_t>& learn :
         {std::vector<std::size_t>{0, 2, 3}, {0, 1}, {0}, {1, 2, 3}, {3}, {0, 1, 2, 3}}) {
      CAPTURE(learn.size());
      if (entry.name == "meta_balance" && learn[0] != 0) continue;  // its target is task 0
      const esp::LossWeighting made = entry.make();
      check_as_alone(made, made, learn);
    }
  }
}

TEST_CASE("balance: settings by task stay with their tasks where others have weight 0") {
  const std::vector<std::size_t> learn{1, 3};
  using esp::LossWeighting;
  check_as_alone(LossWeighting(esp::FixedWeights{{9, 2, 9, 4}}),
                 LossWeighting(esp::FixedWeights{{2, 4}}), learn);
  check_as_alone(LossWeighting(esp::SmoothTchebycheff{.preferences = {9, 2, 9, 4},
                                                      .ideal = {1, 0.05, 1, 0.1}}),
                 LossWeighting(esp::SmoothTchebycheff{.preferences = {2, 4}, .ideal = {0.05, 0.1}}),
                 learn);
  check_as_alone(LossWeighting(esp::Famo{.ideal = {1, 0.05, 1, 0.1}}),
                 LossWeighting(esp::Famo{.ideal = {0.05, 0.1}}), learn);
  check_as_alone(LossWeighting(esp::PeLtr{.least = {0.4, 0.2, 0.3, 0.1}}),
                 LossWeighting(esp::PeLtr{.least = {0.2, 0.1}}), learn);
  check_as_alone(LossWeighting(esp::GradDrop{.leaks = {0.9, 0.2, 0.9, 0.4}}),
                 LossWeighting(esp::GradDrop{.leaks = {0.2, 0.4}}), learn);
  check_as_alone(LossWeighting(esp::MetaBalance{.target = 3}),
                 LossWeighting(esp::MetaBalance{.target = 1}), learn);
  check_as_alone(LossWeighting(esp::CrMogm<esp::PeLtr>{.method = {.least = {0.4, 0.2, 0.3, 0.1}}}),
                 LossWeighting(esp::CrMogm<esp::PeLtr>{.method = {.least = {0.2, 0.1}}}), learn);

  const Numbers weights{1, 0, 1};
  CHECK(message_of([&] {
          LossWeighting(esp::FixedWeights{{1, 2}}).reset(weights);
        }) == "fixed_weights: 2 weights, expected 3, one a task");
  CHECK(message_of([&] { LossWeighting(esp::MetaBalance{.target = 1}).reset(weights); }) ==
        "meta_balance: target is 1, expected a task that learns: its weight is 0");
  CHECK(message_of([&] { LossWeighting(esp::MetaBalance{.target = 3}).reset(weights); }) ==
        "meta_balance: target is 3, expected a number from 0 to 2");
  LossWeighting narrowed = esp::FixedWeights{{1, 0.5, 2}};
  narrowed.reset(weights);
  CHECK(narrowed.describe() == "fixed_weights(1, 0.5, 2)");  // the settings as given
}

namespace {

using Measured = esp::Task<"watch", esp::MeanSquaredError, esp::Weight{0}, esp::Tower<8>>;
using Clicked = esp::Task<"clicked", esp::BinaryCrossEntropy, esp::Weight{0.5}, esp::Tower<8>,
                          esp::Label<"click">>;
struct Alone : esp::MultiTaskModel<MadeUpInputs, esp::SharedBottom<MadeUpEncoder>, Click> {};
struct Beside
    : esp::MultiTaskModel<MadeUpInputs, esp::SharedBottom<MadeUpEncoder>, Click, Measured> {};
struct Two : esp::MultiTaskModel<MadeUpInputs, esp::SharedBottom<MadeUpEncoder>, Click, Clicked> {};
using OneGate = esp::Gated<esp::OneGateMoe<3, MadeUpEncoder>, esp::BalancedLoad<esp::Weight{2}>>;
struct Loaded : esp::MultiTaskModel<MadeUpInputs, OneGate, Click> {};
struct LoadedBeside : esp::MultiTaskModel<MadeUpInputs, OneGate, Click, Measured> {};
struct TwoBeside : esp::MultiTaskModel<MadeUpInputs, esp::SharedBottom<MadeUpEncoder>, Click,
                                       Measured, Clicked> {};

/// The maximum difference of the tasks' predictions after a short training.
template <class With, class Without>
double difference(const esp::TrainerOptions& options, const std::vector<std::size_t>& tasks) {
  const esp::Dataset train = made_up(400, 1, 0.1), test = made_up(100, 2);
  esp::Trainer<With> with(options);
  esp::Trainer<Without> without(options);
  with.fit(train);
  without.fit(train);
  const esp::Predictions found = with.predict(test), expected = without.predict(test);
  double worst = 0;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    for (std::size_t j = 0; j < expected.values[i].size(); ++j) {
      espalier_test::keep_worst(
          worst, static_cast<double>(std::abs(found.values[tasks[i]][j] - expected.values[i][j])));
    }
  }
  return worst;
}

}  // namespace

TEST_CASE(
    "trainer: a task of weight 0 beside others leaves what they learn as it is, with any method") {
  for (const esp::NamedBalance& entry : esp::named_balances()) {
    CAPTURE(entry.name);
    esp::TrainerOptions options = quick_options();
    options.balance = entry.make();
    CHECK(difference<Beside, Alone>(options, {0}) < 1e-5);
    // Its draws depend on coordinate numbers, which differ in the other model.
    if (entry.name != "grad_drop") CHECK(difference<TwoBeside, Two>(options, {0, 2}) < 1e-5);
    if (options.balance.aggregator_factory() == nullptr) continue;
    options.balance_on = esp::BalanceOn::representation;
    CHECK(difference<TwoBeside, Two>(options, {0, 2}) < 1e-5);
  }
}

TEST_CASE("trainer: a task of weight 0 takes nothing of the load's term of a shared gate") {
  esp::TrainerOptions options = quick_options();
  CHECK(difference<LoadedBeside, Loaded>(options, {0}) < 1e-5);
  options.balance = esp::MeanGradient{};
  CHECK(difference<LoadedBeside, Loaded>(options, {0}) < 1e-5);
}

TEST_CASE(
    "trainer: the labels of a task of weight 0 change no bit of the others, with any method") {
  esp::Table table = made_up_table(400, 1, 0.1);
  const esp::Dataset labelled(table);
  table.remove("watch");
  table.derive("watch", [](esp::Index row) { return row == 7 ? 2 : std::nan(""); });
  const esp::Dataset unlabelled(table), test = made_up(100, 2);
  for (const esp::NamedBalance& entry : esp::named_balances()) {
    CAPTURE(entry.name);
    esp::TrainerOptions options = quick_options();
    options.balance = entry.make();
    esp::Trainer<TwoBeside> with(options), without(options);
    with.fit(labelled);
    without.fit(unlabelled);
    const esp::Predictions found = with.predict(test), expected = without.predict(test);
    CHECK(found.values[0] == expected.values[0]);
    CHECK(found.values[2] == expected.values[2]);
  }
}
