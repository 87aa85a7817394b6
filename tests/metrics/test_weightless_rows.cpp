// SPDX-License-Identifier: Apache-2.0
// A row of weight 0 does not affect any metric; label differences within rounding do not count as
// variance.
#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "espalier/core/random.hpp"
#include "espalier/metrics/metrics.hpp"

using namespace espalier;

namespace {

using Doubles = std::vector<double>;

/// Rows with `width` predictions each.
struct Rows {
  std::size_t width = 1;
  Doubles predictions, labels, weights;
  std::vector<std::int64_t> groups;

  void add(const Doubles& p, double y, double w, std::int64_t group) {
    predictions.insert(predictions.end(), p.begin(), p.end());
    labels.push_back(y);
    weights.push_back(w);
    groups.push_back(group);
  }
};

/// Rows, and the same rows mixed with rows of weight 0 that have impossible predictions.
struct Pair {
  Rows plain, strewn;
};

Pair random_rows(Random& random, LabelKind kind) {
  Pair made;
  made.plain.width = made.strewn.width = kind == LabelKind::classes ? 3 : 1;
  const auto label = [&]() -> double {
    if (random.bernoulli(0.1)) return std::nan("");
    if (kind == LabelKind::binary) return random.bernoulli(0.4) ? 1 : 0;
    if (kind == LabelKind::real) return random.normal();
    return static_cast<double>(random.below(3));
  };
  const std::size_t n = 5 + random.below(40);
  for (std::size_t i = 0; i < n; ++i) {
    while (random.bernoulli(0.4)) {
      Doubles impossible(made.plain.width, random.bernoulli(0.5) ? 7.5 : std::nan(""));
      made.strewn.add(impossible, label(), 0, static_cast<std::int64_t>(random.below(8)));
    }
    Doubles p;
    for (std::size_t c = 0; c < made.plain.width; ++c)
      p.push_back(0.1 * static_cast<double>(1 + random.below(9)));  // few distinct values: ties
    if (kind == LabelKind::classes) {
      const double sum = p[0] + p[1] + p[2];
      for (double& x : p) x /= sum;
    }
    const double y = label(), w = random.bernoulli(0.5) ? 1 : random.uniform(0.1, 2);
    const auto group = static_cast<std::int64_t>(random.below(5));
    made.plain.add(p, y, w, group);
    made.strewn.add(p, y, w, group);
  }
  return made;
}

TaskReport report_of(const Rows& rows, LabelKind kind, EvaluateOptions options) {
  options.weights = rows.weights;
  options.groups = rows.groups;
  return evaluate<>(LabelInfo{"task", "task", kind, static_cast<int>(rows.width)}, rows.predictions,
                    rows.labels, options);
}

bool same(double a, double b) {
  return (std::isnan(a) && std::isnan(b)) ||
         std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

}  // namespace

TEST_CASE("metrics: rows of weight 0 change no bit of any report, nor of its intervals") {
  Random random(7);
  for (const LabelKind kind :
       {LabelKind::binary, LabelKind::real, LabelKind::count, LabelKind::classes}) {
    for (int round = 0; round < 40; ++round) {
      const auto [plain, strewn] = random_rows(random, kind);
      const EvaluateOptions options{.detailed = true, .k = 2, .resamples = 20};
      const TaskReport expected = report_of(plain, kind, options);
      const TaskReport found = report_of(strewn, kind, options);
      CHECK(found.labelled == expected.labelled);
      CHECK(same(found.mean, expected.mean));
      REQUIRE(found.metrics.size() == expected.metrics.size());
      for (std::size_t m = 0; m < expected.metrics.size(); ++m) {
        CAPTURE(expected.metrics[m].name);
        CHECK(same(found.metrics[m].value, expected.metrics[m].value));
        CHECK(same(found.metrics[m].interval->low, expected.metrics[m].interval->low));
        CHECK(same(found.metrics[m].interval->high, expected.metrics[m].interval->high));
      }
    }
  }
}

TEST_CASE("metrics: rows of weight 0 change no bit of any function") {
  using Metric = std::function<double(const Rows&)>;
  const std::vector<Metric> of_binary{
      [](const Rows& r) { return roc_auc(r.predictions, r.labels, r.weights); },
      [](const Rows& r) { return pr_auc(r.predictions, r.labels, r.weights); },
      [](const Rows& r) { return log_loss(r.predictions, r.labels, r.weights); },
      [](const Rows& r) { return log_loss_from_logits(r.predictions, r.labels, r.weights); },
      [](const Rows& r) { return expected_calibration_error(r.predictions, r.labels, r.weights); },
      [](const Rows& r) { return predicted_over_observed(r.predictions, r.labels, r.weights); },
      [](const Rows& r) { return confusion(r.predictions, r.labels, r.weights).f1(); },
      [](const Rows& r) { return accuracy(r.predictions, r.labels, r.weights); },
      [](const Rows& r) { return grouped_auc(r.predictions, r.labels, r.groups, r.weights).value; },
      [](const Rows& r) {
        const GroupedValue v =
            ndcg_at_k(r.predictions, r.labels, r.groups, 3, Gain::exponential, r.weights);
        return v.value + static_cast<double>(v.groups + 100 * v.counted);
      },
      [](const Rows& r) {
        const GroupedValue v = recall_at_k(r.predictions, r.labels, r.groups, 3, r.weights);
        return v.value + static_cast<double>(v.groups + 100 * v.counted);
      },
      [](const Rows& r) { return rmse(r.predictions, r.labels, r.weights); },
      [](const Rows& r) { return mae(r.predictions, r.labels, r.weights); },
      [](const Rows& r) { return r2(r.predictions, r.labels, r.weights); },
      [](const Rows& r) { return poisson_deviance(r.predictions, r.labels, r.weights); },
      [](const Rows& r) { return label_mean(r.labels, r.weights); },
      [](const Rows& r) { return constant_log_loss(r.labels, r.weights); },
      [](const Rows& r) { return constant_rmse(r.labels, r.weights); },
      [](const Rows& r) { return constant_mae(r.labels, r.weights); },
      [](const Rows& r) {
        const Interval i =
            bootstrap(roc_auc, {r.predictions, r.labels, r.weights}, {.resamples = 20});
        return i.low + 7 * i.high;
      }};
  Random random(8);
  for (int round = 0; round < 100; ++round) {
    const auto [plain, strewn] = random_rows(random, LabelKind::binary);
    for (std::size_t m = 0; m < of_binary.size(); ++m) {
      CAPTURE(m);
      CHECK(same(of_binary[m](strewn), of_binary[m](plain)));
    }
  }
}

TEST_CASE("metrics: a row of weight 0 takes no place of a ranking; other weights take one each") {
  const Doubles p{.9, .8, .1}, y{0, 1, 1};
  const std::vector<int> group{1, 1, 1};
  EvaluateOptions options{.groups = group, .detailed = true, .k = 1};
  const auto value = [&](const Doubles& weights, const char* metric) {
    options.weights = weights;
    const Report report{{evaluate_binary("t", p, y, options)}};
    return report.value("t", metric);
  };
  CHECK(value({0, 1, 1}, "ndcg@1") == 1);
  CHECK(value({0, 1, 1}, "recall@1") == 0.5);
  const Doubles weightless{0, 1, 1};
  options.weights = weightless;
  CHECK(evaluate_binary("t", p, y, options).labelled == 2);
  CHECK(value({1, 1, 1}, "ndcg@1") == 0);
  CHECK(value({0.001, 5, 1}, "ndcg@1") == 0);
  CHECK(value({0.001, 5, 1}, "recall@1") == 0);
  CHECK_THROWS_AS(static_cast<void>(value({-1, 1, 1}, "ndcg@1")), ConfigError);
}

TEST_CASE("r2 is undefined where the labels differ by rounding alone") {
  const double twin = 0.1 + 0.2;
  REQUIRE(twin != 0.3);
  CHECK(std::isnan(r2(Doubles{0, 1, 0}, Doubles{0.3, twin, 0.3})));
  // A relative difference of 5e-15.
  CHECK(std::isnan(r2(Doubles{1e9, 1e9, 1e9}, Doubles{1e9, 1e9 + 5e-6, 1e9})));
  // A relative difference of 2e-12 is below float precision but counts as variance.
  CHECK(r2(Doubles{1, 1 + 2e-12}, Doubles{1, 1 + 2e-12}) == 1);
  CHECK(r2(Doubles{0, 0}, Doubles{-1e-20, 1e-20}) == 0);
}
