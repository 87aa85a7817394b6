// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "espalier/core/random.hpp"
#include "espalier/metrics/auc.hpp"
#include "espalier/metrics/baselines.hpp"
#include "espalier/metrics/bootstrap.hpp"
#include "espalier/metrics/log_loss.hpp"
#include "espalier/metrics/regression.hpp"

using namespace espalier;

namespace {

using Doubles = std::vector<double>;

double mean_of(const Samples& samples) { return label_mean(samples.labels, samples.weights); }

Doubles normals(std::size_t n, std::uint64_t seed) {
  Random random(seed);
  Doubles values(n);
  for (auto& v : values) v = random.normal();
  return values;
}

}  // namespace

TEST_CASE("the interval of a mean is the one of the normal approximation") {
  const Doubles y = normals(400, 3);
  const double mean = label_mean(y);
  const double error = constant_rmse(y) / std::sqrt(400.0);
  const Interval wide = bootstrap(mean_of, {y, y}, {.resamples = 4000});
  CHECK(std::abs(wide.low - (mean - 1.96 * error)) < 0.15 * error);
  CHECK(std::abs(wide.high - (mean + 1.96 * error)) < 0.15 * error);
  const Interval half = bootstrap(mean_of, {y, y}, {.resamples = 4000, .confidence = 0.5});
  CHECK(std::abs(half.low - (mean - 0.6745 * error)) < 0.15 * error);
  CHECK(std::abs(half.high - (mean + 0.6745 * error)) < 0.15 * error);
}

TEST_CASE("the interval covers the truth about as often as it says") {
  int covered = 0;
  for (std::uint64_t trial = 0; trial < 300; ++trial) {
    const Doubles y = normals(60, 100 + trial);
    const Interval interval =
        bootstrap(mean_of, {y, y}, {.resamples = 200, .confidence = 0.8, .seed = trial});
    if (interval.low <= 0 && 0 <= interval.high) ++covered;
  }
  CHECK(covered > 210);  // expected 240, standard deviation 7
  CHECK(covered < 265);
}

TEST_CASE("a quantile that is a value is that value, beside an infinity too") {
  std::vector<double> values(41, std::numeric_limits<double>::infinity());
  values[0] = 0.5;
  values[1] = 1;
  CHECK(metrics_detail::percentile_interval(values, 0.95).low == 1);
  CHECK(metrics_detail::percentile_interval({3, 1, 2}, 0.5).low == 1.5);
  values.resize(21);
  values[0] = -std::numeric_limits<double>::infinity();
  CHECK(metrics_detail::percentile_interval(values, 0.9).low == 1);
}

TEST_CASE("the same seed gives the same interval, another seed another") {
  const Doubles s = normals(100, 5);
  Doubles y(100);
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = i % 3 == 0 ? 1 : 0;
  const Interval a = bootstrap(roc_auc, {s, y}, {.resamples = 50, .seed = 9});
  const Interval b = bootstrap(roc_auc, {s, y}, {.resamples = 50, .seed = 9});
  const Interval c = bootstrap(roc_auc, {s, y}, {.resamples = 50, .seed = 10});
  CHECK(a.low == b.low);
  CHECK(a.high == b.high);
  CHECK(a.low != c.low);
  CHECK(a.low < roc_auc(s, y));
  CHECK(roc_auc(s, y) < a.high);
}

TEST_CASE("drawing groups is wider than drawing samples when a group's samples are alike") {
  Doubles y;
  std::vector<int> groups;
  const Doubles levels = normals(50, 8);
  for (std::size_t g = 0; g < levels.size(); ++g)
    for (int i = 0; i < 16; ++i) {
      y.push_back(levels[g]);
      groups.push_back(static_cast<int>(g));
    }
  const Interval samples = bootstrap(mean_of, {y, y, {}, groups}, {.resamples = 1000});
  const Interval whole =
      bootstrap(mean_of, {y, y, {}, groups}, {.resamples = 1000, .by_group = true});
  const double widening = (whole.high - whole.low) / (samples.high - samples.low);
  CHECK(widening > 3.4);  // expected √16
  CHECK(widening < 4.6);
}

TEST_CASE("a group drawn twice is two groups, whole, with its own predictions and weights") {
  const Doubles p{1, 2, 3, 4, 5, 6};
  const Doubles y{10, 20, 30, 40, 50, 60};
  const Doubles w{1, 2, 3, 4, 5, 6};
  const std::vector<std::int64_t> groups{7, 7, 7, -2, -2, -2};
  const auto check = [&](const Samples& drawn) {
    std::set<std::int64_t> names;
    CHECK(drawn.labels.size() == 6);
    for (std::size_t i = 0; i < drawn.labels.size(); ++i) {
      CHECK(drawn.labels[i] == 10 * drawn.predictions[i]);
      CHECK(drawn.weights[i] == drawn.predictions[i]);
      CHECK((drawn.predictions[i] <= 3) == (drawn.predictions[i / 3 * 3] <= 3));
      names.insert(drawn.groups[i]);
    }
    CHECK(names.size() == 2);
    return 0.0;
  };
  static_cast<void>(bootstrap(check, {p, y, w, groups}, {.resamples = 20, .by_group = true}));
}

TEST_CASE("the predictions of classes stay together") {
  const Doubles p{0.7, 0.3, 0.4, 0.6, 0.1, 0.9};
  const Doubles y{0, 1, 1};
  const auto loss = [](const Samples& s) {
    return class_log_loss(s.predictions, s.labels, 2, s.weights);
  };
  const Interval interval = bootstrap(loss, {p, y}, {.resamples = 200, .confidence = 0.999});
  CHECK(interval.low >= -std::log(0.9) - 1e-12);
  CHECK(interval.high <= -std::log(0.6) + 1e-12);
  CHECK(interval.low < interval.high);
}

TEST_CASE("undefined resamples are left out; none defined gives NaN; nothing to draw gives NaN") {
  const Doubles s{0.1, 0.9, 0.8};
  const Interval some = bootstrap(roc_auc, {s, Doubles{0, 1, 1}}, {.resamples = 100});
  CHECK(some.low == 1);  // 0.1 ranks below both others in every resample with both classes
  CHECK(some.high == 1);
  CHECK(std::isnan(bootstrap(roc_auc, {s, Doubles{1, 1, 1}}).low));
  CHECK(std::isnan(bootstrap(roc_auc, {Doubles{}, Doubles{}}).high));
  CHECK(std::isnan(
      bootstrap(roc_auc, {Doubles{}, Doubles{}, {}, std::vector<int>{}}, {.by_group = true}).high));
}

TEST_CASE("options and sizes out of range throw") {
  const Doubles s{0.1, 0.9};
  const Doubles y{0, 1};
  CHECK_THROWS_WITH_AS(static_cast<void>(bootstrap(roc_auc, {s, y}, {.resamples = 1})),
                       "bootstrap: resamples is 1; expected 2 or more", ConfigError);
  CHECK_THROWS_WITH_AS(static_cast<void>(bootstrap(roc_auc, {s, y}, {.confidence = 1})),
                       "bootstrap: confidence is 1; expected a number in (0, 1)", ConfigError);
  CHECK_THROWS_WITH_AS(static_cast<void>(bootstrap(roc_auc, {s, y}, {.by_group = true})),
                       "bootstrap: 0 groups for 2 labels; expected as many", ConfigError);
  CHECK_THROWS_WITH_AS(static_cast<void>(bootstrap(roc_auc, {Doubles{1, 2, 3}, y})),
                       "bootstrap: 3 predictions for 2 labels; expected as many", ConfigError);
}
