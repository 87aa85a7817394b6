// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "espalier/core/random.hpp"
#include "espalier/metrics/evaluate.hpp"
#include "espalier/metrics/metrics.hpp"
#include "espalier/metrics/report.hpp"

using namespace espalier;

namespace {

constexpr double missing = std::numeric_limits<double>::quiet_NaN();

using Doubles = std::vector<double>;

std::string names(const TaskReport& report) {
  std::string text;
  for (const auto& metric : report.metrics) text += metric.name + " ";
  return text;
}

Report example() {
  return {{{"click", {{"auc", 0.73125, Interval{0.7290, 0.7333}}, {"log_loss", 0.5}}, 1000, 0.25},
           {"café", {{"rmse", 123456.0}, {"log_loss", 0.00012}, {"auc", missing}}, 9, missing}}};
}

}  // namespace

TEST_CASE("a report is an aligned table, on any stream") {
  const std::string expected =
      "task   labelled    mean                      auc   log_loss       rmse\n"
      "click      1000  0.2500  0.7312 [0.7290, 0.7333]     0.5000          -\n"
      "café          9       -                      n/a  1.200e-04  1.235e+05\n";
  CHECK(example().to_string() == expected);
  std::ostringstream stream;
  stream << example() << "end";
  CHECK(stream.str() == expected + "end");
  CHECK(Report{}.to_string().empty());
}

TEST_CASE("a value is found by task and metric; what is unknown is answered by what is known") {
  const Report report = example();
  CHECK(report.value("click", "log_loss") == 0.5);
  CHECK(report.at("click", "auc").interval->low == 0.7290);
  CHECK_FALSE(report.at("click", "log_loss").interval.has_value());
  CHECK_THROWS_WITH_AS(static_cast<void>(report.value("buy", "auc")),
                       "the report has no task 'buy'; it has click, café", ConfigError);
  CHECK_THROWS_WITH_AS(static_cast<void>(report.value("click", "rmse")),
                       "task 'click' has no metric 'rmse'; it has auc, log_loss", ConfigError);
  CHECK_THROWS_WITH_AS(static_cast<void>(Report{}.value("click", "rmse")),
                       "the report has no task 'click'; it has none", ConfigError);
}

TEST_CASE("which way is better") {
  for (const auto* name : {"auc", "pr_auc", "gauc", "accuracy", "precision", "recall", "f1", "r2",
                           "ndcg@10", "ndcg@5", "recall@20", "mean_auc", "click/auc", "a/b/f1"})
    CHECK(better_is_higher(name));
  for (const auto* name :
       {"loss", "log_loss", "rmse", "mae", "ece", "poisson_deviance", "watch/rmse"})
    CHECK_FALSE(better_is_higher(name));
  CHECK_THROWS_AS(static_cast<void>(better_is_higher("ratio")), ConfigError);
  CHECK_THROWS_WITH_AS(
      static_cast<void>(better_is_higher("acu")),
      "unknown metric 'acu'; expected one of auc, pr_auc, gauc, mean_auc, accuracy, "
      "precision, recall, f1, r2, mrr, loss, "
      "log_loss, rmse, mae, poisson_deviance, ece, ndcg@k, recall@k",
      ConfigError);
}

TEST_CASE("every kind of label has its metrics, each the one of its function") {
  const Doubles p{0.2, 0.9, 0.4, 0.7, 0.3};
  const Doubles y{0, missing, 1, 1, 0};
  const Doubles w{1, 1, 2, 1, 3};
  const std::vector<int> users{1, 1, 1, 2, 2};
  const TaskReport plain = evaluate_binary("click", p, y);
  CHECK(plain.task == "click");
  CHECK(plain.labelled == 4);
  CHECK(plain.mean == 0.5);
  CHECK(names(plain) == "auc pr_auc log_loss accuracy ece ratio ");
  const Report report{
      {evaluate_binary("click", p, y, {.weights = w, .groups = users, .detailed = true, .k = 1})}};
  CHECK(names(report.tasks[0]) ==
        "auc pr_auc log_loss accuracy ece ratio gauc precision recall f1 ndcg@1 recall@1 ");
  CHECK(report.tasks[0].mean == 3.0 / 7);
  CHECK(report.value("click", "auc") == roc_auc(p, y, w));
  CHECK(report.value("click", "pr_auc") == pr_auc(p, y, w));
  CHECK(report.value("click", "log_loss") == log_loss(p, y, w));
  CHECK(report.value("click", "accuracy") == accuracy(p, y, w));
  CHECK(report.value("click", "ece") == expected_calibration_error(p, y, w));
  CHECK(report.value("click", "ratio") == predicted_over_observed(p, y, w));
  CHECK(report.value("click", "gauc") == grouped_auc(p, y, users, w).value);
  CHECK(report.value("click", "precision") == confusion(p, y, w).precision());
  CHECK(report.value("click", "recall") == confusion(p, y, w).recall());
  CHECK(report.value("click", "f1") == confusion(p, y, w).f1());
  CHECK(report.value("click", "ndcg@1") == ndcg_at_k(p, y, users, 1).value);
  CHECK(report.value("click", "recall@1") == recall_at_k(p, y, users, 1).value);

  const Report others{{evaluate({"watch", "watch", LabelKind::real, 0}, p, y),
                       evaluate({"shares", "shares", LabelKind::count, 0}, p, y),
                       evaluate({"kind", "kind", LabelKind::classes, 2},
                                Doubles{0.25, 0.75, 0.5, 0.5}, Doubles{1, missing}),
                       evaluate({"buy", "buy", LabelKind::binary, 0}, p, y)}};
  CHECK(names(others.tasks[0]) == "rmse mae r2 ");
  CHECK(others.value("watch", "rmse") == rmse(p, y));
  CHECK(others.value("watch", "mae") == mae(p, y));
  CHECK(others.value("watch", "r2") == r2(p, y));
  CHECK(names(others.tasks[1]) == "rmse mae poisson_deviance ");
  CHECK(others.value("shares", "poisson_deviance") == poisson_deviance(p, y));
  CHECK(names(others.tasks[2]) == "log_loss accuracy ");
  CHECK(others.value("kind", "log_loss") == -std::log(0.75));
  CHECK(others.value("kind", "accuracy") == 1);
  CHECK(others.tasks[2].labelled == 1);
  // The mean of class labels has no meaning.
  CHECK(std::isnan(others.tasks[2].mean));
  CHECK(Report{{others.tasks[2]}}.to_string() ==
        "task  labelled  mean  log_loss  accuracy\nkind         1     -    0.2877    1.0000\n");
  const Report nothing{
      {evaluate({"kind", "kind", LabelKind::classes, 2}, Doubles{0.25, 0.75}, Doubles{missing})}};
  CHECK(nothing.to_string() ==
        "task  labelled  mean  log_loss  accuracy\nkind         0   n/a       n/a       n/a\n");
  CHECK(others.value("buy", "auc") == roc_auc(p, y));
}

TEST_CASE("a report's columns are its own, whatever metrics are called") {
  const Report report{{{"a", {{"mean", 1.0}, {"task", 2.0}}, 3, 0.5}}};
  CHECK(report.to_string() ==
        "task  labelled    mean    mean    task\na            3  0.5000  1.0000  2.0000\n");
}

TEST_CASE("resamples of floats are floats: what is clipped is clipped alike") {
  std::vector<float> p(200, 0.3F), y(200, 0.0F);
  for (std::size_t i = 0; i < p.size(); i += 10) {
    p[i] = 0;
    y[i] = 1;
  }
  const TaskReport report = evaluate_binary("click", p, y, {.resamples = 200});
  for (const MetricValue& metric : report.metrics) {
    if (metric.name != "log_loss") continue;
    CHECK(metric.interval->low < metric.value);
    CHECK(metric.value < metric.interval->high);
  }
}

TEST_CASE("intervals on request are those of bootstrap, by group when there are groups") {
  Random random(4);
  Doubles p(80);
  Doubles y(80);
  std::vector<int> users(80);
  for (std::size_t i = 0; i < p.size(); ++i) {
    p[i] = random.uniform();
    y[i] = random.bernoulli(p[i]) ? 1 : 0;
    users[i] = static_cast<int>(i / 8);
  }
  const TaskReport none = evaluate_binary("click", p, y);
  CHECK_FALSE(none.metrics[0].interval.has_value());
  const TaskReport some =
      evaluate_binary("click", p, y, {.resamples = 60, .confidence = 0.9, .seed = 5});
  const Interval expected =
      bootstrap(roc_auc, {p, y}, {.resamples = 60, .confidence = 0.9, .seed = 5});
  CHECK(some.metrics[0].interval->low == expected.low);
  CHECK(some.metrics[0].interval->high == expected.high);
  const TaskReport grouped =
      evaluate_binary("click", p, y, {.groups = users, .resamples = 60, .seed = 5});
  const auto gauc = [](const Samples& s) {
    return grouped_auc(s.predictions, s.labels, s.groups, s.weights).value;
  };
  const Interval by_user =
      bootstrap(gauc, {p, y, {}, users}, {.resamples = 60, .seed = 5, .by_group = true});
  REQUIRE(grouped.metrics[6].name == "gauc");
  CHECK(grouped.metrics[6].interval->low == by_user.low);
  CHECK(grouped.metrics[6].interval->high == by_user.high);
}
