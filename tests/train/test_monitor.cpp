// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "espalier/train/monitor.hpp"
#include "support/made_up.hpp"

using namespace espalier_test;

namespace {

using Rating = esp::Task<"rating", esp::SoftmaxCrossEntropy<3>>;
struct Mixed : esp::MultiTaskModel<esp::Inputs<esp::Numeric<"x">>, esp::SharedBottom<esp::Mlp<4>>,
                                   Click, Watch, Rating> {};
struct Regression
    : esp::MultiTaskModel<esp::Inputs<esp::Numeric<"x">>, esp::SharedBottom<esp::Mlp<4>>, Watch> {};

template <int W>
using Buy = esp::Task<"buy", esp::BinaryCrossEntropy, esp::Weight{W}>;
struct Five
    : esp::MultiTaskModel<esp::Inputs<esp::Numeric<"x">>, esp::SharedBottom<esp::Mlp<4>>, Click,
                          Watch, Rating, Buy<1>, esp::Task<"rare", esp::BinaryCrossEntropy>,
                          esp::Task<"measured", esp::BinaryCrossEntropy, esp::Weight{0}>> {};

const esp::PlanView& mixed = esp::plan_of<Mixed>();

std::string error_of(const char* what, bool grouped = false) {
  return message_of([&] { esp::Monitor(mixed, what, grouped); });
}

/// Two samples; labels are stored task by task.
esp::EncodedData labels(std::vector<float> values, std::vector<float> weights = {}) {
  esp::EncodedData data;
  data.samples = 2;
  data.tasks = 3;
  data.labels = std::move(values);
  data.weights = std::move(weights);
  return data;
}

const float none = std::numeric_limits<float>::quiet_NaN();

}  // namespace

TEST_CASE("monitor: what is watched must be a metric that the task has") {
  CHECK(error_of("loss") == "accepted");
  CHECK(error_of("mean_auc") == "accepted");
  CHECK(error_of("click/auc") == "accepted");
  CHECK(error_of("watch/rmse") == "accepted");
  CHECK(error_of("rating/accuracy") == "accepted");
  CHECK(error_of("click/gauc", true) == "accepted");
  CHECK(error_of("auc") ==
        "monitor is 'auc', expected 'loss', 'mean_auc', 'click/<metric>', 'watch/<metric>', "
        "'rating/<metric>'");
  CHECK(error_of("buy/auc") ==
        "monitor is 'buy/auc', expected 'loss', 'mean_auc', 'click/<metric>', 'watch/<metric>', "
        "'rating/<metric>'");
  CHECK(error_of("") ==
        "monitor is '', expected 'loss', 'mean_auc', 'click/<metric>', 'watch/<metric>', "
        "'rating/<metric>'");
  CHECK(error_of("click/rmse") ==
        "monitor 'click/rmse': task 'click' has no metric 'rmse'; it has auc, pr_auc, log_loss, "
        "accuracy, ece, ratio");
  CHECK(error_of("watch/auc") ==
        "monitor 'watch/auc': task 'watch' has no metric 'auc'; it has rmse, mae, r2");
  CHECK(error_of("click/gauc").find("has no metric 'gauc'") != std::string::npos);
  CHECK(error_of("click/ratio") ==
        "monitor 'click/ratio': metric 'ratio' is best at 1: neither higher nor lower is better");
  CHECK(message_of([] { esp::Monitor(esp::plan_of<Regression>(), "mean_auc"); }) ==
        "monitor 'mean_auc': the model has no binary task of a weight above 0");
}

TEST_CASE("monitor: which way is better, and NaN never is") {
  const double nan = std::nan("");
  const esp::Monitor loss(mixed, "loss"), auc(mixed, "mean_auc"), rmse(mixed, "watch/rmse"),
      r2(mixed, "watch/r2");
  CHECK(loss.better(1, 2));
  CHECK_FALSE(loss.better(2, 2));
  CHECK_FALSE(loss.better(3, 2));
  CHECK(auc.better(0.7, 0.6));
  CHECK_FALSE(auc.better(0.5, 0.6));
  CHECK(rmse.better(1, 2));
  CHECK(r2.better(0.2, 0.1));
  for (const esp::Monitor* m : {&loss, &auc}) {
    CHECK_FALSE(m->better(nan, 1));
    CHECK(m->better(1, nan));
    CHECK_FALSE(m->better(nan, nan));
  }
}

TEST_CASE("monitor: the value of a report") {
  esp::Report report;
  report.tasks.push_back({"click", {{"auc", 0.7}}});
  report.tasks.push_back({"watch", {{"rmse", 1.5}}});
  report.tasks.push_back({"rating", {{"log_loss", 0.9}}});
  CHECK(esp::Monitor(mixed, "loss").value(report, 2.5) == 2.5);
  CHECK(esp::Monitor(mixed, "mean_auc").value(report, 2.5) == 0.7);
  CHECK(esp::Monitor(mixed, "watch/rmse").value(report, 2.5) == 1.5);
  report.tasks.push_back({"buy", {{"auc", 0.8}}});
  report.tasks.push_back({"rare", {{"auc", std::nan("")}}});
  report.tasks.push_back({"measured", {{"auc", 0.1}}});
  CHECK(esp::Monitor(esp::plan_of<Five>(), "mean_auc").value(report, 2.5) == doctest::Approx(0.75));
  CHECK(esp::Monitor(esp::plan_of<Five>(), "measured/auc").value(report, 2.5) == 0.1);
}

TEST_CASE(
    "monitor: tasks of weight 0 decide neither the loss nor the mean AUC, unless all have that") {
  using Inputs = esp::Inputs<esp::Numeric<"x">>;
  struct Measured : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<4>>, Watch, Buy<0>> {};
  struct Nothing : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<4>>, Buy<0>> {};
  CHECK(message_of([] { esp::Monitor(esp::plan_of<Measured>(), "mean_auc"); }) ==
        "monitor 'mean_auc': the model has no binary task of a weight above 0");
  esp::Report report;
  report.tasks.push_back({"buy", {{"auc", 0.3}}});
  CHECK(esp::Monitor(esp::plan_of<Nothing>(), "mean_auc").value(report, 2.5) == 0.3);
  esp::EncodedData data;
  data.samples = 2;
  data.tasks = 2;
  data.labels = {none, none, 0, 1};
  CHECK(message_of([&] {
          esp::Monitor(esp::plan_of<Measured>(), "loss").check(data);
        }).starts_with("monitor 'loss' is undefined on the validation split"));
  CHECK(message_of([&] { esp::Monitor(esp::plan_of<Measured>(), "buy/auc").check(data); }) ==
        "accepted");
}

TEST_CASE("monitor: a validation split that cannot tell is refused") {
  const auto check = [](const char* what, const esp::EncodedData& data) {
    return message_of([&] { esp::Monitor(mixed, what).check(data); });
  };
  const std::string undefined =
      " is undefined on the validation split: it has no labels for it, or only one class of them";
  const auto all = labels({0, 1, 2, 3, 0, 2}), one_class = labels({1, 1, 2, 3, 0, 2}),
             no_labels = labels({none, none, none, none, none, none}),
             constant = labels({0, 1, 2, 2, 0, 2});
  for (const char* what :
       {"loss", "mean_auc", "click/auc", "watch/rmse", "watch/r2", "rating/log_loss"}) {
    CAPTURE(what);
    CHECK(check(what, all) == "accepted");
    CHECK(check(what, no_labels) == "monitor '" + std::string(what) + "'" + undefined);
  }
  CHECK(check("loss", one_class) == "accepted");
  CHECK(check("click/log_loss", one_class) == "accepted");
  CHECK(check("click/auc", one_class) == "monitor 'click/auc'" + undefined);
  CHECK(check("mean_auc", one_class) == "monitor 'mean_auc'" + undefined);
  CHECK(check("watch/r2", constant) == "monitor 'watch/r2'" + undefined);
  // No sample has a weight.
  CHECK(check("loss", labels({0, 1, 2, 3, 0, 2}, {0, 0})) == "monitor 'loss'" + undefined);
  CHECK(check("click/auc", labels({0, 1, 2, 3, 0, 2}, {1, 0})) ==
        "monitor 'click/auc'" + undefined);
  CHECK(check("loss", labels({none, none, 2, none, none, none})) == "accepted");
}
