// SPDX-License-Identifier: Apache-2.0
// Freezing, learning rate schedules and gradient clipping in a run.
#include <doctest/doctest.h>

#include <cmath>
#include <numbers>

#include "support/made_up.hpp"

using namespace espalier_test;

namespace {

const esp::Dataset train = made_up(230, 1), valid = made_up(100, 2);  // four steps of 64 per epoch

template <class Model>
esp::Parameters<float> fit(const esp::TrainerOptions& o) {
  esp::Trainer<Model> trainer(o);
  trainer.fit(train);
  return trainer.parameters();
}

/// The names of the tensors and tables that differ.
template <class Model>
std::vector<std::string> moved(const esp::Parameters<float>& a, const esp::Parameters<float>& b) {
  std::vector<std::string> names;
  for (const esp::ParameterInfo& t : esp::plan_of<Model>().tensors) {
    const auto at = static_cast<std::size_t>(t.offset), n = static_cast<std::size_t>(t.size());
    if (!same_bits(a.dense.span().subspan(at, n), b.dense.span().subspan(at, n)))
      names.emplace_back(t.name.view());
  }
  for (std::size_t t = 0; t < a.tables.size(); ++t) {
    if (!same_bits(a.tables[t].span(), b.tables[t].span()))
      names.emplace_back(esp::plan_of<Model>().tables[t].name.view());
  }
  return names;
}

double distance(const esp::Parameters<float>& a, const esp::Parameters<float>& b) {
  double sum = 0;
  const auto add = [&](std::span<const float> x, std::span<const float> y) {
    for (std::size_t i = 0; i < x.size(); ++i)
      sum += std::pow(static_cast<double>(x[i]) - static_cast<double>(y[i]), 2);
  };
  add(a.dense.span(), b.dense.span());
  for (std::size_t t = 0; t < a.tables.size(); ++t) add(a.tables[t].span(), b.tables[t].span());
  return std::sqrt(sum);
}

}  // namespace

TEST_CASE(
    "freezing: what fits a pattern keeps its bits, the rest learns; statistics of batches are not "
    "learnt") {
  using Names = std::vector<std::string>;
  esp::TrainerOptions o = quick_options();
  o.epochs = 2;
  for (const esp::Optimizer& optimizer :
       {esp::Optimizer(esp::AdamW{.learning_rate = 1e-2, .weight_decay = 0.1}),
        esp::Optimizer(esp::Sgd{.momentum = 0.9})}) {
    o.optimizer = optimizer;
    const auto with = [&](Names patterns) {
      esp::TrainerOptions frozen = o;
      frozen.freeze = std::move(patterns);
      return moved<Normed>(fit<Normed>(frozen), started<Normed>(train, o.seed));
    };
    const Names statistics{"shared/batch_norm1/running_mean",
                           "shared/batch_norm1/running_variance"};
    const Names all = with({});
    CHECK(all.size() == esp::plan_of<Normed>().tensors.size() + 2);
    CHECK(with({"*"}) == statistics);
    CHECK(with({"click/*", "watch/*", "embedding/*", "shared/*_norm*", "shared/dense0/bias"}) ==
          Names{"shared/dense0/weight", statistics[0], statistics[1]});
    CHECK(with({"shared/*", "*/dense1/*", "*/bias", "embedding/user"}) ==
          Names{statistics[0], statistics[1], "click/dense0/weight", "watch/dense0/weight",
                "embedding/tags"});
  }
}

TEST_CASE("freezing: a frozen part does not change what the rest learns, but for clipping") {
  esp::TrainerOptions o = quick_options();
  o.epochs = 1;
  o.batch_size = 230;  // a single step
  o.optimizer = esp::Sgd{.learning_rate = 0.1};
  const esp::Parameters<float> all = fit<Bottom>(o);
  o.freeze = {"shared/*"};
  for (const std::string& name : moved<Bottom>(fit<Bottom>(o), all))
    CHECK(name.starts_with("shared/"));
}

TEST_CASE("schedules: the rate of every epoch's last step is in the history") {
  const auto rates = [](const esp::Schedule& schedule) {
    esp::TrainerOptions o = quick_options();
    o.epochs = 3;
    o.optimizer = esp::Sgd{.learning_rate = 0.5};
    o.schedule = schedule;
    esp::Trainer<Bottom> trainer(o);
    trainer.fit(train);
    std::vector<double> found;
    for (const esp::HistoryRow& row : trainer.history().rows())
      found.push_back(row.value("learning_rate"));
    return found;
  };
  CHECK(rates(esp::Constant{}) == std::vector<double>{0.5, 0.5, 0.5});
  CHECK(rates(esp::StepDecay{.every = 4, .factor = 0.5}) == std::vector<double>{0.5, 0.25, 0.125});
  const std::vector<double> linear = rates(esp::Linear{}),
                            cosine = rates(esp::Cosine{.final = 0.1}),
                            warm = rates(esp::WarmUp{.steps = 8});
  for (std::size_t epoch = 0; epoch < 3; ++epoch) {
    const double done = (4 * static_cast<double>(epoch + 1) - 1) / 12;  // of twelve steps
    CHECK(linear[epoch] == doctest::Approx(0.5 * (1 - done)));
    CHECK(cosine[epoch] ==
          doctest::Approx(0.5 * (0.1 + 0.9 * (1 + std::cos(std::numbers::pi * done)) / 2)));
    CHECK(warm[epoch] ==
          doctest::Approx(0.5 * (std::min)(1.0, (static_cast<double>(epoch) + 1) / 2)));
  }
}

TEST_CASE("schedules: a rate of zero stands still") {
  esp::TrainerOptions o = quick_options();
  o.optimizer = esp::Sgd{.learning_rate = 0.1};
  o.schedule = esp::StepDecay{.every = 4, .factor = 0};
  esp::TrainerOptions one = o;
  one.epochs = 1;
  o.epochs = 3;
  CHECK(same_bits(fit<Bottom>(o), fit<Bottom>(one)));
}

TEST_CASE("clipping: a step is as long as the norm allows, and no longer than it would be") {
  esp::TrainerOptions o = quick_options();
  o.epochs = 1;
  o.batch_size = 230;
  o.optimizer = esp::Sgd{.learning_rate = 1};
  const esp::Parameters<float> before = started<Bottom>(train, o.seed), free = fit<Bottom>(o);
  const double norm = distance(before, free);
  REQUIRE(norm > 0.1);
  for (const double most : {1e-3, 0.05}) {
    o.max_gradient_norm = most;
    const esp::Parameters<float> clipped = fit<Bottom>(o);
    CHECK(distance(before, clipped) == doctest::Approx(most).epsilon(1e-3).scale(0));
    // The direction is the same.
    CHECK(distance(clipped, free) == doctest::Approx(norm - most).epsilon(1e-3).scale(0));
  }
  o.max_gradient_norm = 1e6;
  CHECK(same_bits(fit<Bottom>(o), free));
  // Frozen parameters do not count.
  o.freeze = {"shared/*", "embedding/*", "click/*", "watch/dense0/*", "watch/dense1/weight"};
  o.max_gradient_norm = 1e-3;
  CHECK(distance(before, fit<Bottom>(o)) == doctest::Approx(1e-3).epsilon(1e-3).scale(0));
}

TEST_CASE("balance: uncertainty moves the weights, and the static ones stay") {
  esp::TrainerOptions o = quick_options();
  const esp::Parameters<float> equal = fit<Bottom>(o);
  o.balance = esp::Uncertainty{};
  const esp::Parameters<float> balanced = fit<Bottom>(o);
  CHECK_FALSE(same_bits(equal, balanced));
  o.balance = esp::Uncertainty{.learning_rate = 1e-12};  // the weights stay near 1
  CHECK(distance(equal, fit<Bottom>(o)) < 1e-3 * distance(equal, balanced));
}
