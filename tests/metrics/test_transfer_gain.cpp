// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>

#include "espalier/metrics/transfer_gain.hpp"

using namespace espalier;

namespace {

Report scores(double auc, double rmse) {
  return {{{"click", {{"auc", auc}, {"log_loss", 0.5}}, 10, 0.25},
           {"watch", {{"rmse", rmse}}, 10, 1.0}}};
}

}  // namespace

TEST_CASE(
    "a gain is relative, and above 0 where joint training is better, whichever way the metric "
    "points") {
  const TransferGain gain = transfer_gain(scores(0.77, 1.9), scores(0.7, 2.0));
  REQUIRE(gain.tasks.size() == 2);
  CHECK(gain.tasks[0].first == "click");
  CHECK(gain.tasks[0].second == doctest::Approx(0.1));
  CHECK(gain.tasks[1].first == "watch");
  CHECK(gain.tasks[1].second == doctest::Approx(0.05));
  CHECK(gain.mean == doctest::Approx(0.075));
  CHECK(transfer_gain(scores(0.63, 2.2), scores(0.7, 2.0)).mean == doctest::Approx(-0.1));
  CHECK(transfer_gain(scores(0.7, 2.0), scores(0.7, 2.0)).mean == 0);
}

TEST_CASE("a gain of what is undefined, or over nothing, is undefined and left out of the mean") {
  const TransferGain gain = transfer_gain(scores(undefined, 1.9), scores(0.7, 2.0));
  CHECK(std::isnan(gain.tasks[0].second));
  CHECK(gain.mean == doctest::Approx(0.05));
  CHECK(std::isnan(transfer_gain(scores(0.7, 1.0), scores(0.7, 0.0)).tasks[1].second));
  CHECK(std::isnan(transfer_gain(scores(undefined, undefined), scores(0.7, 2.0)).mean));
  CHECK(std::isnan(transfer_gain({}, {}).mean));
}

TEST_CASE("what cannot be compared is refused") {
  Report single = scores(0.7, 2.0);
  single.tasks.pop_back();
  CHECK_THROWS_WITH_AS(static_cast<void>(transfer_gain(scores(0.7, 2.0), single)),
                       "the report has no task 'watch'; it has click", ConfigError);
  Report joint = scores(0.7, 2.0);
  joint.tasks[0].metrics[0].name = "ratio";
  single.tasks[0].metrics[0].name = "ratio";
  CHECK_THROWS_AS(static_cast<void>(transfer_gain(joint, single)), ConfigError);
  joint.tasks[0].metrics.clear();
  CHECK_THROWS_WITH_AS(static_cast<void>(transfer_gain(joint, scores(0.7, 2.0))),
                       "transfer gain: task 'click' has no metric", ConfigError);
}
