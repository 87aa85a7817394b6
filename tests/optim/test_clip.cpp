// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "espalier/core/random.hpp"
#include "espalier/optim/clip.hpp"

using namespace espalier;

TEST_CASE_TEMPLATE("the sum of squares is right at every size, and the sum of its chunks", T, float,
                   double) {
  Random random(3);
  std::vector<T> values(2 * static_cast<std::size_t>(norm_chunk) + 33);
  for (auto& v : values) v = static_cast<T>(random.normal());
  for (Index n = 0; n <= 33; ++n) {
    long double expected = 0;
    for (Index i = 0; i < n; ++i) {
      const auto v = static_cast<long double>(values[static_cast<std::size_t>(i) + 1]);
      expected += v * v;
    }
    CHECK(sum_of_squares(values.data() + 1, n) ==
          doctest::Approx(static_cast<double>(expected)).epsilon(1e-14));
  }
  double chunks = chunk_sum_of_squares(values.data(), norm_chunk);
  chunks += chunk_sum_of_squares(values.data() + norm_chunk, norm_chunk);
  chunks += chunk_sum_of_squares(values.data() + 2 * norm_chunk, 33);
  CHECK(sum_of_squares(values.data(), 2 * norm_chunk + 33) == chunks);
}

TEST_CASE("a float sum does not lose small terms") {
  std::vector<float> values(100000, 1e-4F);
  values[0] = 1e4F;
  const double small = static_cast<double>(1e-4F);
  CHECK(sum_of_squares(values.data(), 100000) - 1e8 ==
        doctest::Approx(99999 * small * small).epsilon(1e-4));
}

TEST_CASE("the clipping factor") {
  CHECK(clip_factor(0, 1) == 1);
  CHECK(clip_factor(0.81, 1) == 1);
  CHECK(clip_factor(16, 1) == 1 / (4 + 1e-6));
  CHECK(clip_factor(16, 2) * 4 == doctest::Approx(2).epsilon(1e-6));
  CHECK(clip_factor(1e30, std::numeric_limits<double>::infinity()) == 1);
  CHECK(std::isnan(clip_factor(std::numeric_limits<double>::quiet_NaN(), 1)));
  CHECK(clip_factor(std::numeric_limits<double>::infinity(), 1) == 0);
  CHECK_THROWS_WITH_AS(static_cast<void>(clip_factor(1, 0)),
                       "clip: max_norm is 0; expected a number > 0", ConfigError);
  CHECK_THROWS_AS(static_cast<void>(clip_factor(1, std::numeric_limits<double>::quiet_NaN())),
                  ConfigError);
}
