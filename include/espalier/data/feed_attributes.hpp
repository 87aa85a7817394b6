// SPDX-License-Identifier: Apache-2.0
// What a platform would know about simulated users and videos: ranges, flags, encoded features.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "espalier/data/dictionary.hpp"
#include "espalier/data/feed_world.hpp"
#include "espalier/data/table.hpp"

namespace espalier {

namespace feed_detail {

/// A text column over all users, or over all items.
struct Attribute {
  std::string name;
  std::vector<std::string> values;  ///< the texts of the codes
  std::vector<std::int32_t> codes;  ///< one per user or item
};

/// A value and its share.
struct Share {
  const char* value;
  double share;
};

/// Φ(z), the cumulative distribution function of the standard normal.
[[nodiscard]] inline double normal_cdf(double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); }

/// The first value whose cumulative share is above `u`; otherwise the last.
[[nodiscard]] inline std::int32_t pick(std::span<const Share> shares, double u) {
  std::int32_t code = 0;
  for (; code + 1 < static_cast<std::int32_t>(shares.size()); ++code) {
    u -= shares[static_cast<std::size_t>(code)].share;
    if (u < 0) break;
  }
  return code;
}

[[nodiscard]] inline Attribute attribute(std::string name, std::span<const Share> shares,
                                         std::size_t rows) {
  Attribute a;
  a.name = std::move(name);
  for (const Share& s : shares) a.values.emplace_back(s.value);
  a.codes.reserve(rows);
  return a;
}

/// User columns with the names of KuaiRand. They correlate with taste and habits, but do not
/// determine them.
[[nodiscard]] inline std::vector<Attribute> user_attributes(const FeedWorld& world) {
  static constexpr Share active[] = {{"full_active", .66},
                                     {"high_active", .22},
                                     {"middle_active", .08},
                                     {"low_active", .04},
                                     {"day_new", 0}};
  static constexpr Share streamer[] = {{"-124", .77}, {"1", .23}};
  static constexpr Share author[] = {{"0", .18}, {"1", .82}};
  static constexpr Share follows[] = {{"0", .01},         {"(0,10]", .06},   {"(10,50]", .18},
                                      {"(50,100]", .15},  {"(100,150]", .1}, {"(150,250]", .13},
                                      {"(250,500]", .16}, {"500+", .21}};
  static constexpr Share fans[] = {{"0", .04},        {"[1,10)", .2},   {"[10,100)", .38},
                                   {"[100,1k)", .32}, {"[1k,5k)", .05}, {"[5k,1w)", .01}};
  static constexpr Share friends[] = {{"0", .12},       {"[1,5)", .19},   {"[5,30)", .28},
                                      {"[30,60)", .11}, {"[60,120)", .1}, {"[120,250)", .08},
                                      {"250+", .12}};
  static constexpr Share registered[] = {{"15-30", .01},  {"31-60", .015},  {"61-90", .015},
                                         {"91-180", .04}, {"181-365", .07}, {"366-730", .12},
                                         {"730+", .73},   {"0", 0}};
  static constexpr int encoded_sizes[] = {2, 7, 50, 200, 15, 8, 3, 50, 400,
                                          7, 5, 3,  2,   2,  2, 2, 2,  2};

  const std::size_t users = world.users().size();
  std::vector<Attribute> made{attribute("user_active_degree", active, users),
                              attribute("is_live_streamer", streamer, users),
                              attribute("is_video_author", author, users),
                              attribute("follow_user_num_range", follows, users),
                              attribute("fans_user_num_range", fans, users),
                              attribute("friend_user_num_range", friends, users),
                              attribute("register_days_range", registered, users)};
  const std::size_t plain = made.size();
  for (std::size_t k = 0; k < std::size(encoded_sizes); ++k) {
    Attribute encoded;
    encoded.name = "onehot_feat" + std::to_string(k);
    for (int v = 0; v < encoded_sizes[k]; ++v) encoded.values.push_back(std::to_string(v));
    encoded.codes.reserve(users);
    made.push_back(std::move(encoded));
  }
  const auto there = static_cast<std::size_t>(
      FeedWorld::arrived(world.options().users, world.options().new_users, 0));
  for (std::size_t i = 0; i < users; ++i) {
    const FeedWorld::User& user = world.users()[i];
    Random random(world.stream(6), i);
    const auto blurred = [&](double z) {
      return normal_cdf((z + 0.5 * random.normal()) / std::sqrt(1.25));
    };
    const bool fresh = i >= there;
    made[0].codes.push_back(fresh ? 4 : pick(active, 1 - blurred(user.activity)));
    made[1].codes.push_back(pick(streamer, random.uniform()));
    made[2].codes.push_back(pick(author, blurred(user.generosity)));
    made[3].codes.push_back(pick(follows, blurred(user.eagerness)));
    made[4].codes.push_back(pick(fans, blurred(user.generosity)));
    made[5].codes.push_back(pick(friends, random.uniform()));
    made[6].codes.push_back(fresh ? 7 : pick(registered, random.uniform()));
    for (std::size_t k = 0; k < std::size(encoded_sizes); ++k) {
      const double share = blurred(user.taste[k % FeedWorld::taste_size]);
      const int bucket =
          (std::min)(static_cast<int>(share * encoded_sizes[k]), encoded_sizes[k] - 1);
      made[plain + k].codes.push_back(bucket);
    }
  }
  return made;
}

/// Video columns with the names of KuaiRand. A tag is "3", or "3,17" if there are two.
[[nodiscard]] inline std::vector<Attribute> item_attributes(const FeedWorld& world) {
  static constexpr Share types[] = {{"NORMAL", 1}, {"AD", 0}};
  static constexpr Share uploads[] = {
      {"LongImport", .4}, {"Web", .3}, {"ShortImport", .15}, {"Kmovie", .12}, {"PictureSet", .03}};
  static constexpr Share music[] = {{"9", .9}, {"4", .08}, {"8", .02}};

  const std::size_t items = world.items().size();
  std::vector<Attribute> made{attribute("video_type", types, items),
                              attribute("upload_type", uploads, items),
                              attribute("music_type", music, items), attribute("tag", {}, items)};
  Dictionary tags;
  for (std::size_t i = 0; i < items; ++i) {
    const FeedWorld::Item& item = world.items()[i];
    Random random(world.stream(7), i);
    made[0].codes.push_back(item.is_ad ? 1 : 0);
    const std::int32_t upload = pick(uploads, random.uniform());
    made[1].codes.push_back(item.duration_ms < 57'000 && upload == 0 ? 2 : upload);
    made[2].codes.push_back(pick(music, random.uniform()));
    std::string tag = std::to_string(item.tag);
    if (item.second_tag >= 0) tag.append(",").append(std::to_string(item.second_tag));
    made[3].codes.push_back(tags.code(tag));
  }
  made[3].values = tags.take();
  return made;
}

/// The attribute of the users or items `of` as a column, its dictionary in order of first
/// appearance.
[[nodiscard]] inline Column column_of(const Attribute& attribute,
                                      const std::vector<std::int32_t>& of) {
  Column made;
  made.name = attribute.name;
  made.kind = ColumnKind::text;
  made.codes.reserve(of.size());
  std::vector<std::int32_t> renamed(attribute.values.size(), -1);
  for (const std::int32_t i : of) {
    const auto code = static_cast<std::size_t>(attribute.codes[static_cast<std::size_t>(i)]);
    if (renamed[code] < 0) {
      renamed[code] = static_cast<std::int32_t>(made.dictionary.size());
      made.dictionary.push_back(attribute.values[code]);
    }
    made.codes.push_back(renamed[code]);
  }
  return made;
}

}  // namespace feed_detail

}  // namespace espalier
