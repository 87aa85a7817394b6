// SPDX-License-Identifier: Apache-2.0
// Folds of data, and the search of a model that learns.
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

TEST_CASE("folds: each row is left out once, in parts of one size") {
  for (const int k : {2, 3, 7}) {
    CAPTURE(k);
    const esp::Dataset data = made_up(100, 1).filter([](esp::Index row) { return row % 10 != 0; });
    const auto folds = search::folds_of(data, k);
    REQUIRE(folds.size() == static_cast<std::size_t>(k));
    std::multiset<std::int32_t> left_out;
    for (const auto& [train, valid] : folds) {
      CHECK(train.size() + valid.size() == data.size());
      CHECK(std::abs(static_cast<double>(valid.size()) - 90.0 / k) < 1);
      std::set<std::int32_t> both(train.rows().begin(), train.rows().end());
      both.insert(valid.rows().begin(), valid.rows().end());
      CHECK(static_cast<esp::Index>(both.size()) == data.size());
      left_out.insert(valid.rows().begin(), valid.rows().end());
    }
    CHECK(std::equal(left_out.begin(), left_out.end(), data.rows().begin(), data.rows().end()));
  }
  const esp::Dataset data = made_up(50, 1);
  CHECK(search::folds_of(data, 3, 1)[0].valid.rows() ==
        search::folds_of(data, 3, 1)[0].valid.rows());
  CHECK(search::folds_of(data, 3, 1)[0].valid.rows() !=
        search::folds_of(data, 3, 2)[0].valid.rows());
}

TEST_CASE("folds: a row that the data has several times is left out with all of them") {
  const esp::Dataset data(std::make_shared<const esp::Table>(made_up(2, 1).table()), {0, 0, 0, 0, 1, 1});
  for (const std::uint64_t seed : {1U, 2U, 3U, 4U}) {
    const auto folds = search::folds_of(data, 2, seed);
    for (const auto& [train, valid] : folds) {
      CHECK(train.size() + valid.size() == 6);
      CHECK(train.rows().front() == train.rows().back());
      CHECK(valid.rows().front() == valid.rows().back());
    }
  }
  CHECK(message_of([&] { static_cast<void>(search::folds_of(data, 3)); }) ==
        "cross-validation: folds is 3, expected 2 to 2, the number of different rows");
}

TEST_CASE("folds: by a column, no value is on both sides") {
  const esp::Dataset data = made_up(300, 2);
  const esp::Column& user = data.table().column("user");
  esp::Index sum = 0;
  for (const auto& [train, valid] : search::folds_of(data, 3, 4, "user")) {
    std::set<std::string_view> learnt;
    for (const std::int32_t row : train.rows()) learnt.insert(user.at(row));
    for (const std::int32_t row : valid.rows()) CHECK(learnt.count(user.at(row)) == 0);
    sum += valid.size();
  }
  CHECK(sum == data.size());
}

TEST_CASE("folds: by a column, the spellings of a number are one value") {
  esp::Table numbers, spellings;
  std::vector<int> users;
  std::vector<std::string> written;
  for (int i = 0; i < 60; ++i) {
    users.push_back(i % 20);
    written.push_back(std::to_string(i % 20) + (i < 20 ? "" : i < 40 ? ".0" : ".00"));
  }
  numbers.add("user", users);
  spellings.add("user", written);
  const auto expected = search::folds_of(esp::Dataset(numbers), 3, 4, "user");
  const auto folds = search::folds_of(esp::Dataset(spellings), 3, 4, "user");
  for (std::size_t k = 0; k < 3; ++k) CHECK(folds[k].valid.rows() == expected[k].valid.rows());
}

TEST_CASE("folds: what cannot be cut is refused") {
  const esp::Dataset data = made_up(30, 1);
  const auto said = [&](int k, const std::string& by = {}) {
    return message_of([&] { static_cast<void>(search::folds_of(data, k, 1, by)); });
  };
  CHECK(said(1) == "cross-validation: folds is 1, expected 2 to 30, the number of different rows");
  CHECK(said(31) == "cross-validation: folds is 31, expected 2 to 30, the number of different rows");
  CHECK(said(30) == "accepted");
  CHECK(said(25, "user").find("column 'user' has too few values, expected fewer folds") !=
        std::string::npos);
  CHECK(said(3, "nobody").find("no column 'nobody'") != std::string::npos);
}

TEST_CASE("fingerprint: of the rows and of what a model reads in them") {
  const esp::Schema schema = esp::program_of<Bottom, float, esp::cpu::Device>().plan.schema;
  const std::string one = search::fingerprint(made_up(60, 1), schema);
  CHECK(one.starts_with("made-up, 60 rows ("));
  CHECK(search::fingerprint(made_up(60, 1), schema) == one);
  CHECK(search::fingerprint(made_up(60, 2), schema) != one);
  CHECK(search::fingerprint(made_up(60, 1).head(59), schema) != one);
  for (const char* column : {"x", "user", "click"}) {
    esp::Table table = made_up_table(60, 1), changed;
    changed.source = table.source;
    for (esp::Column c : table.columns()) {
      if (c.name == column && c.kind == esp::ColumnKind::number) c.numbers[7] = 1 - c.numbers[7];
      if (c.name == column && c.kind == esp::ColumnKind::text) c.codes[7] = c.codes[7] == 0 ? 1 : 0;
      changed.add(std::move(c));
    }
    CHECK(search::fingerprint(esp::Dataset(std::move(changed)), schema) != one);
  }
  esp::Table more = made_up_table(60, 1);
  more.add(esp::Column::number("unread", std::vector<double>(60, 1.0)));
  CHECK(search::fingerprint(esp::Dataset(std::move(more)), schema) == one);
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
    const auto folds = search::folds_of(data, 3, 8);
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
    CHECK(ranked.front().mean < 0.5 * ranked.back().mean);
    CHECK(ranked.front().trial.real("rate") > ranked.back().trial.real("rate"));
    const search::Result again = search::run(space, strategy, objective, o);
    CHECK(again.run == 0);
    CHECK(again.table() == first);
  }
  // Other data, another model, other options of a loss, other folds: another search.
  struct OtherLoss
      : esp::MultiTaskModel<MadeUpInputs, esp::SharedBottom<MadeUpEncoder>,
                            esp::Task<"click", esp::BinaryCrossEntropyWith<esp::PositiveWeight{5}>, esp::Weight{1.0}, esp::Tower<8>>,
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
  CHECK(result.outcomes[1].error() ==
        "fold 0: fixed_weights: 3 weights, expected 2, one a task");
}

TEST_CASE("fixed weights: as a model whose static weights they are") {
  struct Weighted
      : esp::MultiTaskModel<
            MadeUpInputs, esp::SharedBottom<MadeUpEncoder>,
            esp::Task<"click", esp::BinaryCrossEntropy, esp::Weight{0.5}, esp::Tower<8>>,
            esp::Task<"watch", esp::MeanSquaredError, esp::Weight{1.5}, esp::Tower<8>>> {};
  esp::TrainerOptions o = quick_options();
  esp::Trainer<Weighted> by_type(o);
  o.balance = esp::FixedWeights{{0.5, 3}};  // times 1 and 0.5
  esp::Trainer<Bottom> by_option(o);
  const esp::Dataset data = made_up(200, 1);
  by_type.fit(data);
  by_option.fit(data);
  CHECK(same_bits(by_type.parameters(), by_option.parameters()));
  CHECK(esp::Balance(esp::FixedWeights{{0.5, 3}}).describe() == "fixed_weights(0.5, 3)");
  o.balance = esp::FixedWeights{{-1, 1}};
  CHECK(message_of([&] { esp::Trainer<Bottom>{o}; }) ==
        "fixed_weights: a weight is -1, expected a number from 0");
}
