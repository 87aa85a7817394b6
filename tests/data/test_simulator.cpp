// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/error.hpp"
#include "espalier/core/random.hpp"
#include "espalier/data/simulator.hpp"
#include "espalier/data/table.hpp"

using espalier::Column;
using espalier::ColumnKind;
using espalier::FeedContext;
using espalier::FeedOptions;
using espalier::FeedSimulator;
using espalier::FeedTruth;
using espalier::FeedWorld;
using espalier::Index;
using espalier::Random;
using espalier::simulate_feed;
using espalier::Table;

namespace {

FeedOptions small(Index impressions = 3000) {
  FeedOptions options;
  options.users = 200;
  options.items = 90;
  options.authors = 40;
  options.impressions = impressions;
  return options;
}

/// Whether names, kinds, values and dictionaries are equal, bit for bit.
bool equal(const Table& a, const Table& b) {
  if (a.columns().size() != b.columns().size()) return false;
  for (std::size_t i = 0; i < a.columns().size(); ++i) {
    const Column& x = a.columns()[i];
    const Column& y = b.columns()[i];
    if (x.name != y.name || x.kind != y.kind || x.numbers != y.numbers || x.codes != y.codes ||
        x.dictionary != y.dictionary)
      return false;
  }
  return true;
}

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

std::string failure(const FeedOptions& options) {
  try {
    static_cast<void>(simulate_feed(options));
  } catch (const espalier::ConfigError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("simulator: the same seed gives the same feed, another seed another") {
  const Table feed = simulate_feed(small());
  CHECK(feed.rows() == 3000);
  CHECK(equal(feed, simulate_feed(small())));
  FeedOptions other = small();
  other.seed = 2;
  const Table second = simulate_feed(other);
  CHECK_FALSE(equal(feed, second));
  CHECK(feed.numbers("user_id") != second.numbers("user_id"));
}

TEST_CASE("simulator: the same feed on any number of threads") {
  FeedOptions options = small(10'007);
  const Table one = simulate_feed(options);
  for (const int threads : {2, 3, 0}) {
    options.threads = threads;
    CHECK(equal(one, simulate_feed(options)));
  }
}

TEST_CASE("simulator: any part is as in the whole") {
  const FeedOptions options = small(9001);
  const Table whole = simulate_feed(options);
  Table joined = simulate_feed(options, 0, 1);
  joined.append(simulate_feed(options, 1, 4096));
  joined.append(simulate_feed(options, 4097, 0));
  joined.append(simulate_feed(options, 4097, 4904));
  CHECK(equal(whole, joined));
}

TEST_CASE("simulator: a row is the same in a longer feed of the same rate") {
  FeedOptions options = small(2000);
  options.days = 2;
  options.new_users = options.new_items = 0;  // who appears when depends on the length of the feed
  const Table feed = simulate_feed(options);
  options.impressions = 8000;
  options.days = 8;
  CHECK(equal(feed, simulate_feed(options, 0, 2000)));
}

TEST_CASE("simulator: people and videos do not depend on how many there are") {
  FeedOptions options = small();
  const FeedWorld few(options);
  options.users = 1000;
  options.items = 500;
  const FeedWorld many(options);
  for (const Index i : {0, 1, 89}) {
    for (const int hour : {0, 13}) {
      const FeedContext context{4, hour};
      CHECK(few.truth(2 * i, i, context).click == many.truth(2 * i, i, context).click);
      CHECK(few.truth(2 * i, i, context).expected_watch ==
            many.truth(2 * i, i, context).expected_watch);
    }
  }
}

TEST_CASE("simulator: columns are KuaiRand's, the truth beside them; all is marked as simulated") {
  const Table feed = simulate_feed(small());
  CHECK(feed.source == "simulated feed (seed 1)");
  REQUIRE(feed.notes.size() == 1);
  CHECK(feed.notes[0] ==
        "simulated: 3000 impressions of 200 users and 90 videos, all made up; not real data");
  for (const char* name : {"user_id",
                           "video_id",
                           "author_id",
                           "date",
                           "hourmin",
                           "time_ms",
                           "tab",
                           "duration_ms",
                           "is_rand",
                           "is_click",
                           "long_view",
                           "is_like",
                           "is_follow",
                           "is_comment",
                           "is_forward",
                           "is_hate",
                           "play_time_ms",
                           "p_click",
                           "p_long_view_given_click",
                           "p_long_view",
                           "p_like",
                           "p_follow",
                           "p_comment",
                           "p_forward",
                           "p_hate",
                           "expected_watch"}) {
    CAPTURE(name);
    for (const double v : feed.numbers(name)) REQUIRE(std::isfinite(v));
  }
  std::vector<std::string> texts{"user_active_degree",
                                 "is_live_streamer",
                                 "is_video_author",
                                 "follow_user_num_range",
                                 "fans_user_num_range",
                                 "friend_user_num_range",
                                 "register_days_range",
                                 "video_type",
                                 "upload_type",
                                 "music_type",
                                 "tag"};
  for (int k = 0; k < 18; ++k) texts.push_back("onehot_feat" + std::to_string(k));
  for (const std::string& name : texts) {
    CAPTURE(name);
    const Column& column = feed.column(name);
    REQUIRE(column.kind == ColumnKind::text);
    // Distinct values in order of first appearance, as a CSV reader produces them.
    CHECK(std::set<std::string>(column.dictionary.begin(), column.dictionary.end()).size() ==
          column.dictionary.size());
    std::int32_t next = 0;
    for (const std::int32_t code : column.codes) {
      REQUIRE(code >= 0);
      REQUIRE(code <= next);
      next += code == next ? 1 : 0;
    }
    CHECK(next == static_cast<std::int32_t>(column.dictionary.size()));
  }
  CHECK(feed.columns().size() == 26 + texts.size());
}

TEST_CASE("simulator: what is known of a user or video is the same in all rows") {
  const Table feed = simulate_feed(small());
  const auto constant_by = [&](const char* key, const char* name) {
    const Column by = feed.as_text(key), of = feed.as_text(name);
    std::vector<std::int32_t> seen(by.dictionary.size(), -1);
    for (std::size_t i = 0; i < by.codes.size(); ++i) {
      std::int32_t& value = seen[static_cast<std::size_t>(by.codes[i])];
      if (value >= 0 && value != of.codes[i]) return false;
      value = of.codes[i];
    }
    return true;
  };
  for (const char* name : {"user_active_degree", "register_days_range", "onehot_feat8"})
    CHECK(constant_by("user_id", name));
  for (const char* name : {"author_id", "duration_ms", "tag", "video_type"})
    CHECK(constant_by("video_id", name));
  CHECK_FALSE(constant_by("user_id", "tag"));
}

TEST_CASE("simulator: the funnel holds, and watching agrees with it") {
  FeedOptions options = small(60'000);
  const Table feed = simulate_feed(options);
  const auto& click = feed.numbers("is_click");
  const auto& viewed = feed.numbers("long_view");
  const auto& played = feed.numbers("play_time_ms");
  const auto& duration = feed.numbers("duration_ms");
  int long_views = 0, likes = 0, longer = 0;
  for (std::size_t i = 0; i < click.size(); ++i) {
    REQUIRE(click[i] >= viewed[i]);
    for (const char* name : {"is_like", "is_follow", "is_comment", "is_forward"})
      REQUIRE(viewed[i] >= feed.numbers(name)[i]);
    REQUIRE(click[i] + feed.numbers("is_hate")[i] <= 1);
    const double least = std::min(duration[i], 18'000.0);
    REQUIRE((played[i] >= least) == (viewed[i] == 1));
    REQUIRE(played[i] >= 0);
    if (click[i] == 0) REQUIRE(played[i] <= 7000);
    long_views += static_cast<int>(viewed[i]);
    likes += static_cast<int>(feed.numbers("is_like")[i]);
    longer += played[i] > duration[i] ? 1 : 0;
  }
  CHECK(long_views > 1000);
  CHECK(likes > 100);
  CHECK(longer > 100);  // videos are watched repeatedly, as in the real feed
}

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

TEST_CASE("simulator: time grows, dates and hours follow it, evenings are busy") {
  FeedOptions options = small(40'000);
  options.first_date = 20231225;
  options.days = 10;
  const Table feed = simulate_feed(options);
  const auto& time = feed.numbers("time_ms");
  std::vector<double> by_hour(24);
  std::set<double> dates;
  const double midnight = 1703462400000;  // 2023-12-25T00:00:00Z
  for (std::size_t i = 0; i < time.size(); ++i) {
    if (i > 0) REQUIRE(time[i] >= time[i - 1]);
    const double ms = time[i] - midnight;
    REQUIRE(ms >= 0);
    REQUIRE(ms < 10 * 86'400'000.0);
    const double hour = std::floor(std::fmod(ms, 86'400'000.0) / 3'600'000);
    REQUIRE(feed.numbers("hourmin")[i] == 100 * hour);
    const double day = std::floor(ms / 86'400'000);
    REQUIRE(feed.numbers("date")[i] == (day < 7 ? 20231225 + day : 20240101 + day - 7));
    ++by_hour[static_cast<std::size_t>(hour)];
    dates.insert(feed.numbers("date")[i]);
  }
  CHECK(dates.size() == 10);
  CHECK(by_hour[22] > 5 * by_hour[4]);
  CHECK(*std::min_element(by_hour.begin(), by_hour.end()) > 0);
}

TEST_CASE("simulator: new users and videos come late, and are new where they are") {
  FeedOptions options = small(20'000);
  options.new_users = 0.3;
  options.new_items = 0.5;
  const Table feed = simulate_feed(options);
  const auto& users = feed.numbers("user_id");
  const auto& items = feed.numbers("video_id");
  const Column degree = feed.as_text("user_active_degree");
  double last_new = 0;
  for (std::size_t i = 0; i < users.size(); ++i) {
    const double elapsed = static_cast<double>(i + 1) / 20'000;
    REQUIRE(users[i] < 140 + 60 * elapsed + 1);
    REQUIRE(items[i] < 45 + 45 * elapsed + 1);
    REQUIRE((degree.at(static_cast<Index>(i)) == "day_new") == (users[i] >= 140));
    if (i >= 19'000 && users[i] >= 140) ++last_new;
  }
  CHECK(last_new / 1000 > 0.15);
  CHECK(*std::max_element(items.begin(), items.end()) > 80);
}

TEST_CASE("simulator: all new, and only one of everything") {
  FeedOptions options = small(500);
  options.new_users = options.new_items = 1;
  CHECK(simulate_feed(options).rows() == 500);
  options.users = options.items = options.authors = options.impressions = 1;
  options.days = options.candidates = 1;
  const Table feed = simulate_feed(options);
  CHECK(feed.rows() == 1);
  CHECK(feed.numbers("user_id")[0] == 0);
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

TEST_CASE("simulator: an option out of its range is one clear error") {
  const auto with = [](auto change) {
    FeedOptions options = small(10);
    change(options);
    return failure(options);
  };
  CHECK(with([](FeedOptions&) {}) == "");
  CHECK(with([](FeedOptions& o) { o.users = 0; }) ==
        "simulated feed: users is 0, expected 1 to 2147483647");
  CHECK(with([](FeedOptions& o) { o.items = -3; }) ==
        "simulated feed: items is -3, expected 1 to 2147483647");
  CHECK(with([](FeedOptions& o) { o.authors = 0; }) ==
        "simulated feed: authors is 0, expected 1 to 2147483647");
  CHECK(with([](FeedOptions& o) { o.impressions = Index{1} << 40; }) ==
        "simulated feed: impressions is 1099511627776, expected 1 to 2147483647");
  CHECK(with([](FeedOptions& o) { o.days = 0; }) ==
        "simulated feed: days is 0, expected 1 to 3660");
  CHECK(with([](FeedOptions& o) { o.new_users = 1.25; }) ==
        "simulated feed: new_users is 1.25, expected 0 to 1");
  CHECK(with([](FeedOptions& o) { o.new_items = -0.5; }) ==
        "simulated feed: new_items is -0.5, expected 0 to 1");
  CHECK(with([](FeedOptions& o) { o.selection_bias = std::numeric_limits<double>::quiet_NaN(); }) ==
        "simulated feed: selection_bias is nan, expected 0 to 100");
  CHECK(with([](FeedOptions& o) { o.belief_error = std::numeric_limits<double>::infinity(); }) ==
        "simulated feed: belief_error is inf, expected 0 to 100");
  CHECK(with([](FeedOptions& o) { o.exploration = 2; }) ==
        "simulated feed: exploration is 2, expected 0 to 1");
  CHECK(with([](FeedOptions& o) { o.popularity = -1; }) ==
        "simulated feed: popularity is -1, expected 0 to 10");
  CHECK(with([](FeedOptions& o) { o.activity = 11; }) ==
        "simulated feed: activity is 11, expected 0 to 10");
  CHECK(with([](FeedOptions& o) { o.candidates = 0; }) ==
        "simulated feed: candidates is 0, expected 1 to 10000");
  CHECK(with([](FeedOptions& o) { o.threads = -1; }) ==
        "simulated feed: threads is -1, expected 0 to 1024");
  for (const int date : {0, 20230229, 20221301, 20220400, 19691231, -20220425}) {
    CAPTURE(date);
    CHECK(with([date](FeedOptions& o) { o.first_date = date; }) ==
          "simulated feed: first_date is " + std::to_string(date) +
              ", expected a date as YYYYMMDD from 19700101 on");
  }
  constexpr Index huge = std::numeric_limits<Index>::max();
  for (const auto& [first, count] :
       {std::pair<Index, Index>{-1, 5}, {5, -1}, {11, 0}, {5, 6}, {1, huge}, {huge, huge}}) {
    CHECK_THROWS_WITH_AS(static_cast<void>(simulate_feed(small(10), first, count)),
                         ("simulated feed: " + std::to_string(count) + " rows from row " +
                          std::to_string(first) + ", expected a part of 10 rows")
                             .c_str(),
                         espalier::ConfigError);
  }
  CHECK(simulate_feed(small(10), 10, 0).rows() == 0);
}
