// SPDX-License-Identifier: Apache-2.0
// The simulated feed has the probabilities, rates and biases that it states.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "espalier/core/random.hpp"
#include "espalier/data/simulator.hpp"
#include "espalier/data/table.hpp"
#include "small_feed.hpp"

using espalier::FeedOptions;
using espalier::FeedSimulator;
using espalier::FeedTruth;
using espalier::FeedWorld;
using espalier::Index;
using espalier::Random;
using espalier::simulate_feed;
using espalier::Table;
using espalier_test::small;

namespace {

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double v : values) sum += v;
  return sum / static_cast<double>(values.size());
}

/// (observed − expected) / standard deviation of Σ yᵢ, where yᵢ is 1 with probability pᵢ.
double deviation(const std::vector<double>& happened, const std::vector<double>& p,
                 const std::vector<bool>& of) {
  double difference = 0, variance = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (!of[i]) continue;
    difference += happened[i] - p[i];
    variance += p[i] * (1 - p[i]);
  }
  return difference / std::sqrt(variance);
}

}  // namespace

TEST_CASE("simulator: what happens has the probabilities that the truth states") {
  const Table feed = simulate_feed(small(200'000));
  struct Pair {
    const char* happened;
    const char* p;
  };
  const auto& click_p = feed.numbers("p_click");
  std::vector<double> sorted = click_p;
  std::nth_element(sorted.begin(), sorted.begin() + 100'000, sorted.end());
  const double median = sorted[100'000];
  for (const Pair& pair :
       {Pair{"is_click", "p_click"}, Pair{"long_view", "p_long_view"}, Pair{"is_like", "p_like"},
        Pair{"is_follow", "p_follow"}, Pair{"is_comment", "p_comment"},
        Pair{"is_forward", "p_forward"}, Pair{"is_hate", "p_hate"}}) {
    CAPTURE(pair.p);
    const auto& p = feed.numbers(pair.p);
    std::vector<bool> low(p.size()), high(p.size());
    for (std::size_t i = 0; i < p.size(); ++i) {
      REQUIRE(p[i] > 0);
      REQUIRE(p[i] < 1);
      low[i] = click_p[i] < median;
      high[i] = !low[i];
    }
    // Tested for each half of the impressions: a constant would fail.
    CHECK(std::abs(deviation(feed.numbers(pair.happened), p, low)) < 4.5);
    CHECK(std::abs(deviation(feed.numbers(pair.happened), p, high)) < 4.5);
  }
  for (std::size_t i = 0; i < click_p.size(); ++i) {
    REQUIRE(feed.numbers("p_long_view")[i] ==
            click_p[i] * feed.numbers("p_long_view_given_click")[i]);
  }
}

TEST_CASE("simulator: expected_watch is the mean of what is watched") {
  const Table feed = simulate_feed(small(300'000));
  const auto& expected = feed.numbers("expected_watch");
  const auto& played = feed.numbers("play_time_ms");
  for (const bool liked : {false, true}) {  // expected watch time above 20 s or not
    double sum = 0, squares = 0, n = 0;
    for (std::size_t i = 0; i < played.size(); ++i) {
      if ((expected[i] > 20) != liked) continue;
      const double d = played[i] / 1000 - expected[i];
      sum += d;
      squares += d * d;
      ++n;
    }
    REQUIRE(n > 10'000);
    CHECK(std::abs(sum / n) < 4.5 * std::sqrt(squares) / n);
  }
}

TEST_CASE("simulator: rates are those of a real feed") {
  const Table feed = simulate_feed();
  CHECK(mean(feed.numbers("is_click")) == doctest::Approx(0.36).epsilon(0.1));
  CHECK(mean(feed.numbers("long_view")) == doctest::Approx(0.26).epsilon(0.1));
  CHECK(mean(feed.numbers("is_like")) == doctest::Approx(0.016).epsilon(0.2));
  std::vector<double> played = feed.numbers("play_time_ms");
  std::sort(played.begin(), played.end());
  const double median = played[played.size() / 2];
  CHECK(median > 2000);
  CHECK(median < 8000);
  CHECK(mean(played) > 3 * median);  // heavy-tailed
  CHECK(played[played.size() * 99 / 100] > 20 * median);
}

TEST_CASE("simulator: selection bias is real, and an option") {
  FeedOptions options;
  options.users = 2000;
  options.items = 1000;
  options.impressions = 30'000;
  const auto shown = [&](double bias, double popularity) {
    options.selection_bias = bias;
    options.popularity = popularity;
    return simulate_feed(options);
  };
  // The same users, tabs and hours with random videos.
  const Table biased = shown(1, 1.2);
  const FeedSimulator simulator(options);
  Random random(77);
  double anything = 0;
  for (Index i = 0; i < options.impressions; ++i) {
    const espalier::FeedImpression made = simulator.impression(i);
    const auto item = static_cast<Index>(random.below(static_cast<std::uint64_t>(options.items)));
    anything += simulator.world().truth(made.user, item, made.context).click /
                static_cast<double>(options.impressions);
  }
  CHECK(mean(biased.numbers("p_click")) > anything + 0.08);
  // Without preference and popularity any pair is shown; more preference gives more clicks.
  CHECK(mean(shown(0, 0).numbers("p_click")) == doctest::Approx(anything).epsilon(0.03));
  CHECK(mean(shown(3, 1.2).numbers("p_click")) > mean(biased.numbers("p_click")) + 0.03);
  // Exploration shows any video.
  double explored = 0, count = 0;
  for (std::size_t i = 0; i < biased.numbers("is_rand").size(); ++i) {
    count += biased.numbers("is_rand")[i];
    explored += biased.numbers("is_rand")[i] * biased.numbers("p_click")[i];
  }
  CHECK(count / 30'000 == doctest::Approx(0.05).epsilon(0.1));
  CHECK(explored / count == doctest::Approx(anything).epsilon(0.08));
}

TEST_CASE("simulator: a few videos and users make most of the feed") {
  const auto largest_tenth = [](const Table& feed, const char* name, std::size_t of) {
    std::vector<double> counts(of);
    for (const double id : feed.numbers(name)) ++counts[static_cast<std::size_t>(id)];
    std::sort(counts.rbegin(), counts.rend());
    double sum = 0;
    for (std::size_t i = 0; i < of / 10; ++i) sum += counts[i];
    return sum / static_cast<double>(feed.rows());
  };
  FeedOptions options = small(50'000);
  options.new_users = options.new_items = 0;
  const Table skewed = simulate_feed(options);
  CHECK(largest_tenth(skewed, "video_id", 90) > 0.35);
  CHECK(largest_tenth(skewed, "user_id", 200) > 0.25);
  options.popularity = options.activity = options.selection_bias = 0;
  const Table even = simulate_feed(options);
  CHECK(largest_tenth(even, "video_id", 90) < 0.15);
  CHECK(largest_tenth(even, "user_id", 200) < 0.15);
}

TEST_CASE("simulator: tab, hour and advertisement matter, and tasks share a part of the taste") {
  const FeedWorld world(small());
  const FeedTruth home = world.truth(3, 5, {1, 20});
  CHECK(world.truth(3, 5, {0, 20}).click < home.click);
  CHECK(world.truth(3, 5, {4, 20}).click > home.click);
  CHECK(world.truth(3, 5, {1, 9}).click < home.click);
  CHECK(world.truth(3, 5, {0, 20}).long_view_given_click == home.long_view_given_click);
  // Over all pairs, the logits of click and long view are correlated, but not equal.
  double x = 0, y = 0, xx = 0, yy = 0, xy = 0, n = 0;
  for (Index u = 0; u < 200; ++u) {
    for (Index v = 0; v < 90; ++v, ++n) {
      const FeedTruth p = world.truth(u, v, {1, 20});
      const double a = std::log(p.click / (1 - p.click)),
                   b = std::log(p.long_view_given_click / (1 - p.long_view_given_click));
      x += a, y += b, xx += a * a, yy += b * b, xy += a * b;
    }
  }
  const double correlation =
      (xy / n - x * y / n / n) / std::sqrt((xx / n - x * x / n / n) * (yy / n - y * y / n / n));
  CHECK(correlation > 0.2);
  CHECK(correlation < 0.8);
}
