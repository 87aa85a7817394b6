// SPDX-License-Identifier: Apache-2.0
// A search over model types.
#include <doctest/doctest.h>

#include "espalier/search/search.hpp"
#include "support/made_up.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier_test;
namespace search = espalier::search;

namespace {

/// Its input is irrelevant for the labels, so it scores worse.
struct Blind : esp::MultiTaskModel<esp::Inputs<esp::Numeric<"weight">>,
                                   esp::SharedBottom<esp::Mlp<4>>, Click, Watch> {};
/// The tasks in another order.
struct Turned : esp::MultiTaskModel<MadeUpInputs, esp::SharedBottom<MadeUpEncoder>, Watch, Click> {
};
struct ClickAlone : esp::MultiTaskModel<MadeUpInputs, esp::SharedBottom<MadeUpEncoder>, Click> {};
struct Logged : esp::MultiTaskModel<MadeUpInputs, esp::SharedBottom<MadeUpEncoder>, Click,
                                    esp::Task<"watch", esp::MeanSquaredError, esp::Weight{0.5},
                                              esp::Tower<8>, esp::Label<"watch", esp::Log1p>>> {};
struct Robust
    : esp::MultiTaskModel<MadeUpInputs, esp::SharedBottom<MadeUpEncoder>, Click,
                          esp::Task<"watch", esp::Huber<>, esp::Weight{0.5}, esp::Tower<8>>> {};
struct Heavier : esp::MultiTaskModel<
                     MadeUpInputs, esp::SharedBottom<MadeUpEncoder>, Click,
                     esp::Task<"watch", esp::MeanSquaredError, esp::Weight{2}, esp::Tower<8>>> {};
struct OtherClick : esp::MultiTaskModel<MadeUpInputs, esp::SharedBottom<MadeUpEncoder>,
                                        esp::Task<"click", esp::BinaryCrossEntropy, esp::Tower<8>,
                                                  esp::Label<"watch", esp::AtLeast<2>>>,
                                        Watch> {};

esp::TrainerOptions recipe(const search::Trial& trial) {
  esp::TrainerOptions o = quick_options();
  o.optimizer = esp::Adam{.learning_rate = trial.real("rate")};
  return o;
}

search::Options quiet_search() {
  search::Options o;
  o.progress = esp::ShowProgress::never;
  return o;
}

}  // namespace

TEST_CASE(
    "models: a trial's score is what a trainer of the chosen type gets, and the search says which "
    "is best") {
  const esp::Dataset data = made_up(240, 3);
  const search::Models models{search::model<Blind>("blind"), search::model<Bottom>("bottom"),
                              search::model<Separate>("separate")};
  const search::CrossValidation settings{.folds = 2, .monitor = "mean_auc", .seed = 8};
  const search::CrossValidated objective = search::cross_validation(models, data, settings, recipe);
  const auto folds = data.folds(2, 8);
  const auto by_hand = [&](auto&& trainer) {
    return trainer.fit(folds[1].train, folds[1].valid).best_value;
  };
  const auto score_of = [&](const char* name) {
    return objective.score({0, esp::Json::object().set("model", name).set("rate", 1e-2)},
                           {1, 0, 77, 1});
  };
  esp::TrainerOptions o = recipe({0, esp::Json::object().set("rate", 1e-2)});
  o.monitor = "mean_auc";
  o.seed = 77;
  CHECK(score_of("blind") == by_hand(esp::Trainer<Blind>(o)));
  CHECK(score_of("bottom") == by_hand(esp::Trainer<Bottom>(o)));
  CHECK(score_of("separate") == by_hand(esp::Trainer<Separate>(o)));
  CHECK(score_of("bottom") != score_of("separate"));
  CHECK(message_of([&] { static_cast<void>(score_of("other")); }) ==
        R"(search: model is 'other', expected one of choice ["blind","bottom","separate"])");

  const search::Space space{models, search::choice("rate", {1e-2})};
  const search::Result found =
      search::run(space, search::Grid{.budget = 2}, objective, quiet_search());
  CHECK(found.best().trial.text("model") != "blind");
  CHECK(found.ranking().back().trial.text("model") == "blind");
  CHECK(found.table().find("budget  model     rate\n") != std::string::npos);
  CHECK(found.best().trial.describe().starts_with("model "));
}

TEST_CASE(
    "models: what is trained with what was found is of the best type, and watches what the search "
    "watched") {
  const esp::Dataset data = made_up(240, 3);
  const search::Models models({search::model<Blind>("blind"), search::model<Bottom>("bottom")},
                              "encoder");
  const search::CrossValidated objective = search::cross_validation(
      models, data, {.folds = 2, .monitor = "click/auc"}, [](const search::Trial& trial) {
        esp::TrainerOptions o = quick_options();
        o.epochs = trial.text("encoder") == "blind" ? 1 : 50;
        o.monitor = "watch/rmse";
        return o;
      });
  const search::Result found =
      search::run({models}, search::Grid{.budget = 4}, objective, quiet_search());
  const search::Outcome best = found.best();
  CHECK(best.trial.text("encoder") == "bottom");
  CHECK(objective.options(best).monitor == "click/auc");
  CHECK(objective.options(best).epochs == 4);
  search::Outcome without_budget = best;
  without_budget.budget = 0;
  CHECK(objective.options(without_budget).epochs == 50);

  esp::PlanTrainer trainer = objective.trainer(best);
  CHECK(trainer.options().monitor == "click/auc");
  CHECK(trainer.plan().schema.fields.size() == 4);
  esp::TrainerOptions o = quick_options();
  o.epochs = 4;
  o.monitor = "click/auc";
  esp::Trainer<Bottom> by_hand(o);
  const auto [train, valid, test] = data.split(0.6, 0.2, 0.2);
  CHECK(trainer.fit(train, valid).best_value == by_hand.fit(train, valid).best_value);
  CHECK(same_bits(trainer.parameters(), by_hand.parameters()));

  const search::CrossValidated one =
      search::cross_validation<Bottom>(data, {.folds = 2, .monitor = "mean_auc"}, recipe);
  CHECK(one.options({{0, esp::Json::object().set("rate", 1e-2)}, 3, {}}).monitor == "mean_auc");
}

TEST_CASE("models: names that do not agree are refused before anything is trained") {
  const search::Models models{search::model<Bottom>("small"), search::model<Experts>("large")};
  const search::Objective objective =
      search::cross_validation(models, made_up(60, 1), {.folds = 2}, recipe);
  const search::Parameter rate = search::log_uniform("rate", 1e-3, 1e-1);
  const auto said = [&](std::vector<search::Parameter> parameters) {
    parameters.push_back(rate);
    return message_of([&] {
      static_cast<void>(search::run(search::Space(std::move(parameters)),
                                    search::Random{.trials = 2}, objective, quiet_search()));
    });
  };
  CHECK(said({}) ==
        "search: the space has no parameter 'model', by which the objective chooses: "
        R"(expected choice ["small","large"])");
  CHECK(
      said({search::choice("model", {"small", "huge"})}) ==
      R"(search: parameter 'model' of the space is choice ["small","huge"], expected values of choice ["small","large"], )"
      "by which the objective chooses");
  CHECK(said({search::uniform("model", 0, 1)})
            .starts_with("search: parameter 'model' of the space is uniform 0 to 1, "));
  CHECK(said({models, search::choice("model", {"small"})}) ==
        "search space: parameter 'model' is there twice");
  CHECK(said({search::choice("model", {"large"})}) == "accepted");
  CHECK(said({models}) == "accepted");
  CHECK(message_of([] {
          search::Models{search::model<Bottom>("a"), search::model<Experts>("a")};
        }) == "search: two models are called 'a', expected a name each");
  CHECK(message_of([] { search::Models{search::model<Bottom>("")}; }) ==
        "search: model 1 has no name");
  CHECK(message_of([] { search::Models(std::vector<search::NamedModel>{}); }) ==
        "search: there is no model, expected at least one");
}

TEST_CASE("models: scores that cannot be compared are refused") {
  const esp::Dataset data = made_up(60, 1);
  const auto said = [&](const search::NamedModel& other, const search::CrossValidation& settings) {
    return message_of([&] {
      static_cast<void>(search::cross_validation(search::Models{search::model<Bottom>("a"), other},
                                                 data, settings, recipe));
    });
  };
  const auto by = [](std::string monitor) {
    return search::CrossValidation{.folds = 2, .monitor = std::move(monitor)};
  };
  const search::NamedModel turned = search::model<Turned>("b"),
                           alone = search::model<ClickAlone>("b"),
                           logged = search::model<Logged>("b"), robust = search::model<Robust>("b"),
                           heavier = search::model<Heavier>("b"),
                           other = search::model<OtherClick>("b");
  for (const char* monitor : {"loss", "mean_auc", "watch/rmse"})
    CHECK(said(turned, by(monitor)) == "accepted");
  // A metric of one task is comparable: the other task may help or not.
  CHECK(said(alone, by("click/auc")) == "accepted");
  CHECK(said(alone, by("mean_auc")) == "accepted");
  CHECK(said(alone, by("watch/rmse")) ==
        "monitor is 'watch/rmse', expected 'loss', 'mean_auc', 'click/<metric>'");
  const std::string missing = said(alone, by("loss"));
  CHECK(
      missing.starts_with("cross-validation: 'loss' of models 'a' and 'b' cannot be compared: "
                          "task 'watch' is a finite number, weight 0.5, squared_error "));
  CHECK(missing.ends_with(" in the one, not there in the other"));
  // Metrics are in the label's unit, losses are not.
  for (const auto& model : {logged, robust, heavier}) {
    CHECK(said(model, by("watch/rmse")) == "accepted");
    CHECK(said(model, by("mean_auc")) == "accepted");
    CHECK(said(model, by("loss"))
              .starts_with("cross-validation: 'loss' of models 'a' and 'b' cannot be compared: "
                           "task 'watch' is "));
  }
  CHECK(said(other, by("watch/rmse")) == "accepted");
  CHECK(said(other, by("click/auc")) ==
        "cross-validation: 'click/auc' of models 'a' and 'b' cannot be compared: task 'click' is 0 "
        "or 1 in the one, "
        "a number, column 'watch', at least 2 in the other");
  search::CrossValidation own = by("loss");
  own.score = [](const esp::Report& r) { return r.value("click", "auc"); };
  CHECK(said(alone, own) == "accepted");
  CHECK(said(other, own)
            .starts_with("cross-validation: your score of models 'a' and 'b' cannot be compared: "
                         "task 'click'"));
}

TEST_CASE(
    "models: a search goes on from its file with the same models under the same names alone") {
  const esp::Dataset data = made_up(80, 1);
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  search::Options options = quiet_search();
  options.file = folder / "search.jsonl";
  const auto go = [&](const search::Models& models) {
    const search::Space space{search::choice("model", {"a", "b"}), search::choice("rate", {1e-2})};
    return search::run(space, search::Grid{.budget = 1},
                       search::cross_validation(models, data, {.folds = 2}, recipe), options);
  };
  const search::Models models{search::model<Bottom>("a"), search::model<Experts>("b")};
  const search::Result first = go(models);
  CHECK(first.run == 4);
  const search::Result again = go(models);
  CHECK(again.run == 0);
  CHECK(again.table() == first.table());
  for (const search::Models& others :
       {search::Models{search::model<Experts>("a"), search::model<Bottom>("b")},
        search::Models{search::model<Bottom>("a"), search::model<Separate>("b")}}) {
    CHECK(message_of([&] {
            static_cast<void>(go(others));
          }).find("line 1: the file is of another search: about is ") != std::string::npos);
  }
}
