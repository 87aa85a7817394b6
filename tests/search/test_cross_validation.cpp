// SPDX-License-Identifier: Apache-2.0
// Folds of a data set, and hyper-parameter search with a model that learns.
#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <set>

#include "espalier/search/search.hpp"
#include "support/made_up.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier_test;
namespace search = espalier::search;

namespace {

search::Options quiet_search() {
  search::Options o;
  o.progress = esp::ShowProgress::never;
  return o;
}

const search::Space space{search::log_uniform("rate", 1e-4, 1e-1),
                          search::uniform("watch", 0.1, 2)};

esp::TrainerOptions recipe(const search::Trial& trial) {
  esp::TrainerOptions o = quick_options();
  o.optimizer = esp::Adam{.learning_rate = trial.real("rate")};
  o.balance = esp::FixedWeights{{1, trial.real("watch")}};
  return o;
}

}  // namespace

TEST_CASE("fingerprint: of the rows and of all that they hold, those for weights and groups too") {
  const std::string one = search::fingerprint(made_up(60, 1));
  CHECK(one.starts_with("made-up, 60 rows ("));
  CHECK(search::fingerprint(made_up(60, 1)) == one);
  CHECK(search::fingerprint(made_up(60, 2)) != one);
  CHECK(search::fingerprint(made_up(60, 1).head(59)) != one);
  for (const char* column : {"x", "user", "click", "weight"}) {
    esp::Table table = made_up_table(60, 1), changed;
    changed.source = table.source;
    for (esp::Column c : table.columns()) {
      if (c.name == column && c.kind == esp::ColumnKind::number) c.numbers[7] = 1 - c.numbers[7];
      if (c.name == column && c.kind == esp::ColumnKind::text) c.codes[7] = c.codes[7] == 0 ? 1 : 0;
      changed.add(std::move(c));
    }
    CHECK(search::fingerprint(esp::Dataset(std::move(changed))) != one);
  }
  const esp::Table table = made_up_table(60, 1);  // the order of columns does not matter
  esp::Table reordered = table.select({"weight", "click", "user", "x", "tags", "watch", "y"});
  CHECK(search::fingerprint(esp::Dataset(reordered)) == one);
  reordered.rename("weight", "other");
  CHECK(search::fingerprint(esp::Dataset(std::move(reordered))) != one);
}

TEST_CASE("cross-validation: a score is what a trainer by hand gets on the fold") {
  const esp::Dataset data = made_up(240, 3, 0.1);
  const search::CrossValidation settings{.folds = 3, .monitor = "mean_auc", .seed = 8};
  const search::Objective objective = search::cross_validation<Bottom>(data, settings, recipe);
  CHECK(objective.goal == search::Goal::maximize);
  CHECK(objective.folds == 3);
  const search::Trial trial{0, space.sample(1, 0)};
  for (const int budget : {0, 1}) {
    const double score = objective.score(trial, {1, budget, 77, 1});
    const auto folds = data.folds(3, 8);
    esp::TrainerOptions o = recipe(trial);
    o.monitor = "mean_auc";
    o.seed = 77;
    if (budget > 0) o.epochs = budget;
    esp::Trainer<Bottom> trainer(o);
    CHECK(trainer.fit(folds[1].train, folds[1].valid).best_value == score);
    CHECK(trainer.evaluate(folds[1].valid).value("click", "auc") == doctest::Approx(score));
  }
  const search::Objective own = search::cross_validation<Bottom>(
      data,
      {.folds = 3,
       .seed = 8,
       .score = [](const esp::Report& r) { return r.value("watch", "rmse"); },
       .goal = search::Goal::minimize},
      recipe);
  CHECK(own.goal == search::Goal::minimize);
  CHECK(own.score(trial, {0, 1, 77, 1}) > 0);
  CHECK(search::cross_validation<Bottom>(data, {.folds = 3}, recipe).goal ==
        search::Goal::minimize);
  CHECK(
      search::cross_validation<Bottom>(data, {.folds = 3, .monitor = "watch/rmse"}, recipe).goal ==
      search::Goal::minimize);
  CHECK(search::cross_validation<Bottom>(data, {.folds = 3, .monitor = "click/auc"}, recipe).goal ==
        search::Goal::maximize);
}

TEST_CASE(
    "cross-validation: a search finds a better rate, the same with any number at once, and goes on "
    "from its file") {
  const esp::Dataset data = made_up(400, 5);
  const search::CrossValidation settings{.folds = 3};
  const search::Objective objective = search::cross_validation<Bottom>(data, settings, recipe);
  const search::SuccessiveHalving strategy{.trials = 8, .eta = 2, .min_budget = 1, .max_budget = 4};
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  std::string first;
  for (const int at_once : {1, 3}) {
    search::Options o = quiet_search();
    o.at_once = at_once;
    o.threads = 3;
    o.file = folder / ("search" + std::to_string(at_once) + ".jsonl");
    const search::Result result = search::run(space, strategy, objective, o);
    const std::string table = result.table();
    if (first.empty()) first = table;
    CHECK(table == first);
    const auto ranked = result.ranking();
    // With the smallest rate, predictions stay at the constants that heads start with: log 2 and
    // about half of a variance of 1.
    CHECK(ranked.back().mean == doctest::Approx(0.69 + 0.5 * 0.5).epsilon(0.05));
    CHECK(ranked.front().mean < 0.6 * ranked.back().mean);
    CHECK(ranked.front().trial.real("rate") > ranked.back().trial.real("rate"));
    const search::Result again = search::run(space, strategy, objective, o);
    CHECK(again.run == 0);
    CHECK(again.table() == first);
  }
  // Other data, another model, other loss options or other folds are another search.
  struct OtherLoss
      : esp::MultiTaskModel<MadeUpInputs, esp::SharedBottom<MadeUpEncoder>,
                            esp::Task<"click", esp::BinaryCrossEntropyWith<esp::PositiveWeight{5}>,
                                      esp::Weight{1.0}, esp::Tower<8>>,
                            Watch> {};
  struct OtherLabel : esp::MultiTaskModel<MadeUpInputs, esp::SharedBottom<MadeUpEncoder>,
                                          esp::Task<"click", esp::BinaryCrossEntropy, esp::Tower<8>,
                                                    esp::Label<"watch", esp::AtLeast<2>>>,
                                          Watch> {};
  const auto said = [&](const search::Objective& other) {
    search::Options o = quiet_search();
    o.file = folder / "search1.jsonl";
    return message_of([&] { static_cast<void>(search::run(space, strategy, other, o)); });
  };
  for (const auto& other :
       {search::cross_validation<Bottom>(made_up(400, 6), settings, recipe),
        search::cross_validation<Separate>(data, settings, recipe),
        search::cross_validation<OtherLoss>(data, settings, recipe),
        search::cross_validation<OtherLabel>(data, settings, recipe),
        search::cross_validation<Bottom>(data, {.folds = 3, .seed = 2}, recipe)}) {
    CHECK(
        said(other).find("line 1: the file is of another search: about is 'made-up, 400 rows (") !=
        std::string::npos);
  }
}

TEST_CASE("cross-validation: a trial that diverges or cannot be fails alone") {
  const search::Objective objective =
      search::cross_validation<Bottom>(made_up(120, 7), {.folds = 2}, [](const search::Trial& t) {
        esp::TrainerOptions o = quick_options();
        o.epochs = 1;
        o.optimizer = esp::Sgd{.learning_rate = t.number == 0 ? 1e30 : 1e-3};
        if (t.number == 1) o.balance = esp::FixedWeights{{1, 2, 3}};
        return o;
      });
  const auto result =
      search::run({search::choice("trial", {0, 1, 2})}, search::Grid{}, objective, quiet_search());
  CHECK(result.best().trial.number == 2);
  CHECK(result.outcomes[0].error().find("training diverged") != std::string::npos);
  CHECK(result.outcomes[1].error() == "fold 0: fixed_weights: 3 weights, expected 2, one a task");
}

TEST_CASE("fixed weights: as a model whose static weights they are") {
  struct Weighted
      : esp::MultiTaskModel<
            MadeUpInputs, esp::SharedBottom<MadeUpEncoder>,
            esp::Task<"click", esp::BinaryCrossEntropy, esp::Weight{0.5}, esp::Tower<8>>,
            esp::Task<"watch", esp::MeanSquaredError, esp::Weight{1.5}, esp::Tower<8>>> {};
  esp::TrainerOptions o = quick_options();
  esp::Trainer<Weighted> by_type(o);
  o.balance = esp::FixedWeights{{0.5, 3}};  // multiplied by the weights 1 and 0.5
  esp::Trainer<Bottom> by_option(o);
  const esp::Dataset data = made_up(200, 1);
  by_type.fit(data);
  by_option.fit(data);
  CHECK(same_bits(by_type.parameters(), by_option.parameters()));
  CHECK(esp::LossWeighting(esp::FixedWeights{{0.5, 3}}).describe() == "fixed_weights(0.5, 3)");
  o.balance = esp::FixedWeights{{-1, 1}};
  CHECK(message_of([&] { esp::Trainer<Bottom>{o}; }) ==
        "fixed_weights: a weight is -1, expected a number from 0");
}
