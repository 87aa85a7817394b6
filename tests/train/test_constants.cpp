// SPDX-License-Identifier: Apache-2.0
// Scores of the best constant prediction, and what a run reports about tasks that score worse.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "espalier/data/features.hpp"
#include "espalier/losses/losses.hpp"
#include "espalier/train/constants.hpp"
#include "support/captured_stderr.hpp"
#include "support/losses.hpp"
#include "support/made_up.hpp"

using espalier_test::quick_options;
namespace esp = espalier;

namespace {

using Inputs = esp::Inputs<esp::Numeric<"x">>;

template <class... Tasks>
struct Model : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<8>>, Tasks...> {};

using Click = esp::Task<"click", esp::BinaryCrossEntropy>;
using Hours = esp::Task<"hours", esp::MeanSquaredError>;
using Median = esp::Task<"median", esp::AbsoluteError, esp::Label<"hours">>;
using Robust = esp::Task<"robust", esp::Huber<>, esp::Label<"hours">>;
using Logs = esp::Task<"logs", esp::MeanSquaredError, esp::Label<"hours", esp::Log1p>>;
using Shares = esp::Task<"shares", esp::Poisson>;
using Kind = esp::Task<"kind", esp::SoftmaxCrossEntropy<3>>;
using All = Model<Click, Hours, Median, Logs, Shares, Kind, Robust>;

/// Labels that depend on x, or on −x if `turned`; hours are 100 + 10 z with z = ±x.
esp::Dataset data(esp::Index rows, std::uint64_t seed, bool turned) {
  esp::Random random(seed);
  std::vector<double> x, click, hours, shares, kind;
  for (esp::Index i = 0; i < rows; ++i) {
    x.push_back(random.normal());
    const double z = turned ? -x.back() : x.back();
    click.push_back(random.bernoulli(1 / (1 + std::exp(-2 * z))) ? 1 : 0);
    hours.push_back(100 + 10 * z);
    shares.push_back(z > 0 ? 5 : 1);
    kind.push_back(z > 0.5 ? 2 : (z > -0.5 ? 1 : 0));
  }
  esp::Table table;
  table.add("x", x);
  table.add("click", click);
  table.add("hours", hours);
  table.add("shares", shares);
  table.add("kind", kind);
  return esp::Dataset(std::move(table));
}

template <class M>
std::string said(const esp::Dataset& train, const esp::Dataset& valid, int epochs = 3) {
  esp::TrainerOptions options = quick_options();
  options.epochs = epochs;
  options.progress = esp::ShowProgress::automatic;
  const espalier_test::CapturedStderr captured;
  esp::Trainer<M> trainer{options};
  trainer.fit(train, valid);
  return captured.text();
}

}  // namespace

TEST_CASE("constants: by task, in the label's unit, by the names of the metrics that a model has") {
  esp::Table table;
  table.add("x", std::vector<double>{1, 2, 3, 4});
  table.add("click", std::vector<double>{0, 1, 1, 1});
  table.add("hours", std::vector<double>{10, 20, 30, 100});
  table.add("shares", std::vector<double>{1, 1, 3, 3});
  table.add("kind", std::vector<double>{2, 2, 1, std::nan("")});
  esp::Trainer<All> trainer{quick_options()};
  const esp::Dataset rows{std::move(table)};
  trainer.fit(rows);
  const esp::Report model = trainer.evaluate(rows);
  const esp::Report report =
      esp::constant_report(trainer.plan().schema, trainer.features().encode(rows));
  CHECK(report.value("click", "auc") == 0.5);
  CHECK(report.value("click", "log_loss") ==
        doctest::Approx(-0.75 * std::log(0.75) - 0.25 * std::log(0.25)));
  CHECK(report.tasks[0].mean == 0.75);
  // The mean of hours is 40, a median is 20.
  for (const char* task : {"hours", "median", "logs", "robust"}) {
    CHECK(report.value(task, "rmse") ==
          doctest::Approx(std::sqrt((900 + 400 + 100 + 3600) / 4.0)).epsilon(1e-5));
    CHECK(report.value(task, "mae") == doctest::Approx((10 + 0 + 10 + 80) / 4.0).epsilon(1e-5));
  }
  CHECK(report.value("shares", "poisson_deviance") ==
        doctest::Approx(2 * (2 * (std::log(0.5) + 1) + 2 * (3 * std::log(1.5) - 1)) / 4));
  CHECK(report.value("kind", "accuracy") == doctest::Approx(2.0 / 3));
  CHECK(report.tasks[5].labelled == 3);
  CHECK(std::isnan(report.tasks[5].mean));
  for (const esp::TaskReport& task : report.tasks) {
    for (const esp::MetricValue& m : task.metrics)
      CHECK_NOTHROW(static_cast<void>(model.at(task.task, m.name)));
  }
}

TEST_CASE("constants: every loss of the library has a metric to compare") {
  espalier_test::for_each_loss([]<class L>(L) {
    CAPTURE(std::string(L::name));
    esp::LabelInfo label;
    label.kind = L::label;
    CHECK_FALSE(esp::constants_detail::aim_of(label, L::name).empty());
  });
}

TEST_CASE("constants: a run says which tasks are worse than the best constant, and by what") {
  const esp::Dataset train = data(800, 1, false);
  // On these rows the learnt relation is reversed.
  const std::string text = said<All>(train, data(400, 2, true));
  const auto line = [&](const std::string& task) {
    const std::size_t at = text.find("task '" + task + "': validation ");
    return at == std::string::npos ? std::string() : text.substr(at, text.find('\n', at) - at);
  };
  CHECK(line("click").starts_with("task 'click': validation log_loss "));
  CHECK(line("click").find(" is worse than that of the best constant, 0.69") != std::string::npos);
  CHECK(line("hours").starts_with("task 'hours': validation rmse "));
  CHECK(line("hours").find("constant, 10.") != std::string::npos);
  CHECK(line("hours").ends_with(
      "If a few of its labels are very large, try Label<\"hours\", Log1p> or Huber"));
  CHECK(line("median").starts_with("task 'median': validation mae "));
  CHECK(line("robust").starts_with("task 'robust': validation mae "));
  CHECK(line("logs").starts_with("task 'logs': validation mae "));
  CHECK(line("shares").starts_with("task 'shares': validation poisson_deviance "));
  CHECK(line("kind").starts_with("task 'kind': validation log_loss "));
  CHECK(
      line("kind").ends_with(": what it learnt does not hold on these rows. More epochs while it "
                             "gets better, else a lower learning "
                             "rate, dropout or weight decay may help"));
  // On similar rows there is nothing to report; neither for a task of weight 0.
  const std::string of_one_kind = said<All>(train, data(400, 2, false), 20);
  CAPTURE(of_one_kind);
  CHECK(of_one_kind.find("constant") == std::string::npos);
  using Measured = esp::Task<"hours", esp::MeanSquaredError, esp::Weight{0}>;
  CHECK(said<Model<Click, Measured>>(train, data(400, 2, true)).find("task 'hours'") ==
        std::string::npos);
}

TEST_CASE("constants: what is called worse is clearly so") {
  esp::Trainer<Model<Click>> trainer{quick_options()};
  const esp::Dataset rows = data(200, 1, false);
  trainer.fit(rows);
  const esp::EncodedData encoded = trainer.features().encode(rows);
  const double constant =
      esp::constant_report(trainer.plan().schema, encoded).value("click", "log_loss");
  const auto notes = [&](double auc, double log_loss) {
    esp::Report report;
    report.tasks.push_back({"click", {{"auc", auc}, {"log_loss", log_loss}}, 200, 0.5});
    const auto all = esp::constant_notes(trainer.plan(), report, encoded);
    return all.empty() ? std::string() : all[0];
  };
  // With 200 samples, a random order has an AUC of 0.5 ± 0.041.
  CHECK(notes(0.6, constant * 1.009).empty());
  CHECK(notes(0.4, constant).empty());
  CHECK(notes(std::nan(""), std::nan("")).empty());
  CHECK(notes(0.3, constant) ==
        "task 'click': validation auc 0.3 is below the 0.5 of a constant: what it learnt does not "
        "hold on "
        "these rows. More epochs while it gets better, else a lower learning rate, dropout or "
        "weight decay may help");
  CHECK(notes(0.7, constant * 2)
            .ends_with(". It ranks (auc 0.7), but its probabilities are off: fewer epochs, dropout "
                       "or weight decay may help"));
  CHECK(notes(0.55, constant * 2).ends_with("may help"));
  CHECK(notes(0.55, constant * 2).find("what it learnt does not hold") != std::string::npos);
}
