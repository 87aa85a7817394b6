// SPDX-License-Identifier: Apache-2.0
// A NaN among errors is not lost, whatever follows it; other tests rely on this.
#include "support/worst.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <initializer_list>

TEST_CASE("keep_worst: the largest, and a NaN is larger than all") {
  double worst = 0;
  for (const double error : {0.5, 2.0, 1.0}) espalier_test::keep_worst(worst, error);
  CHECK(worst == 2);
  for (const double error : {std::nan(""), 0.1}) espalier_test::keep_worst(worst, error);
  CHECK_FALSE(worst < 1e300);
}
