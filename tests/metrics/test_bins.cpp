// SPDX-License-Identifier: Apache-2.0
// Calibration bins of equal counts, and the confusion matrix.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "espalier/core/random.hpp"
#include "espalier/metrics/calibration.hpp"
#include "espalier/metrics/class_confusion.hpp"
#include "espalier/metrics/log_loss.hpp"

using namespace espalier;

TEST_CASE("bins of equal counts: as many samples each, in order, equal probabilities together") {
  Random random(3);
  std::vector<double> p(1000), y(1000);
  for (std::size_t i = 0; i < p.size(); ++i) {
    p[i] = 0.05 * random.uniform();
    y[i] = random.bernoulli(p[i]) ? 1 : 0;
  }
  const auto bins = reliability_quantiles(p, y, {}, 8);
  REQUIRE(bins.size() == 8);
  double sum = 0;
  for (std::size_t b = 0; b < 8; ++b) {
    CHECK(bins[b].weight == 125);
    CHECK(bins[b].low <= bins[b].mean_prediction);
    CHECK(bins[b].mean_prediction <= bins[b].high);
    if (b > 0) CHECK(bins[b - 1].high < bins[b].low);
    sum += bins[b].weight * bins[b].mean_label;
  }
  double ones = 0;
  for (const double v : y) ones += v;
  CHECK(sum == doctest::Approx(ones).epsilon(1e-12));

  const std::vector<double> tied{0.5, 0.5, 0.5, 0.5, 0.1, 0.9}, labels{0, 1, 0, 1, 0, std::nan("")};
  const auto two = reliability_quantiles(tied, labels, {}, 5);
  REQUIRE(two.size() == 2);
  CHECK(two[0].weight == 1);
  CHECK(two[1].weight == 4);
  CHECK(two[1].mean_label == 0.5);
  CHECK(two[1].low == 0.5);
  CHECK(two[1].high == 0.5);
  const auto weighted =
      reliability_quantiles(std::vector<double>{0.1, 0.2, 0.3}, std::vector<double>{0, 1, 1},
                            std::vector<double>{2, 1, 1}, 2);
  REQUIRE(weighted.size() == 2);
  CHECK(weighted[0].weight == 2);
  CHECK(weighted[1].mean_prediction == 0.25);
  CHECK(reliability_quantiles(std::vector<double>{0.1}, std::vector<double>{std::nan("")}).empty());
  CHECK_THROWS_WITH_AS(static_cast<void>(reliability_quantiles(p, y, {}, 0)),
                       "reliability_quantiles: bins is 0; expected 1 or more", ConfigError);
}

TEST_CASE("class_confusion counts what class_accuracy counts") {
  const std::vector<double> p{.8, .1, .1, .4, .4, .2, .1, .1, .8, .3, .5, .2},
      y{0, 1, 2, std::nan("")}, w{1, 2, 4, 8};
  // Of equal probabilities the first class counts.
  CHECK(class_confusion(p, y, 3, w) == std::vector<double>{1, 0, 0, 2, 0, 0, 0, 0, 4});
  CHECK(class_accuracy(p, y, 3, w) == 5.0 / 7);
  CHECK_THROWS_WITH_AS(static_cast<void>(class_confusion(p, std::vector<double>{0, 1, 3, 0}, 3)),
                       "class_confusion: label 2 is 3; expected a whole number in [0, 3) or NaN",
                       ConfigError);
}
