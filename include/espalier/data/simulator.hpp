// SPDX-License-Identifier: Apache-2.0
// `simulate_feed`: the log of a simulated short-video feed, with the true probabilities.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/random.hpp"
#include "espalier/core/threads.hpp"
#include "espalier/data/feed_attributes.hpp"
#include "espalier/data/feed_world.hpp"
#include "espalier/data/table.hpp"

namespace espalier {

/// One impression: user, video, context, time, feedback, and the true probabilities.
struct FeedImpression {
  Index user = 0, item = 0;
  FeedContext context{};
  int day = 0;               ///< from 0
  std::int64_t time_ms = 0;  ///< since midnight of the first day
  bool random = false;       ///< shown for exploration
  bool click = false, long_view = false, like = false, follow = false, comment = false,
       forward = false, hate = false;
  std::int64_t play_time_ms = 0;
  FeedTruth truth{};
};

/// The impressions of a simulated world, in time order. The logging policy draws `candidates`
/// available videos, each ∝ its popularity, and shows the one with the largest selection_bias ·
/// belief + Gumbel noise: among the candidates, a video is shown with probability ∝
/// e^{selection_bias · belief}.
class FeedSimulator {
 public:
  /// Throws ConfigError if an option is out of range.
  explicit FeedSimulator(const FeedOptions& options) : world_(options) {
    double total = 0;
    for (const FeedWorld::User& user : world_.users())
      user_sums_.push_back(total += std::exp(options.activity * user.activity));
    total = 0;
    for (Index i = 0; i < options.items; ++i) {
      Random random(world_.stream(8), static_cast<std::uint64_t>(i));
      // Popularity has a correlation of 0.4 with quality; the rest is random.
      const double z = 0.4 * world_.items()[static_cast<std::size_t>(i)].quality +
                       std::sqrt(0.84) * random.normal();
      item_sums_.push_back(total += std::exp(options.popularity * z));
    }
    total = 0;
    for (const double share : hour_shares) total += share;
    double sum = 0;
    for (std::size_t h = 0; h < 24; ++h) hour_begins_[h + 1] = (sum += hour_shares[h]) / total;
    hour_begins_[24] = 1;
  }

  [[nodiscard]] const FeedWorld& world() const { return world_; }

  /// Impression `row`, in [0, impressions): depends only on the options and `row`.
  [[nodiscard]] FeedImpression impression(Index row) const {
    const FeedOptions& options = world_.options();
    Random random(world_.stream(9), static_cast<std::uint64_t>(row));
    FeedImpression made;
    const double elapsed =
        (static_cast<double>(row) + random.uniform()) / static_cast<double>(options.impressions);
    set_time(made, elapsed * options.days);
    made.context.tab = draw_tab(random.uniform());
    made.user = draw(user_sums_, FeedWorld::arrived(options.users, options.new_users, elapsed),
                     random.uniform());
    choose_item(made, FeedWorld::arrived(options.items, options.new_items, elapsed), random);
    made.truth = world_.truth(made.user, made.item, made.context);
    happen(made, random);
    return made;
  }

 private:
  // Relative number of impressions per hour of a day: few before dawn, most in the evening.
  static constexpr std::array<double, 24> hour_shares{4.1, 2.4, 1.6, 1.0, 0.8, 0.9, 1.6, 2.5,
                                                      3.2, 3.9, 4.5, 5.1, 5.8, 5.7, 5.2, 5.1,
                                                      5.5, 5.9, 5.7, 5.3, 5.6, 5.8, 6.4, 6.2};

  /// Sets day, hour and time from `days` since the beginning. The time increases with `days`.
  void set_time(FeedImpression& made, double days) const {
    constexpr double hour_ms = 3'600'000;
    made.day = (std::min)(static_cast<int>(days), world_.options().days - 1);
    const double share = (std::min)(days - made.day, 1.0);
    const auto above = std::upper_bound(hour_begins_.begin() + 1, hour_begins_.end() - 1, share);
    const auto hour = static_cast<std::size_t>(above - hour_begins_.begin()) - 1;
    const double within =
        (share - hour_begins_[hour]) / (hour_begins_[hour + 1] - hour_begins_[hour]);
    made.context.hour = static_cast<int>(hour);
    const double ms = std::clamp(std::floor(within * hour_ms), 0.0, hour_ms - 1);
    made.time_ms = (std::int64_t{made.day} * 24 + static_cast<std::int64_t>(hour)) * 3'600'000 +
                   static_cast<std::int64_t>(ms);
  }

  [[nodiscard]] static int draw_tab(double u) {
    return u < 0.76 ? 1 : u < 0.85 ? 0 : u < 0.91 ? 4 : u < 0.96 ? 6 : u < 0.99 ? 2 : 8;
  }

  /// Draws one of the first `count` ∝ its weight. `sums`: running sums of the weights; `u`: uniform
  /// in [0, 1).
  [[nodiscard]] static Index draw(const std::vector<double>& sums, Index count, double u) {
    const double at = u * sums[static_cast<std::size_t>(count - 1)];
    return std::upper_bound(sums.begin(), sums.begin() + count - 1, at) - sums.begin();
  }

  void choose_item(FeedImpression& made, Index count, Random& random) const {
    const FeedOptions& options = world_.options();
    made.random = random.bernoulli(options.exploration);
    if (made.random) {
      made.item = static_cast<Index>(random.below(static_cast<std::uint64_t>(count)));
      return;
    }
    double best = 0;
    for (int c = 0; c < options.candidates; ++c) {
      const Index item = draw(item_sums_, count, random.uniform());
      const double gumbel = -std::log(-std::log(0x1.0p-54 + random.uniform()));
      const double score = options.selection_bias * world_.belief(made.user, item) + gumbel;
      if (c > 0 && score <= best) continue;
      best = score;
      made.item = item;
    }
  }

  /// Draws the feedback: first the click, then what a click or its absence allows.
  void happen(FeedImpression& made, Random& random) const {
    const FeedTruth& p = made.truth;
    const FeedWorld::Item& item = world_.items()[static_cast<std::size_t>(made.item)];
    const double least = FeedWorld::long_view_ms(item);
    made.click = random.bernoulli(p.click);
    if (!made.click) {
      made.hate = random.bernoulli(p.hate / (1 - p.click));
      const double u = random.uniform();
      made.play_time_ms = static_cast<std::int64_t>((std::min)(item.duration_ms, 7'000) * u * u);
      return;
    }
    made.long_view = random.bernoulli(p.long_view_given_click);
    if (!made.long_view) {
      made.play_time_ms =
          static_cast<std::int64_t>((std::min)(random.uniform(0.4, 1) * least, least - 1));
      return;
    }
    made.like = random.bernoulli(p.like / p.long_view);
    made.follow = random.bernoulli(p.follow / p.long_view);
    made.comment = random.bernoulli(p.comment / p.long_view);
    made.forward = random.bernoulli(p.forward / p.long_view);
    const double excess = 1000 * world_.excess_median(made.user, made.item) *
                          std::exp(FeedWorld::excess_sigma * random.normal());
    made.play_time_ms = static_cast<std::int64_t>(least + excess);
  }

  FeedWorld world_;
  std::vector<double> user_sums_, item_sums_;  // running sums of how often each one occurs
  std::array<double, 25> hour_begins_{};       // share of a day's impressions before each hour
};

namespace feed_detail {

/// The dates of all days as numbers (20220425), and the first midnight in ms since 1970.
struct Calendar {
  std::vector<double> dates;
  std::int64_t start_ms = 0;
};

[[nodiscard]] inline Calendar calendar(const FeedOptions& options) {
  using namespace std::chrono;
  const int date = options.first_date;
  const bool in_range = date >= 19700101 && date <= 99991231;
  const auto digits = static_cast<unsigned>(in_range ? date : 0);
  const year_month_day first{year(static_cast<int>(digits / 10'000)), month(digits / 100 % 100),
                             day(digits % 100)};
  if (!first.ok()) {
    throw_error<ConfigError>(
        {"simulated feed: first_date is ", date, ", expected a date as YYYYMMDD from 19700101 on"});
  }
  Calendar made;
  const sys_days start = first;
  made.start_ms = duration_cast<milliseconds>(start.time_since_epoch()).count();
  for (int d = 0; d < options.days; ++d) {
    const year_month_day that{start + std::chrono::days(d)};
    const auto month_and_day =
        static_cast<unsigned>(that.month()) * 100 + static_cast<unsigned>(that.day());
    made.dates.push_back(static_cast<int>(that.year()) * 10'000 + static_cast<int>(month_and_day));
  }
  return made;
}

/// The numeric columns that follow from an impression alone.
struct NumberColumn {
  const char* name;
  double (*value)(const FeedImpression&);
};
inline constexpr NumberColumn number_columns[] = {
    {"user_id", [](const FeedImpression& i) { return static_cast<double>(i.user); }},
    {"video_id", [](const FeedImpression& i) { return static_cast<double>(i.item); }},
    {"hourmin", [](const FeedImpression& i) { return i.context.hour * 100.0; }},
    {"tab", [](const FeedImpression& i) { return static_cast<double>(i.context.tab); }},
    {"is_rand", [](const FeedImpression& i) { return i.random ? 1.0 : 0.0; }},
    {"is_click", [](const FeedImpression& i) { return i.click ? 1.0 : 0.0; }},
    {"long_view", [](const FeedImpression& i) { return i.long_view ? 1.0 : 0.0; }},
    {"is_like", [](const FeedImpression& i) { return i.like ? 1.0 : 0.0; }},
    {"is_follow", [](const FeedImpression& i) { return i.follow ? 1.0 : 0.0; }},
    {"is_comment", [](const FeedImpression& i) { return i.comment ? 1.0 : 0.0; }},
    {"is_forward", [](const FeedImpression& i) { return i.forward ? 1.0 : 0.0; }},
    {"is_hate", [](const FeedImpression& i) { return i.hate ? 1.0 : 0.0; }},
    {"play_time_ms", [](const FeedImpression& i) { return static_cast<double>(i.play_time_ms); }},
    {"p_click", [](const FeedImpression& i) { return i.truth.click; }},
    {"p_long_view_given_click",
     [](const FeedImpression& i) { return i.truth.long_view_given_click; }},
    {"p_long_view", [](const FeedImpression& i) { return i.truth.long_view; }},
    {"p_like", [](const FeedImpression& i) { return i.truth.like; }},
    {"p_follow", [](const FeedImpression& i) { return i.truth.follow; }},
    {"p_comment", [](const FeedImpression& i) { return i.truth.comment; }},
    {"p_forward", [](const FeedImpression& i) { return i.truth.forward; }},
    {"p_hate", [](const FeedImpression& i) { return i.truth.hate; }},
    {"expected_watch", [](const FeedImpression& i) { return i.truth.expected_watch; }},
};

}  // namespace feed_detail

/// Rows [first, first + count) of a simulated feed. A row does not depend on which part is
/// requested, so that feeds larger than memory can be made in parts.
///
/// The columns have the names of KuaiRand if it has them. Impression: user_id, video_id, author_id,
/// date (YYYYMMDD), hourmin (100 · hour), time_ms (since 1970, UTC; increases from row to row),
/// tab, duration_ms, is_rand (1 for exploration). Feedback: is_click, long_view, is_like,
/// is_follow, is_comment, is_forward, is_hate, play_time_ms. User attributes: user_active_degree,
/// is_live_streamer, is_video_author, follow_user_num_range, fans_user_num_range,
/// friend_user_num_range, register_days_range, onehot_feat0 … onehot_feat17. Video attributes:
/// video_type, upload_type, music_type, tag ("3", "3,17"). **The truth**, which no model may read:
/// p_click, p_long_view_given_click, p_long_view, p_like, p_follow, p_comment, p_forward, p_hate,
/// and expected_watch in seconds.
///
/// The same options give the same rows on every machine whose exp, log and cos agree to the last
/// bit, and with any number of threads. Throws ConfigError if an option or the part is out of
/// range.
[[nodiscard]] inline Table simulate_feed(const FeedOptions& options, Index first, Index count) {
  const FeedSimulator simulator(options);
  const FeedWorld& world = simulator.world();
  if (first < 0 || count < 0 || first > options.impressions ||
      count > options.impressions - first) {
    throw_error<ConfigError>({"simulated feed: ", count, " rows from row ", first,
                              ", expected a part of ", options.impressions, " rows"});
  }
  const feed_detail::Calendar calendar = feed_detail::calendar(options);
  const auto rows = static_cast<std::size_t>(count);
  constexpr std::size_t known = std::size(feed_detail::number_columns);
  std::vector<std::vector<double>> numbers(known, std::vector<double>(rows));
  std::vector<double> dates(rows), times(rows), durations(rows), authors(rows);
  std::vector<std::int32_t> users(rows), items(rows);
  constexpr Index piece = 4096;
  ThreadPool pool(options.threads);
  pool.run((count + piece - 1) / piece, [&](Index p, int) {
    for (Index row = p * piece; row < (std::min)(count, (p + 1) * piece); ++row) {
      const FeedImpression made = simulator.impression(first + row);
      const FeedWorld::Item& item = world.items()[static_cast<std::size_t>(made.item)];
      const auto at = static_cast<std::size_t>(row);
      for (std::size_t c = 0; c < known; ++c)
        numbers[c][at] = feed_detail::number_columns[c].value(made);
      dates[at] = calendar.dates[static_cast<std::size_t>(made.day)];
      times[at] = static_cast<double>(calendar.start_ms + made.time_ms);
      durations[at] = item.duration_ms;
      authors[at] = item.author;
      users[at] = static_cast<std::int32_t>(made.user);
      items[at] = static_cast<std::int32_t>(made.item);
    }
  });

  Table table;
  table.source = "simulated feed (seed " + std::to_string(options.seed) + ")";
  table.notes.push_back("simulated: " + std::to_string(count) + " impressions of " +
                        std::to_string(options.users) + " users and " +
                        std::to_string(options.items) + " videos, all made up; not real data");
  const auto add_numbers = [&](std::size_t from, std::size_t to) {
    for (std::size_t c = from; c < to; ++c)
      table.add(Column::number(feed_detail::number_columns[c].name, std::move(numbers[c])));
  };
  add_numbers(0, 2);
  table.add(Column::number("author_id", std::move(authors)));
  table.add(Column::number("date", std::move(dates)));
  table.add(Column::number("time_ms", std::move(times)));
  table.add(Column::number("duration_ms", std::move(durations)));
  add_numbers(2, 13);
  for (const auto& a : feed_detail::user_attributes(world))
    table.add(feed_detail::column_of(a, users));
  for (const auto& a : feed_detail::item_attributes(world))
    table.add(feed_detail::column_of(a, items));
  add_numbers(13, known);
  return table;
}

/// A simulated feed of options.impressions rows.
[[nodiscard]] inline Table simulate_feed(const FeedOptions& options = {}) {
  return simulate_feed(options, 0, options.impressions);
}

}  // namespace espalier
