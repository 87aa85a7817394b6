// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "espalier/core/buffer.hpp"
#include "espalier/core/random.hpp"
#include "espalier/metrics/metrics.hpp"
#include "golden.inc"

using namespace espalier;

namespace {

constexpr double missing = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

using Doubles = std::vector<double>;

doctest::Approx close(double value) { return doctest::Approx(value).epsilon(1e-12); }

std::vector<float> narrow(const Doubles& values) {
  std::vector<float> result;
  for (const double v : values) result.push_back(static_cast<float>(v));
  return result;
}

template <class Call>
std::string error_of(Call call) {
  try {
    static_cast<void>(call());
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

Doubles head(const Doubles& values) {
  return {values.begin(), values.begin() + static_cast<Index>(golden::ranking_size)};
}

/// ROC-AUC by definition, pair by pair.
double slow_auc(const Doubles& scores, const Doubles& labels, const Doubles& weights) {
  double right = 0;
  double all = 0;
  for (std::size_t i = 0; i < scores.size(); ++i)
    for (std::size_t j = 0; j < scores.size(); ++j)
      if (labels[i] > 0 && labels[j] <= 0) {
        const double w = weights[i] * weights[j];
        right += scores[i] > scores[j] ? w : scores[i] == scores[j] ? 0.5 * w : 0.0;
        all += w;
      }
  return right / all;
}

}  // namespace

TEST_CASE("metrics agree with scikit-learn") {
  using namespace golden;
  CHECK(roc_auc(score, label) == close(expected_roc_auc));
  CHECK(roc_auc(score, label, weight) == close(expected_roc_auc_weighted));
  CHECK(pr_auc(score, label) == close(expected_pr_auc));
  CHECK(pr_auc(score, label, weight) == close(expected_pr_auc_weighted));
  CHECK(log_loss(probability, label) == close(expected_log_loss));
  CHECK(log_loss(probability, label, weight) == close(expected_log_loss_weighted));
  CHECK(log_loss(score, label) == close(expected_log_loss_clipped));
  CHECK(log_loss(score, label, weight) == close(expected_log_loss_clipped_weighted));
  CHECK(expected_calibration_error(probability, label) == close(expected_ece));
  CHECK(expected_calibration_error(probability, label, weight) == close(expected_ece_weighted));
  CHECK(predicted_over_observed(probability, label) == close(expected_ratio));
  CHECK(predicted_over_observed(probability, label, weight) == close(expected_ratio_weighted));
  CHECK(rmse(predicted, target_label) == close(expected_rmse));
  CHECK(rmse(predicted, target_label, weight) == close(expected_rmse_weighted));
  CHECK(mae(predicted, target_label) == close(expected_mae));
  CHECK(mae(predicted, target_label, weight) == close(expected_mae_weighted));
  CHECK(r2(predicted, target_label) == close(expected_r2));
  CHECK(r2(predicted, target_label, weight) == close(expected_r2_weighted));
  CHECK(poisson_deviance(rate, count_label) == close(expected_poisson_deviance));
  CHECK(poisson_deviance(rate, count_label, weight) == close(expected_poisson_deviance_weighted));
  CHECK(class_log_loss_from_logits(logits, klass, 3) == close(expected_class_log_loss));
  CHECK(class_log_loss_from_logits(logits, klass, 3, weight) ==
        close(expected_class_log_loss_weighted));
  CHECK(class_accuracy(logits, klass, 3) == close(expected_class_accuracy));
  CHECK(class_accuracy(logits, klass, 3, weight) == close(expected_class_accuracy_weighted));
  CHECK(constant_log_loss(label) == close(expected_constant_log_loss));
  CHECK(constant_log_loss(label, weight) == close(expected_constant_log_loss_weighted));
  CHECK(constant_rmse(target_label) == close(expected_constant_rmse));
  CHECK(constant_rmse(target_label, weight) == close(expected_constant_rmse_weighted));
  CHECK(constant_mae(target_label) == close(expected_constant_mae));
  CHECK(constant_mae(target_label, weight) == close(expected_constant_mae_weighted));
}

TEST_CASE("confusion counts agree with scikit-learn at two thresholds") {
  using namespace golden;
  Confusion counts = confusion(probability, label);
  CHECK(counts.accuracy() == close(expected_accuracy_50));
  CHECK(counts.precision() == close(expected_precision_50));
  CHECK(counts.recall() == close(expected_recall_50));
  CHECK(counts.f1() == close(expected_f1_50));
  counts = confusion(probability, label, weight, 0.3);
  CHECK(counts.accuracy() == close(expected_accuracy_30_weighted));
  CHECK(counts.precision() == close(expected_precision_30_weighted));
  CHECK(counts.recall() == close(expected_recall_30_weighted));
  CHECK(counts.f1() == close(expected_f1_30_weighted));
  CHECK(accuracy(probability, label, weight) == close(expected_accuracy_50_weighted));
  CHECK(accuracy(probability, label, {}, 0.3) == close(expected_accuracy_30));
  // A probability equal to the threshold is positive.
  CHECK(confusion(Doubles{0.5}, Doubles{1}).true_positive == 1);
}

TEST_CASE("grouped metrics agree with scikit-learn and with brute force over ties") {
  using namespace golden;
  auto gauc = grouped_auc(score, label, user);
  CHECK(gauc.value == close(expected_gauc));
  CHECK(static_cast<double>(gauc.counted) == expected_gauc_counted);
  CHECK(gauc.groups == 7);
  gauc = grouped_auc(score, label, user, weight);
  CHECK(gauc.value == close(expected_gauc_weighted));

  const auto s = head(score);
  const auto y = head(grade);
  const std::vector<std::int64_t> u(user.begin(), user.begin() + static_cast<Index>(ranking_size));
  CHECK(ndcg_at_k(s, y, u, 1).value == close(expected_ndcg_1));
  CHECK(ndcg_at_k(s, y, u, 3).value == close(expected_ndcg_3));
  CHECK(ndcg_at_k(s, y, u).value == close(expected_ndcg_10));
  CHECK(ndcg_at_k(s, y, u, 1, Gain::exponential).value == close(expected_ndcg_1_exponential));
  CHECK(ndcg_at_k(s, y, u, 3, Gain::exponential).value == close(expected_ndcg_3_exponential));
  CHECK(ndcg_at_k(s, y, u, 10, Gain::exponential).value == close(expected_ndcg_10_exponential));
  CHECK(recall_at_k(s, y, u, 1).value == close(expected_recall_1));
  CHECK(recall_at_k(s, y, u, 3).value == close(expected_recall_3));
  CHECK(recall_at_k(s, y, u).value == close(expected_recall_10));
  CHECK(static_cast<double>(recall_at_k(s, y, u).counted) == expected_ranking_counted);
  CHECK(ndcg_at_k(s, y, u).groups == 7);
}

TEST_CASE("ndcg of exponential gains holds for labels that 2^y overflows for") {
  const std::vector<double> scores{1, 2}, labels{2000, 0};
  const std::vector<std::int64_t> groups{7, 7};
  CHECK(ndcg_at_k(scores, labels, groups, 10, Gain::exponential).value ==
        close(1 / std::log2(3.0)));
}

TEST_CASE("reliability bins agree with scikit-learn's calibration curve") {
  const auto bins = reliability_bins(golden::probability, golden::label);
  REQUIRE(bins.size() == 10);
  std::size_t filled = 0;
  double weight = 0;
  for (const auto& bin : bins) {
    weight += bin.weight;
    if (bin.weight == 0) {
      CHECK(std::isnan(bin.mean_label));
      CHECK(std::isnan(bin.mean_prediction));
      continue;
    }
    REQUIRE(filled < golden::reliability_label.size());
    CHECK(bin.mean_label == close(golden::reliability_label[filled]));
    CHECK(bin.mean_prediction == close(golden::reliability_prediction[filled]));
    CHECK(bin.low <= bin.mean_prediction);
    CHECK(bin.mean_prediction < bin.high);
    ++filled;
  }
  CHECK(filled == golden::reliability_label.size());
  CHECK(weight == 50);  // labelled samples
  CHECK(reliability_bins(Doubles{0.0, 0.25, 1.0}, Doubles{0, 0, 1}, {}, 4).back().weight == 1);
  CHECK(reliability_bins(Doubles{0.0, 0.25, 1.0}, Doubles{0, 0, 1}, {}, 4)[1].weight == 1);
  for (int percent = 0; percent < 100; ++percent) {
    const double p = percent / 100.0;  // 100 · p is rounded
    for (const ReliabilityBin& bin : reliability_bins(Doubles{p}, Doubles{0}, {}, 100))
      CHECK((bin.weight > 0) == (bin.low <= p && p < bin.high));
  }
}

TEST_CASE("ROC-AUC equals its definition over random samples with ties and weights") {
  Random random(7);
  for (int round = 0; round < 50; ++round) {
    const auto n = 2 + random.below(60);
    Doubles scores(n);
    Doubles labels(n);
    Doubles weights(n);
    for (std::size_t i = 0; i < n; ++i) {
      scores[i] = static_cast<double>(random.below(12)) - 6;
      labels[i] = random.bernoulli(0.4) ? 1 : 0;
      weights[i] = random.uniform(0.1, 2);
    }
    labels[0] = 0;
    labels[1] = 1;
    CHECK(roc_auc(scores, labels, weights) == close(slow_auc(scores, labels, weights)));
    CHECK(roc_auc(scores, labels) == close(slow_auc(scores, labels, Doubles(n, 1.0))));
  }
}

TEST_CASE("ROC-AUC by hand: right, wrong, constant, infinite scores") {
  const Doubles labels{0, 0, 1, 1};
  CHECK(roc_auc(Doubles{1, 2, 3, 4}, labels) == 1.0);
  CHECK(roc_auc(Doubles{4, 3, 2, 1}, labels) == 0.0);
  CHECK(roc_auc(Doubles{5, 5, 5, 5}, labels) == 0.5);
  CHECK(roc_auc(Doubles{-infinity, 0, 0, infinity}, labels) == 0.875);
  CHECK(pr_auc(Doubles{5, 5, 5, 5}, labels) == 0.5);
}

TEST_CASE("float and double, vectors, spans, arrays and buffers give the same figure") {
  const auto score = narrow(golden::score);
  const auto label = narrow(golden::label);
  const double expected = roc_auc(golden::score, golden::label);
  CHECK(roc_auc(score, label) == expected);
  CHECK(roc_auc(std::span<const float>(score), golden::label) == expected);
  CHECK(roc_auc(std::span<const double>(golden::score), std::span(label)) == expected);
  Buffer<float> buffer(score.size());
  std::copy(score.begin(), score.end(), buffer.begin());
  CHECK(roc_auc(buffer, label) == expected);
  CHECK(roc_auc(std::array{0.25F, 0.75F}, std::array{0.0, 1.0}) == 1.0);
}

TEST_CASE(
    "a missing label is as if the sample were not there, a weight of 2 as if it were there twice") {
  const Doubles p{0.2, 0.9, 0.4, 0.7};
  const Doubles y{0, missing, 1, 1};
  const Doubles p_seen{0.2, 0.4, 0.7};
  const Doubles y_seen{0, 1, 1};
  const Doubles w{1, 5, 2, 1};
  const Doubles p_twice{0.2, 0.4, 0.4, 0.7};
  const Doubles y_twice{0, 1, 1, 1};
  using Metric = double (*)(Values, Values, Values);
  const std::vector<Metric> of_predictions{
      roc_auc,
      pr_auc,
      rmse,
      mae,
      r2,
      poisson_deviance,
      predicted_over_observed,
      log_loss_from_logits,
      [](Values a, Values b, Values c) { return log_loss(a, b, c); },
      [](Values a, Values b, Values c) { return accuracy(a, b, c); },
      [](Values a, Values b, Values c) { return expected_calibration_error(a, b, c); }};
  const std::vector<Metric> of_labels{
      [](Values, Values b, Values c) { return constant_log_loss(b, c); },
      [](Values, Values b, Values c) { return constant_rmse(b, c); },
      [](Values, Values b, Values c) { return constant_mae(b, c); }};
  std::vector<Metric> metrics = of_predictions;
  metrics.insert(metrics.end(), of_labels.begin(), of_labels.end());
  for (const auto metric : metrics) {
    CHECK(metric(p, y, {}) == close(metric(p_seen, y_seen, {})));
    CHECK(metric(p, y, w) == close(metric(p_twice, y_twice, {})));
    CHECK(std::isnan(metric(Doubles{}, Doubles{}, {})));
    CHECK(std::isnan(metric(Doubles{0.5}, Doubles{missing}, {})));
    CHECK(std::isnan(metric(Doubles{0.5}, Doubles{1}, Doubles{0})));
    CHECK_THROWS_AS(metric(p, y, Doubles{1, 2}), ConfigError);
    CHECK_THROWS_AS(metric(p, y, Doubles{1, 1, 1, -1}), ConfigError);
    CHECK_THROWS_AS(metric(p, y, Doubles{1, 1, 1, missing}), ConfigError);
  }
  for (const auto metric : of_predictions) {
    CHECK_THROWS_AS(metric(p_seen, y, {}), ConfigError);
    CHECK_THROWS_AS(metric(Doubles{missing, 0.5}, Doubles{0, 1}, {}), ConfigError);
    // Predictions without a label are not checked.
    CHECK_NOTHROW(metric(Doubles{missing, 0.5, 0.2}, Doubles{missing, 1, 0}, {}));
  }
}

TEST_CASE("undefined metrics are NaN") {
  const Doubles p{0.2, 0.7};
  CHECK(std::isnan(roc_auc(p, Doubles{1, 1})));
  CHECK(std::isnan(roc_auc(p, Doubles{0, 0})));
  CHECK(std::isnan(pr_auc(p, Doubles{0, 0})));
  CHECK(std::isnan(pr_auc(p, Doubles{1, 1})));
  CHECK(std::isnan(r2(p, Doubles{3, 3})));
  // The labels' mean is rounded.
  CHECK(std::isnan(r2(Doubles{0.2, 0.2, 0.2}, Doubles{0.1, 0.1, 0.1})));
  CHECK(std::isnan(r2(Doubles{0.2, 0.2, 0.2}, Doubles{0.1, 0.1, 4}, Doubles{1, 2, 0})));
  CHECK(std::isnan(predicted_over_observed(p, Doubles{0, 0})));
  CHECK(std::isnan(confusion(Doubles{0.1}, Doubles{1}).precision()));
  CHECK(std::isnan(confusion(Doubles{0.9}, Doubles{0}).recall()));
  CHECK(std::isnan(confusion(Doubles{0.1}, Doubles{0}).f1()));
  CHECK(confusion(Doubles{0.1}, Doubles{1}).f1() == 0);
  const std::vector<int> groups{1, 2};
  CHECK(std::isnan(grouped_auc(p, Doubles{0, 1}, groups).value));
  CHECK(grouped_auc(p, Doubles{0, 1}, groups).groups == 2);
  CHECK(grouped_auc(p, Doubles{0, 1}, groups).counted == 0);
  CHECK(std::isnan(ndcg_at_k(p, Doubles{0, 0}, groups).value));
  CHECK(std::isnan(recall_at_k(p, Doubles{0, 0}, groups).value));
  CHECK(std::isnan(class_log_loss(Doubles{0.5, 0.5}, Doubles{missing}, 2)));
}

TEST_CASE("the best constant of classes: their shares, and the most frequent one") {
  const Doubles y{2, 0, 2, missing, 1, 2, 0, 2}, w{1, 1, 1, 9, 5, 0, 1, 1};
  // Of 7 labels 4 are 2, 2 are 0, 1 is 1.
  CHECK(constant_class_accuracy(y, 3) == 4.0 / 7);
  CHECK(constant_class_log_loss(y, 4) ==
        doctest::Approx(4.0 / 7 * std::log(7.0 / 4) + 2.0 / 7 * std::log(7.0 / 2) +
                        1.0 / 7 * std::log(7.0)));
  // Weights 3, 2 and 5 of 10: another class is the most frequent.
  CHECK(constant_class_accuracy(y, 3, w) == 0.5);
  CHECK(constant_class_log_loss(y, 3, w) ==
        doctest::Approx(0.3 * std::log(1 / 0.3) + 0.2 * std::log(5) + 0.5 * std::log(2)));
  CHECK(constant_class_log_loss(Doubles{1, 1}, 2) == 0);
  CHECK(std::isnan(constant_class_accuracy(Doubles{missing}, 2)));
  CHECK(std::isnan(constant_class_log_loss(Doubles{}, 2)));
  CHECK(error_of([] {
          return constant_class_accuracy(Doubles{0, 2}, 2);
        }) == "class_shares: label 1 is 2; expected a whole number in [0, 2) or NaN");
}

TEST_CASE("log-loss: logits of any size, classes of two as binary, clipping by the type") {
  const Doubles labels{1, 0};
  CHECK(log_loss_from_logits(Doubles{-800, 0}, labels) == close((800 + std::log(2.0)) / 2));
  CHECK(log_loss_from_logits(Doubles{800, -800}, labels) == 0);
  CHECK(log_loss_from_logits(Doubles{1.5, -0.25}, labels) ==
        close(log_loss(Doubles{1 / (1 + std::exp(-1.5)), 1 / (1 + std::exp(0.25))}, labels)));
  CHECK(class_log_loss_from_logits(Doubles{0, 1.5, 0, -0.25}, labels, 2) ==
        close(log_loss_from_logits(Doubles{1.5, -0.25}, labels)));
  CHECK(class_log_loss_from_logits(Doubles{0, 2000, 5, 5}, labels, 2) == close(std::log(2.0) / 2));
  CHECK(class_log_loss(Doubles{0.25, 0.75, 0.5, 0.5}, labels, 2) ==
        close(-(std::log(0.75) + std::log(0.5)) / 2));
  CHECK(log_loss(std::vector<float>{0.0F}, Doubles{1}) ==
        close(-std::log(static_cast<double>(std::numeric_limits<float>::epsilon()))));
  CHECK(log_loss(Doubles{0}, Doubles{1}, {}, 0.01) == close(-std::log(0.01)));
  CHECK(std::isinf(log_loss(Doubles{0}, Doubles{1}, {}, 0.0)));
  CHECK(std::isinf(poisson_deviance(Doubles{0}, Doubles{1})));
  CHECK(poisson_deviance(Doubles{0}, Doubles{0}) == 0);
}

TEST_CASE("of equal predictions the first class counts") {
  CHECK(class_accuracy(Doubles{2, 2, 1}, Doubles{0}, 3) == 1);
  CHECK(class_accuracy(Doubles{1, 2, 2}, Doubles{2}, 3) == 0);
}

TEST_CASE("constant scores gain nothing from the order of the data") {
  const std::vector<int> groups(4, 1);
  const Doubles same(4, 0.5);
  CHECK(recall_at_k(same, Doubles{1, 0, 0, 0}, groups, 1).value == 0.25);
  CHECK(recall_at_k(same, Doubles{0, 0, 0, 1}, groups, 1).value == 0.25);
  CHECK(ndcg_at_k(same, Doubles{1, 0, 0, 0}, groups, 2).value ==
        ndcg_at_k(same, Doubles{0, 0, 0, 1}, groups, 2).value);
  CHECK(ndcg_at_k(Doubles{4, 3, 2, 1}, Doubles{3, 2, 1, 0}, groups).value == 1.0);
}

TEST_CASE("errors name the metric, the sample, its value and what was expected") {
  const Doubles two{0.1, 0.9};
  CHECK(error_of([&] {
          return roc_auc(two, Doubles{1, 0, 1});
        }) == "roc_auc: 2 predictions for 3 labels; expected as many");
  CHECK(error_of([&] {
          return log_loss(Doubles{0.5, 1.25}, Doubles{1, 0});
        }) == "log_loss: prediction 1 is 1.25; expected a probability in [0, 1]");
  CHECK(error_of([&] {
          return log_loss(Doubles{0.5, -0.25}, Doubles{1, 0});
        }) == "log_loss: prediction 1 is -0.25; expected a probability in [0, 1]");
  CHECK(error_of([&] {
          return roc_auc(two, Doubles{1, 2});
        }) == "roc_auc: label 1 is 2; expected 0, 1 or NaN");
  CHECK(error_of([&] {
          return roc_auc(Doubles{missing, 1}, Doubles{1, 0});
        }) == "roc_auc: prediction 0 is nan; expected a number");
  CHECK(error_of([&] {
          return rmse(Doubles{infinity, 1}, Doubles{1, 0});
        }) == "rmse: prediction 0 is inf; expected a finite number");
  CHECK(error_of([&] {
          return mae(two, Doubles{infinity, 0});
        }) == "mae: label 0 is inf; expected a finite number");
  CHECK(error_of([&] { return log_loss_from_logits(Doubles{infinity}, Doubles{1}); }) ==
        "log_loss_from_logits: logit 0 is inf; expected a finite number");
  CHECK(error_of([&] { return poisson_deviance(Doubles{-1}, Doubles{1}); }) ==
        "poisson_deviance: prediction 0 is -1; expected a number >= 0");
  CHECK(error_of([&] { return poisson_deviance(Doubles{1}, Doubles{-1}); }) ==
        "poisson_deviance: label 0 is -1; expected a number >= 0 or NaN");
  CHECK(error_of([&] {
          return class_log_loss(Doubles{0.5, 0.5}, Doubles{2}, 2);
        }) == "class_log_loss: label 0 is 2; expected a whole number in [0, 2) or NaN");
  CHECK(error_of([&] {
          return class_accuracy(Doubles{0.5, 0.5}, Doubles{0.5}, 2);
        }) == "class_accuracy: label 0 is 0.5; expected a whole number in [0, 2) or NaN");
  CHECK(error_of([&] {
          return class_log_loss(Doubles{0.5, 0.25}, Doubles{1}, 2);
        }) == "class_log_loss: the sum of probabilities of sample 0 is 0.75; expected 1");
  CHECK(error_of([&] { return class_accuracy(two, Doubles{1}, 1); }) ==
        "class_accuracy: classes is 1; expected 2 or more");
  CHECK(error_of([&] {
          return class_accuracy(Doubles{1, 2, 3}, Doubles{1}, 2);
        }) == "class_accuracy: 3 predictions for 1 labels; expected 2 for each");
  CHECK(error_of([&] {
          return grouped_auc(two, Doubles{1, 0}, std::vector<int>{1});
        }) == "grouped_auc: 1 groups for 2 labels; expected as many");
  CHECK(error_of([&] {
          return ndcg_at_k(two, Doubles{1, -1}, std::vector<int>{1, 1});
        }) == "ndcg_at_k: label 1 is -1; expected a finite number >= 0 or NaN");
  CHECK(error_of([&] {
          return recall_at_k(two, Doubles{1, 0}, std::vector<int>{1, 1}, 0);
        }) == "recall_at_k: k is 0; expected 1 or more");
  CHECK(error_of([&] {
          return expected_calibration_error(two, Doubles{1, 0}, {}, 0);
        }) == "reliability_bins: bins is 0; expected 1 or more");
  CHECK(error_of([&] {
          return accuracy(two, Doubles{1, 0}, {}, missing);
        }) == "confusion: threshold is nan; expected a number");
  CHECK(error_of([&] {
          return log_loss(two, Doubles{1, 0}, {}, 0.5);
        }) == "log_loss: clip is 0.5; expected a number in [0, 0.5)");
}
