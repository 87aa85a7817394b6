// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <vector>

#include "espalier/core/clock.hpp"
#include "espalier/core/random.hpp"
#include "espalier/core/sort.hpp"

namespace esp = espalier;

TEST_CASE("sort_indices: as a stable sort has it, for any number of values, some equal") {
  esp::Random random(3);
  for (std::size_t n = 0; n < 70; ++n) {
    std::vector<std::size_t> order, expected;
    std::vector<int> values;
    for (std::size_t i = 0; i < n; ++i) values.push_back(static_cast<int>(random.below(1 + n / 4)));
    for (std::size_t i = 0; i < n; ++i) order.push_back(n - 1 - i);  // in any order
    for (std::size_t i = 0; i < n; ++i) expected.push_back(i);
    const auto larger = [&](std::size_t a, std::size_t b) { return values[a] > values[b]; };
    std::stable_sort(expected.begin(), expected.end(), larger);
    esp::sort_indices(order, larger);
    CHECK(order == expected);
  }
}

TEST_CASE("clocks go forward, and count from 1970") {
  const double before = esp::steady_seconds();
  CHECK(esp::steady_seconds() >= before);
  CHECK(esp::wall_time() > 1.7e9);
  CHECK(esp::wall_time() < 1e11);
}
