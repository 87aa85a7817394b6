// SPDX-License-Identifier: Apache-2.0
// Mean and standard deviation of numbers that differ by rounding or very little.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "espalier/core/random.hpp"
#include "espalier/data/transform.hpp"

using espalier::features_detail::Moments;

namespace {

Moments of(const std::vector<double>& values) {
  Moments moments;
  for (const double v : values) moments.add(v);
  return moments;
}

}  // namespace

TEST_CASE("moments: numbers that are equal but for rounding have the scale of a constant, 1") {
  const double twin = 0.1 + 0.2;
  REQUIRE(twin != 0.3);
  std::vector<double> twins, sums;
  espalier::Random random(1);
  for (int i = 0; i < 1000; ++i) {
    twins.push_back(i % 2 == 0 ? 0.3 : twin);
    std::vector<double> parts{0.1, 0.2, 0.3, 1e3, -0.7, 12.5};  // summed in any order
    random.shuffle(parts);
    double sum = 0;
    for (const double x : parts) sum += x;
    sums.push_back(sum);
  }
  CHECK(of(twins).deviation() == 1);
  CHECK(of(sums).deviation() == 1);
  CHECK(of({7, 7, 7}).deviation() == 1);
  CHECK(of({}).deviation() == 1);
}

TEST_CASE("moments: a small spread is one, and so is one of small numbers") {
  CHECK(of({1 - 1e-12, 1 + 1e-12}).deviation() == doctest::Approx(1e-12).epsilon(1e-3));
  CHECK(of({1.65e9, 1.65e9 + 1e-3}).deviation() == doctest::Approx(5e-4).epsilon(1e-3));
  CHECK(of({-1e-20, 1e-20}).deviation() == doctest::Approx(1e-20));
  CHECK(of({1e-300, 2e-300}).deviation() == 1);  // its square underflows
  CHECK(of({-1e200, 3e200}).finite() == false);
}
