// SPDX-License-Identifier: Apache-2.0
// Before training, each task predicts the constant that minimizes its loss.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "espalier/describe/sharing/all.hpp"
#include "espalier/losses/losses.hpp"
#include "support/made_up.hpp"

using espalier_test::quick_options;
namespace esp = espalier;

namespace {

using Inputs = esp::Inputs<esp::Numeric<"x">>;
using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Tower<4>>;
using Buy = esp::Task<"buy", esp::BinaryCrossEntropy, esp::Tower<4>>;
using Return = esp::Task<"return", esp::BinaryCrossEntropy, esp::Tower<4>>;

template <class Sharing, class... Tasks>
struct Model : esp::MultiTaskModel<Inputs, Sharing, Tasks...> {};
template <class... Tasks>
using Shared = Model<esp::SharedBottom<esp::Mlp<4>>, Tasks...>;

/// x is 0, so layers output 0 as long as their biases are 0. Of 1000 rows 200 click, 50 of these
/// buy, 10 of these return.
esp::Dataset data() {
  std::vector<double> x(1000, 0.0), click, buy, ret, hours, plays, weight;
  std::vector<std::string> kind;
  for (int i = 0; i < 1000; ++i) {
    click.push_back(i % 5 == 0);
    buy.push_back(i % 20 == 0);
    ret.push_back(i % 100 == 0);
    hours.push_back(i % 10 == 0 ? 100 : i % 5);
    plays.push_back(i % 4);
    weight.push_back(i % 5 == 0 ? 3 : 1);
    kind.push_back(i % 10 == 0 ? "rare" : i % 2 == 0 ? "even" : "odd");
  }
  esp::Table table;
  table.add("x", x);
  table.add("click", click);
  table.add("buy", buy);
  table.add("return", ret);
  table.add("hours", hours);
  table.add("plays", plays);
  table.add("weight", weight);
  table.add("kind", kind);
  return esp::Dataset(std::move(table));
}

/// The outputs of all tasks for the first row after one step with a negligible learning rate.
template <class M>
std::vector<double> start(const std::string& weight = {}) {
  esp::TrainerOptions options = quick_options();
  options.epochs = 1;
  options.batch_size = 1000;
  options.optimizer = esp::Sgd{.learning_rate = 1e-30};
  options.sample_weight = weight;
  esp::Trainer<M> trainer{options};
  trainer.fit(data());
  const esp::Predictions p = trainer.predict(data());
  std::vector<double> first;
  for (std::size_t k = 0; k < p.values.size(); ++k) {
    const std::size_t outputs = p.values[k].size() / 1000;
    for (std::size_t o = 0; o < outputs; ++o) first.push_back(static_cast<double>(p.values[k][o]));
  }
  return first;
}

void check(const std::vector<double>& found, const std::vector<double>& expected) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i)
    CHECK(found[i] == doctest::Approx(expected[i]).epsilon(2e-4));
}

}  // namespace

TEST_CASE("start: rates, means, medians, shares") {
  using Positive =
      esp::Task<"p", esp::BinaryCrossEntropyWith<esp::PositiveWeight{3}>, esp::Label<"click">>;
  using Smooth =
      esp::Task<"s", esp::BinaryCrossEntropyWith<esp::LabelSmoothing{0.1}>, esp::Label<"click">>;
  using Mean = esp::Task<"mean", esp::MeanSquaredError, esp::Label<"hours">>;
  using Median = esp::Task<"median", esp::AbsoluteError, esp::Label<"hours">>;
  using Plain = esp::Task<"plain", esp::MeanSquaredError, esp::Label<"hours", esp::AsIs>>;
  using Plays = esp::Task<"plays", esp::Poisson>;
  using Kind = esp::Task<"kind", esp::SoftmaxCrossEntropy<3>>;
  check(start<Shared<Click, Positive, Smooth, Mean, Plain, Plays>>(),
        {0.2, 0.6 / 1.4, 0.2 * 0.9 + 0.05, 12, 12, 1.5});
  check(start<Shared<Kind>>(), {0.4, 0.5, 0.1});
  // p minimizes −Σ share · weight · log p: p is share · weight, normalized to a sum of 1.
  using Heavy = esp::Task<"kind", esp::SoftmaxCrossEntropy<3, esp::ClassWeights{1, 4, 2}>>;
  check(start<Shared<Heavy>>(), {0.4 / 2.6, 2.0 / 2.6, 0.2 / 2.6});
  // Weighted logistic: the odds equal the mean. Focal: the zero of its derivative for a share of
  // 0.2 positives, by bisection. Huber, of 0, 1, 1, 2, 2, 3, 3, 4, 4 and 100: Σ clamp(z − y, −1, 1)
  // is 3 + 4 (z − 2.5) − 3 for z between 2 and 3.
  using Odds = esp::Task<"odds", esp::WeightedLogistic, esp::Label<"plays">>;
  using Rare = esp::Task<"rare", esp::Focal<>, esp::Label<"click">>;
  using Robust = esp::Task<"robust", esp::Huber<>, esp::Label<"hours">>;
  check(start<Shared<Odds, Rare, Robust>>(), {1.5, 0.28355882, 2.5});
  // At least half of the labels are ≤ 2 and at least half are ≥ 3.
  const double median = start<Shared<Median>>()[0];
  CHECK(median > 1.999);
  CHECK(median < 3.001);
}

TEST_CASE("start: sample weights count") {
  // 200 clicks of weight 3, 800 other rows of weight 1.
  check(start<Shared<Click>>("weight"), {600.0 / 1400});
}

TEST_CASE("start: a step of a funnel starts at its rate among those of the step before") {
  check(start<Model<esp::Esmm<esp::Mlp<4>, "click", "buy", "return">, Click, Buy, Return>>(),
        {0.2, 0.05, 0.01});
  // The conversion head starts at the conditional rate, 0.05 / 0.2.
  esp::TrainerOptions options = quick_options();
  options.epochs = 1;
  options.optimizer = esp::Sgd{.learning_rate = 1e-30};
  esp::Trainer<Model<esp::Esmm<esp::Mlp<4>, "click", "buy">, Click, Buy>> trainer{options};
  trainer.fit(data());
  int found = 0;
  for (const esp::ParameterInfo& tensor : trainer.plan().tensors) {
    found += tensor.name.view() == "click/dense1/bias" || tensor.name.view() == "buy/dense1/bias"
                 ? 1
                 : 0;
    const float bias = trainer.parameters().dense[static_cast<std::size_t>(tensor.offset)];
    if (tensor.name.view() == "click/dense1/bias")
      CHECK(bias == doctest::Approx(std::log(0.2 / 0.8)).epsilon(1e-4));
    if (tensor.name.view() == "buy/dense1/bias")
      CHECK(bias == doctest::Approx(std::log(0.25 / 0.75)).epsilon(1e-4));
  }
  CHECK(found == 2);
}

TEST_CASE("start: whatever stands between heads and logits passes it on") {
  check(start<Model<esp::SingleTask<esp::Mlp<4>>, Click, Buy>>(), {0.2, 0.05});
  check(start<Model<
            esp::Escm2<esp::Mlp<4>, esp::Ipw<esp::Weight{0.1}, esp::Floor{0.1}>, "click", "buy">,
            Click, Buy>>(),
        {0.2, 0.05});
  check(start<Model<esp::Aitm<esp::Mlp<4>, "click", "buy">, Click, Buy>>(), {0.2, 0.05});
  check(
      start<Model<esp::Dbmtl<esp::Mlp<4>, esp::Mlp<4>, esp::Reads<"buy", "click">>, Click, Buy>>(),
      {0.2, 0.05});
  // All tasks share these critics, so no bias belongs to one task.
  check(start<Model<esp::MetaHeac<2, 2, 4, esp::Mlp<4>>, Click, Buy>>(), {0.5, 0.5});
}

TEST_CASE("start: labels that are all alike start at a rate near them, not at infinity") {
  using All = esp::Task<"all", esp::BinaryCrossEntropy, esp::Label<"x", esp::AtLeast<0>>>;
  using None = esp::Task<"none", esp::Poisson, esp::Label<"x">>;
  const std::vector<double> found = start<Shared<All, None>>();
  CHECK(found[0] > 0.998);
  CHECK(found[0] < 1);
  CHECK(found[1] > 0);
  CHECK(found[1] < 0.002);
}
