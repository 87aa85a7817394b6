// SPDX-License-Identifier: Apache-2.0
// Tasks in natural units: predictions, metrics, files; messages about labels that cannot be learnt.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "espalier/deploy/predictor.hpp"
#include "espalier/losses/huber.hpp"
#include "support/captured_stderr.hpp"
#include "support/made_up.hpp"
#include "support/temporary_folder.hpp"

using espalier_test::message_of;
using espalier_test::quick_options;
namespace esp = espalier;

namespace {

using Click = esp::Task<"click", esp::BinaryCrossEntropy>;
using Hours = esp::Task<"hours", esp::MeanSquaredError>;
using PlainHours = esp::Task<"hours", esp::MeanSquaredError, esp::Label<"hours", esp::AsIs>>;
using LogHours = esp::Task<"hours", esp::MeanSquaredError, esp::Label<"hours", esp::Log1p>>;
using Kind = esp::Task<"kind", esp::SoftmaxCrossEntropy<4>>;
using Inputs = esp::Inputs<esp::Numeric<"x">>;

template <class... Tasks>
struct Model : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<16>>, Tasks...> {};

/// hours = 1000 + 100 x, click = x > 0, kind depends on the sign of x.
esp::Dataset data(esp::Index rows, std::uint64_t seed = 3) {
  esp::Random random(seed);
  std::vector<double> x, hours, click;
  std::vector<std::string> kind;
  for (esp::Index i = 0; i < rows; ++i) {
    x.push_back(random.normal());
    hours.push_back(1000 + 100 * x.back());
    click.push_back(x.back() > 0 ? 1 : 0);
    kind.push_back(x.back() > 0 ? "up" : "down");
  }
  esp::Table table;
  table.add("x", x);
  table.add("hours", hours);
  table.add("click", click);
  table.add("kind", kind);
  return esp::Dataset(std::move(table));
}

double metric(const esp::Report& report, const char* task, const char* name) {
  for (const esp::TaskReport& t : report.tasks) {
    for (const esp::MetricValue& m : t.metrics) {
      if (t.task == task && m.name == name) return m.value;
    }
  }
  return std::nan("");
}

/// The messages of a run.
template <class M>
std::string said(const esp::Dataset& train, int epochs = 1) {
  esp::TrainerOptions options = quick_options();
  options.epochs = epochs;
  options.progress = esp::ShowProgress::automatic;
  const espalier_test::CapturedStderr captured;
  esp::Trainer<M> trainer{options};
  trainer.fit(train);
  return captured.text();
}

}  // namespace

TEST_CASE(
    "label units: predictions and metrics are in the label's unit, from trainer and file alike") {
  using M = Model<Click, Hours, Kind>;
  esp::TrainerOptions options = quick_options();
  options.epochs = 30;
  esp::Trainer<M> trainer{options};
  const esp::Dataset train = data(512), test = data(64, 4);
  trainer.fit(train);
  const esp::Report report = trainer.evaluate(test);
  CHECK(metric(report, "hours", "rmse") < 20);  // the labels' standard deviation is 100
  CHECK(report.tasks[1].mean == doctest::Approx(1000).epsilon(0.05));
  const esp::Predictions p = trainer.predict(test);
  CHECK(p.class_names == std::vector<std::vector<std::string>>{{}, {}, {"down", "up"}});
  const std::vector<double>& hours = test.table().numbers("hours");
  double squared = 0;
  for (std::size_t i = 0; i < hours.size(); ++i)
    squared += std::pow(static_cast<double>(p.of("hours")[i]) - hours[i], 2);
  CHECK(std::sqrt(squared / static_cast<double>(hours.size())) ==
        doctest::Approx(metric(report, "hours", "rmse")));

  const espalier_test::TemporaryFolder folder;
  const std::string path = folder / "model.safetensors";
  trainer.save(path);
  const esp::Predictor<M> predictor(path);
  const esp::Predictions q = predictor.predict(test);
  CHECK(q.class_names == p.class_names);
  for (std::size_t i = 0; i < hours.size(); ++i)
    CHECK(q.of("hours")[i] == doctest::Approx(static_cast<double>(p.of("hours")[i])).epsilon(1e-5));
  const std::vector<float> row = predictor.predict_row({{"x", 0.0}});
  CHECK(row[1] == doctest::Approx(1000).epsilon(0.05));
  esp::Trainer<M> loaded{options};
  loaded.load(path);
  CHECK(metric(loaded.evaluate(test), "hours", "rmse") ==
        doctest::Approx(metric(report, "hours", "rmse")));
}

TEST_CASE(
    "label units: a label's unit changes nothing for the task beside it, unless it is learnt as it "
    "is") {
  const auto in_unit = [](double unit) {
    esp::Table table = data(512, 5).to_table();
    std::vector<double> hours = table.numbers("hours");
    for (double& h : hours) h *= unit;
    table.remove("hours");
    table.add("hours", hours);
    return esp::Dataset(std::move(table));
  };
  const auto clicks = [&](auto model, double unit) {
    esp::Trainer<decltype(model)> trainer{quick_options()};
    trainer.fit(in_unit(unit));
    return trainer.predict(data(64, 6));
  };
  const esp::Predictions hours = clicks(Model<Click, Hours>{}, 1),
                         seconds = clicks(Model<Click, Hours>{}, 3600);
  const esp::Predictions plain = clicks(Model<Click, PlainHours>{}, 1),
                         plain_smaller = clicks(Model<Click, PlainHours>{}, 0.001);
  double most = 0;
  for (std::size_t i = 0; i < 64; ++i) {
    CHECK(seconds.of("click")[i] ==
          doctest::Approx(static_cast<double>(hours.of("click")[i])).epsilon(1e-3));
    CHECK(seconds.of("hours")[i] ==
          doctest::Approx(3600 * static_cast<double>(hours.of("hours")[i])).epsilon(1e-3));
    most = (std::max)(
        most, std::abs(static_cast<double>(plain.of("click")[i] - plain_smaller.of("click")[i])));
  }
  CHECK(most > 0.05);
}

TEST_CASE("label units: after log1p the prediction is expm1 of what is learnt, below the mean") {
  std::vector<double> x(256, 0.0), hours;
  double of_logs = 0, mean = 0;
  for (int i = 0; i < 256; ++i) {
    hours.push_back(std::exp(0.03 * i));
    of_logs += std::log1p(hours.back()) / 256;
    mean += hours.back() / 256;
  }
  esp::Table table;
  table.add("x", x);
  table.add("hours", hours);
  const esp::Dataset train(std::move(table));
  esp::TrainerOptions options = quick_options();
  options.optimizer = esp::Sgd{.learning_rate = 1e-30};
  esp::Trainer<Model<LogHours>> trainer{options};
  trainer.fit(train);
  const double said = static_cast<double>(trainer.predict(train).of("hours")[0]);
  CHECK(said == doctest::Approx(std::expm1(of_logs)).epsilon(1e-3));
  CHECK(said < 0.5 * mean);
  // A predicted value is in the same unit in trainer and predictor.
  const std::vector<esp::NamedValue> row{{"x", 0.0}};
  CHECK(trainer.predict(trainer.features().encode(row)).of("hours")[0] == doctest::Approx(said));
}

TEST_CASE("label units: of losses below 0 nobody has a share") {
  using Plays = esp::Task<"plays", esp::Poisson, esp::Label<"hours">>;
  CHECK(said<Model<Click, Plays>>(data(256), 3).find("makes up") == std::string::npos);
}

TEST_CASE(
    "label units: a run says once which task makes up nearly all of the loss, and what to do") {
  const esp::Dataset train = data(256);
  const std::string text = said<Model<Click, PlainHours>>(train, 3);
  const std::string note =
      "task 'hours' makes up 100 % of the weighted loss: the other tasks learn little beside it. "
      "Standardise its labels (Label<\"hours\", Standardize>), lower its Weight, or choose a way "
      "to "
      "balance (TrainerOptions::balance)";
  const std::size_t at = text.find(note);
  CHECK(at != std::string::npos);
  CHECK(text.find("makes up", at + note.size()) == std::string::npos);
  CHECK(said<Model<Click, Hours>>(train).find("makes up") == std::string::npos);
  CHECK(said<Model<PlainHours>>(train).find("makes up") == std::string::npos);
}

TEST_CASE("label units: a run says at its start what labels cannot teach") {
  using Never = esp::Task<"never", esp::BinaryCrossEntropy, esp::Label<"kind", esp::Equals<"Up">>>;
  using Up = esp::Task<"up", esp::BinaryCrossEntropy, esp::Label<"kind", esp::Equals<"up">>>;
  using Half = esp::Task<"half", esp::BinaryCrossEntropy, esp::Label<"none">>;
  esp::Table table = data(64).to_table();
  table.add("none", std::vector<double>(64, std::nan("")));
  const esp::Dataset train(std::move(table));
  CHECK(message_of([&] {
          static_cast<void>(said<Model<Never>>(train));
        }).starts_with("table: label 'kind' of task 'never' is nowhere 'Up'; it is '"));
  const esp::Dataset down =
      train.filter([&](esp::Index row) { return train.table().column("kind").at(row) == "down"; });
  const std::string text = said<Model<Click, Up, Half>>(down);
  CHECK(text.find("task 'up' has one label only in the training split, 0: there is nothing to tell "
                  "apart; its column "
                  "holds 'down', ones are 'up'") != std::string::npos);
  CHECK(text.find("task 'half' has no labels in the training split: it will not learn") !=
        std::string::npos);
}

TEST_CASE(
    "label units: a label whose loss is infinite in float is refused with row and value, and "
    "nothing changes") {
  esp::Table table = data(64).to_table();
  std::vector<double> hours = table.numbers("hours");
  hours[7] = 1e20;
  table.remove("hours");
  table.add("hours", hours);
  const esp::Dataset train(std::move(table));
  esp::Trainer<Model<Click, PlainHours>> trainer{quick_options()};
  CHECK(message_of([&] { trainer.fit(train); }) ==
        "table, row 8: label 'hours' of task 'hours' is 1e+20: its loss is infinite in float; "
        "expected labels of a moderate size");
  CHECK(
      message_of([&] { trainer.fit(data(64), train); }).starts_with("table, row 8: label 'hours'"));
}

TEST_CASE("label units: the sample weight is not needed to evaluate, and is to learn") {
  esp::TrainerOptions options = quick_options();
  options.sample_weight = "w";
  esp::Table weighted = data(64).to_table();
  weighted.add("w", std::vector<double>(64, 2.0));
  esp::Trainer<Model<Click>> trainer{options};
  trainer.fit(esp::Dataset(weighted));
  CHECK(trainer.evaluate(data(64)).tasks[0].labelled == 64);
  CHECK(message_of([&] { trainer.fit(data(64)); }).find("no column 'w'") != std::string::npos);
  CHECK(message_of([&] { trainer.fit(esp::Dataset(weighted), data(64)); }).find("no column 'w'") !=
        std::string::npos);
}

TEST_CASE("label units: Huber's delta is in the label's unit") {
  // Errors of 0.5 and 4 units, delta 2, labels scaled by 1/10.
  using Loss = esp::Huber<esp::Delta{2}>;
  for (const double off : {0.5, 4.0}) {
    double plain = 0, scaled = 0;
    const double value = Loss::evaluate(30 + off, 30.0, plain);
    CHECK(Loss::evaluate((30 + off) / 10, 3.0, scaled, 10.0) == doctest::Approx(value / 100));
    CHECK(scaled == doctest::Approx(plain / 10));
  }
  // The prediction stays near the median although every tenth label is an outlier.
  using Robust = esp::Task<"hours", esp::Huber<esp::Delta{1}>>;
  std::vector<double> x(200, 0.0), hours;
  for (int i = 0; i < 200; ++i) hours.push_back(i % 10 == 0 ? 1000 : 50 + i % 2);
  esp::Table table;
  table.add("x", x);
  table.add("hours", hours);
  const esp::Dataset train(std::move(table));
  esp::Trainer<Model<Robust>> trainer{quick_options()};
  trainer.fit(train);
  CHECK(trainer.predict(train).of("hours")[0] == doctest::Approx(50.6).epsilon(0.02));
}
