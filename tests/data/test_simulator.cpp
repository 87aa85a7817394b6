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
#include "espalier/data/simulator.hpp"
#include "espalier/data/table.hpp"
#include "small_feed.hpp"

using espalier::Column;
using espalier::ColumnKind;
using espalier::FeedContext;
using espalier::FeedOptions;
using espalier::FeedWorld;
using espalier::Index;
using espalier::simulate_feed;
using espalier::Table;
using espalier_test::small;

namespace {

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
