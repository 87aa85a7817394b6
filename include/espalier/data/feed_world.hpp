// SPDX-License-Identifier: Apache-2.0
// `FeedWorld`: simulated users and videos, and the true probabilities of their feedback.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/error.hpp"
#include "espalier/core/random.hpp"

namespace espalier {

/// Options of a simulated feed.
struct FeedOptions {
  Index users = 25'000;
  Index items = 7'500;
  Index authors = 6'500;
  Index impressions = 200'000;
  int days = 14;
  int first_date = 20220425;  ///< YYYYMMDD; a day begins at midnight UTC
  double new_users = 0.15;    ///< share of the users that arrive one by one during the period
  double new_items = 0.15;    ///< share of the videos that arrive one by one during the period
  double selection_bias = 1;  ///< weight of the policy's belief in its choice; 0: none
  double belief_error = 1;    ///< std. deviation of the belief around the truth, in logits
  double exploration = 0.05;  ///< share of impressions whose video is drawn uniformly
  double popularity = 1.2;    ///< std. deviation of the log frequency of a video as a candidate
  double activity = 0.8;      ///< std. deviation of the log frequency of a user's visits
  int candidates = 10;        ///< number of videos from which the policy chooses for an impression
  std::uint64_t seed = 1;
  int threads = 1;  ///< 0: one per core; the feed is the same for any number
};

/// The context of an impression.
struct FeedContext {
  int tab = 1;    ///< part of the app: 0, 1, 2, 4, 6 or 8
  int hour = 20;  ///< 0 to 23
};

/// The truth about a user, a video and a context: P(click), P(long view | click), the probabilities
/// of all feedback, and the expected watch time in seconds. A long view requires a click; like,
/// follow, comment and forward require a long view; hate requires that there is no click.
struct FeedTruth {
  double click = 0, long_view_given_click = 0, long_view = 0;
  double like = 0, follow = 0, comment = 0, forward = 0, hate = 0;
  double expected_watch = 0;  ///< seconds
};

/// Users 0 … users − 1 and items 0 … items − 1. Each depends only on the seed and its number (a
/// video also on the number of authors), not on how many there are.
///
/// A user u has a taste x_u ∈ R⁸, x_u ~ N(0, I); a video v has a position y_v ∈ R⁸, the position of
/// its tag mixed with noise. With a = Σ_{k<6} x_k y_k / √6 (attraction), s = Σ_{k≥2} x_k y_k / √6
/// (satisfaction; shares 4 of its 6 dimensions with attraction), the logistic function σ and a
/// video of D seconds:
///   P(click) = σ(0.9 a + 0.5 quality_v + 0.6 eagerness_u + tab + hour − 0.8 [ad] − 1.55)
///   P(long view | click) = σ(0.9 s + 0.3 quality_v − 0.12 min(D/60, 5) + 0.45)
///   P(like | long view) = σ(0.7 s + 0.6 generosity_u − 3.65); other feedback is similar
///   watch time in seconds: min(D, 7)·U² without a click; uniform in [0.4 L, L) with a click but
///     without a long view, where L = min(D, 18) is the minimum of a long view; with a long view
///     L + 0.25 D e^{0.3 s + 0.8 Z}; U uniform, Z normal, so the tail is log-normal
class FeedWorld {
 public:
  static constexpr std::size_t taste_size = 8;
  /// σ of the log-normal watch time beyond the minimum of a long view.
  static constexpr double excess_sigma = 0.8;

  struct User {
    std::array<double, taste_size> taste{};
    double eagerness = 0, generosity = 0;
    /// Standard normal; the user's frequency is ∝ exp(options.activity · activity).
    double activity = 0;
  };
  struct Item {
    std::array<double, taste_size> place{};
    double quality = 0;
    std::int32_t author = 0, tag = 0, second_tag = -1, duration_ms = 0;
    bool is_ad = false;
  };

  /// Throws ConfigError if an option is out of range.
  explicit FeedWorld(const FeedOptions& options) : options_(checked(options)) {
    std::vector<std::array<double, taste_size>> tags(tag_count);
    for (std::size_t t = 0; t < tags.size(); ++t) {
      Random random(stream(1), t);
      for (double& x : tags[t]) x = random.normal();
    }
    users_.reserve(static_cast<std::size_t>(options_.users));
    for (Index i = 0; i < options_.users; ++i) users_.push_back(make_user(i));
    items_.reserve(static_cast<std::size_t>(options_.items));
    for (Index i = 0; i < options_.items; ++i) items_.push_back(make_item(i, tags));
  }

  [[nodiscard]] const FeedOptions& options() const { return options_; }
  [[nodiscard]] const std::vector<User>& users() const { return users_; }
  [[nodiscard]] const std::vector<Item>& items() const { return items_; }

  /// Minimum duration of a long view: the whole of a short video, 18 s of a longer one.
  [[nodiscard]] static std::int32_t long_view_ms(const Item& item) {
    return (std::min)(item.duration_ms, 18'000);
  }

  /// Median of the watch time beyond the minimum of a long view, in seconds.
  [[nodiscard]] double excess_median(Index user, Index item) const {
    const double satisfied =
        dot(at(users_, user), at(items_, item), taste_size - shared, taste_size);
    return 0.25e-3 * at(items_, item).duration_ms * std::exp(0.3 * satisfied);
  }

  /// The true probabilities. `user` and `item` must exist.
  [[nodiscard]] FeedTruth truth(Index user, Index item, const FeedContext& context) const {
    const User& u = at(users_, user);
    const Item& v = at(items_, item);
    const double satisfied = dot(u, v, taste_size - shared, taste_size);
    const double minutes = v.duration_ms / 60'000.0;
    FeedTruth p;
    p.click = logistic(attraction(u, v) + 0.6 * u.eagerness + tab_effect(context.tab) +
                       0.15 * std::cos(2 * std::numbers::pi * (context.hour - 21) / 24) - 1.55);
    p.long_view_given_click =
        logistic(0.45 + 0.9 * satisfied + 0.3 * v.quality - 0.12 * (std::min)(minutes, 5.0));
    p.long_view = p.click * p.long_view_given_click;
    p.like = p.long_view * logistic(-3.65 + 0.7 * satisfied + 0.6 * u.generosity);
    p.follow = p.long_view * logistic(-6.0 + 0.8 * satisfied + 0.4 * u.generosity);
    p.comment = p.long_view * logistic(-5.2 + 0.3 * satisfied + 0.8 * u.generosity);
    p.forward = p.long_view * logistic(-6.2 + 0.5 * satisfied + 0.5 * u.generosity);
    p.hate = (1 - p.click) * logistic(-6.7 - 0.8 * dot(u, v, 0, shared));
    const double least = long_view_ms(v) * 1e-3;
    const double skipped = (std::min)(v.duration_ms * 1e-3, 7.0) / 3;
    p.expected_watch = (1 - p.click) * skipped + (p.click - p.long_view) * 0.7 * least +
                       p.long_view * (least + excess_median(user, item) *
                                                  std::exp(0.5 * excess_sigma * excess_sigma));
    return p;
  }

  /// The logging policy's belief about a pair, in logits: the part of the truth that depends on the
  /// pair, plus an error that is always the same for this pair.
  [[nodiscard]] double belief(Index user, Index item) const {
    const std::uint64_t bits =
        mix(stream(2), mix(static_cast<std::uint64_t>(user), static_cast<std::uint64_t>(item)));
    const double centred = static_cast<double>(bits >> 11U) * 0x1.0p-53 - 0.5;  // variance 1/12
    return attraction(at(users_, user), at(items_, item)) +
           options_.belief_error * 3.4641016151377544 * centred;
  }

  /// How many of `count` have arrived after the fraction `elapsed` of the period, if the fraction
  /// `late` of them arrives during it.
  [[nodiscard]] static Index arrived(Index count, double late, double elapsed) {
    const auto coming =
        (std::min)(count - 1, static_cast<Index>(std::llround(static_cast<double>(count) * late)));
    const auto came = static_cast<Index>(elapsed * static_cast<double>(coming) + 0.5);
    return count - coming + (std::min)(came, coming);
  }

  /// The key of one of the world's random streams.
  [[nodiscard]] std::uint64_t stream(std::uint64_t number) const {
    return mix(options_.seed, 0x666565640000 + number);
  }

 private:
  static constexpr std::size_t tag_count = 60;
  static constexpr std::size_t shared =
      6;  // attraction uses the first 6 dimensions, satisfaction the last 6

  template <class T>
  [[nodiscard]] static const T& at(const std::vector<T>& all, Index i) {
    return all[static_cast<std::size_t>(i)];
  }

  [[nodiscard]] static double logistic(double z) { return 1 / (1 + std::exp(-z)); }

  /// Dot product over the dimensions [from, to), scaled to variance 1 over pairs.
  [[nodiscard]] static double dot(const User& u, const Item& v, std::size_t from, std::size_t to) {
    double sum = 0;
    for (std::size_t k = from; k < to; ++k) sum += u.taste[k] * v.place[k];
    return sum / std::sqrt(static_cast<double>(to - from));
  }

  [[nodiscard]] static double attraction(const User& u, const Item& v) {
    return 0.9 * dot(u, v, 0, shared) + 0.5 * v.quality - (v.is_ad ? 0.8 : 0.0);
  }

  [[nodiscard]] static double tab_effect(int tab) {
    switch (tab) {
      case 0:
        return -2.2;
      case 6:
        return -1.6;
      case 8:
        return -0.5;
      case 2:
        return 0.1;
      case 4:
        return 0.5;
      default:
        return 0;
    }
  }

  [[nodiscard]] User make_user(Index i) const {
    Random random(stream(3), static_cast<std::uint64_t>(i));
    User user;
    for (double& x : user.taste) x = random.normal();
    user.eagerness = random.normal();
    user.generosity = random.normal();
    user.activity = random.normal();
    return user;
  }

  [[nodiscard]] Item make_item(Index i,
                               const std::vector<std::array<double, taste_size>>& tags) const {
    Random random(stream(4), static_cast<std::uint64_t>(i));
    Item item;
    const double u = random.uniform();
    // The first tags are the most frequent.
    item.tag = static_cast<std::int32_t>(u * u * tag_count);
    const auto second = static_cast<std::int32_t>(random.below(tag_count));
    if (random.bernoulli(0.15) && second != item.tag) item.second_tag = second;
    item.author =
        static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(options_.authors)));
    Random author(stream(5), static_cast<std::uint64_t>(item.author));
    item.quality = 0.6 * author.normal() + 0.8 * random.normal();
    for (std::size_t k = 0; k < taste_size; ++k) {
      const double middle = tags[static_cast<std::size_t>(item.tag)][k];
      item.place[k] = 0.8 * middle + 0.6 * random.normal();
    }
    const double seconds = std::clamp(60 * std::exp(1.1 * random.normal()), 5.0, 600.0);
    item.duration_ms = static_cast<std::int32_t>(std::lround(1000 * seconds));
    item.is_ad = random.bernoulli(0.01);
    return item;
  }

  template <class Number>
  static void check(const char* name, Number value, Number low, Number high) {
    if (value >= low && value <= high) return;
    const auto text = [](Number n) {
      std::string t = std::to_string(n);
      if (t.find('.') == std::string::npos) return t;
      t.erase(t.find_last_not_of('0') + 1);
      return t.back() == '.' ? t.substr(0, t.size() - 1) : t;
    };
    throw_error<ConfigError>({"simulated feed: ", name, " is ", text(value), ", expected ",
                              text(low), " to ", text(high)});
  }

  [[nodiscard]] static const FeedOptions& checked(const FeedOptions& options) {
    constexpr Index most = std::numeric_limits<std::int32_t>::max();
    check<Index>("users", options.users, 1, most);
    check<Index>("items", options.items, 1, most);
    check<Index>("authors", options.authors, 1, most);
    check<Index>("impressions", options.impressions, 1, most);
    check("days", options.days, 1, 3660);
    check("new_users", options.new_users, 0.0, 1.0);
    check("new_items", options.new_items, 0.0, 1.0);
    check("selection_bias", options.selection_bias, 0.0, 100.0);
    check("belief_error", options.belief_error, 0.0, 100.0);
    check("exploration", options.exploration, 0.0, 1.0);
    check("popularity", options.popularity, 0.0, 10.0);
    check("activity", options.activity, 0.0, 10.0);
    check("candidates", options.candidates, 1, 10'000);
    check("threads", options.threads, 0, 1024);
    return options;
  }

  FeedOptions options_;
  std::vector<User> users_;
  std::vector<Item> items_;
};

}  // namespace espalier
