// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "espalier/metrics/metrics.hpp"
#include "support/message_of.hpp"

namespace esp = espalier;
using espalier_test::message_of;

TEST_CASE("ranks: recall, ndcg and reciprocal rank by hand, with weights and missing labels") {
  const float infinite = std::numeric_limits<float>::infinity();
  const std::vector<float> ranks{1, 3, 11, infinite, 2}, labels{5, 5, 5, 0, std::nanf("")};
  CHECK(esp::recall_of_ranks(ranks, labels, 10) == 0.5);
  CHECK(esp::recall_of_ranks(ranks, labels, 11) == 0.75);
  CHECK(esp::ndcg_of_ranks(ranks, labels, 10) == doctest::Approx((1 + 0.5) / 4));
  CHECK(esp::mean_reciprocal_rank(ranks, labels) == doctest::Approx((1 + 1.0 / 3 + 1.0 / 11) / 4));
  const std::vector<double> weights{2, 0, 1, 1, 1};
  CHECK(esp::recall_of_ranks(ranks, labels, 10, weights) == 0.5);
  const std::vector<float> none{std::nanf("")};
  CHECK(std::isnan(esp::recall_of_ranks(std::vector<float>{1}, none, 10)));

  const esp::TaskReport report = esp::evaluate_items("next", ranks, labels, {.k = 3});
  REQUIRE(report.metrics.size() == 3);
  CHECK(report.metrics[0].name == "ndcg@3");
  CHECK(report.metrics[1].value == 0.5);
  CHECK(report.labelled == 4);
  CHECK(std::isnan(report.mean));
  CHECK(esp::better_is_higher("next/mrr"));
}

TEST_CASE("ranks: what is no rank is refused") {
  const std::vector<float> label{1};
  CHECK(message_of([&] { static_cast<void>(esp::recall_of_ranks(label, label, 0)); }) ==
        "recall@k: k is 0, expected 1 or more");
  for (const float rank : {0.5F, std::nanf("")}) {
    CHECK(message_of([&] {
            static_cast<void>(esp::mean_reciprocal_rank(std::vector<float>{rank}, label));
          }).find("; expected 1 or more") != std::string::npos);
  }
}
