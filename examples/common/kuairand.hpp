// SPDX-License-Identifier: Apache-2.0
// KuaiRand-Pure: impressions of a short-video app with every kind of feedback (Gao et al., CIKM
// 2022), joined and split.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <iostream>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/find_data.hpp"
#include "espalier/data/duplicates.hpp"
#include "espalier/data/gzip.hpp"
#include "espalier/data/simulator.hpp"
#include "espalier/espalier.hpp"

namespace examples::kuairand {

namespace esp = espalier;

inline constexpr int embedding_width = 4;
inline constexpr int first_day = 20220425, validation_day = 20220505, test_day = 20220507;

/// The log from 25 April on: two files, or the single file of the publisher's archive.
inline std::vector<std::string> log_files(const std::filesystem::path& folder) {
  std::vector<std::string> files;
  for (const char* name : {"log_standard_0425_0430.csv", "log_standard_0501_0508.csv"}) {
    if (const auto file = find_file(folder, name)) files.push_back(*file);
  }
  if (files.size() == 2) return files;
  files.clear();
  if (const auto file = find_file(folder, "log_standard_4_22_to_5_08_pure.csv"))
    files.push_back(*file);
  return files;
}

inline esp::CsvColumn text(const char* name) { return {name, esp::ColumnKind::text}; }
inline esp::CsvColumn number(const char* name) { return {name, esp::ColumnKind::number}; }

/// Attributes of users and videos.
inline esp::CsvOptions user_columns() {
  esp::CsvOptions o;
  for (const char* name : {"user_id", "user_active_degree", "is_lowactive_period",
                           "is_live_streamer", "is_video_author", "follow_user_num_range",
                           "fans_user_num_range", "friend_user_num_range", "register_days_range"}) {
    o.columns.push_back(text(name));
  }
  for (int i = 0; i < 18; ++i)
    o.columns.push_back({"onehot_feat" + std::to_string(i), esp::ColumnKind::text});
  for (const char* name : {"follow_user_num", "fans_user_num", "friend_user_num", "register_days"})
    o.columns.push_back(number(name));
  return o;
}
inline esp::CsvOptions video_columns() {
  esp::CsvOptions o;
  for (const char* name :
       {"video_id", "author_id", "video_type", "upload_type", "music_type", "tag"}) {
    o.columns.push_back(text(name));
  }
  return o;
}

/// What each user watched, watched for long, and liked before the first day: video ids separated by
/// spaces; how many and when.
inline esp::CsvOptions history_columns() {
  esp::CsvOptions o;
  for (const char* name : {"user_id", "watch_seq", "like_seq", "long_watch_seq"})
    o.columns.push_back(text(name));
  for (const char* name : {"history_len", "last_time_ms"}) o.columns.push_back(number(name));
  return o;
}

/// Calls `visit` for each word of a cell; words are separated by spaces.
template <class Visit>
void for_each_word(std::string_view cell, Visit visit) {
  for (std::size_t at = 0; at < cell.size();) {
    const std::size_t end = (std::min)(cell.find(' ', at), cell.size());
    if (end > at) visit(cell.substr(at, end - at));
    at = end + 1;
  }
}

inline double count_words(std::string_view cell) {
  double count = 0;
  for_each_word(cell, [&](std::string_view) { ++count; });
  return count;
}

/// Adds how often each video occurs in the users' histories; `users` has one row per user, or is
/// null.
inline void add_video_counts(esp::Table& videos, const esp::Table* users) {
  const std::array<std::pair<const char*, const char*>, 2> columns{
      {{"watch_seq", "video_watched"}, {"long_watch_seq", "video_watched_long"}}};
  const esp::Column& id = videos.column("video_id");
  for (const auto& [from, to] : columns) {
    std::unordered_map<std::string, double> counts;
    if (users != nullptr) {
      const esp::Column& cells = users->column(from);
      for (esp::Index i = 0; i < users->rows(); ++i) {
        for_each_word(cells.at(i), [&](std::string_view video) { ++counts[std::string(video)]; });
      }
    }
    videos.derive(to, [&](esp::Index i) {
      const auto known = counts.find(std::string(id.at(i)));
      return users == nullptr ? std::nan("") : known == counts.end() ? 0.0 : known->second;
    });
  }
}

/// A share that is shrunk to `usual` for users or videos with few rows.
inline double drawn_share(double part, double of, double usual, double doubt) {
  return (part + usual * doubt) / (of + doubt);
}

/// From the history: number of videos, share of long views, likes, age; and the share of long views
/// of a video over all users.
inline void derive_history(esp::Table& table) {
  const esp::Column watched = table.column("watch_seq"), longer = table.column("long_watch_seq"),
                    liked = table.column("like_seq");
  const std::vector<double> last = table.numbers("last_time_ms"), time = table.numbers("time_ms"),
                            seen = table.numbers("video_watched"),
                            seen_long = table.numbers("video_watched_long");
  table.derive("watched", [&](esp::Index i) { return count_words(watched.at(i)); });
  table.derive("liked", [&](esp::Index i) { return count_words(liked.at(i)); });
  table.derive("long_share", [&](esp::Index i) {
    return drawn_share(count_words(longer.at(i)), count_words(watched.at(i)), 0.3, 3);
  });
  table.derive("history_age", [&](esp::Index i) {
    return time[static_cast<std::size_t>(i)] - last[static_cast<std::size_t>(i)];
  });
  table.derive("video_long_share", [&](esp::Index i) {
    const auto at = static_cast<std::size_t>(i);
    return drawn_share(seen_long[at], seen[at], 0.4, 5);
  });
}

/// The number of twentieths of all videos that this duration exceeds, used as a key for statistics;
/// fifths if `coarse`.
inline double duration_step(double milliseconds, bool coarse) {
  static constexpr std::array<double, 19> seconds{9.2,   12.7,  15.3,  20.6,  25.9, 32.1,  39.7,
                                                  48.2,  60.9,  70.6,  85.0,  97.8, 112.7, 130.2,
                                                  156.4, 180.2, 212.8, 259.2, 309.7};
  const auto step =
      std::upper_bound(seconds.begin(), seconds.end(), milliseconds / 1000) - seconds.begin();
  return static_cast<double>(coarse ? step / 4 : step);
}

/// Derives what the models read but the files lack: the user's history as numbers, the hour, the
/// first tag, steps of duration, and the target of `watch`, log(1 + seconds played).
inline void derive(esp::Table& table) {
  derive_history(table);
  const std::vector<double> clock = table.numbers("hourmin"),
                            played = table.numbers("play_time_ms"),
                            duration = table.numbers("duration_ms");
  table.derive("hour",
               [&](esp::Index i) { return std::floor(clock[static_cast<std::size_t>(i)] / 100); });
  table.derive("log_watch_seconds", [&](esp::Index i) {
    return std::log1p(played[static_cast<std::size_t>(i)] / 1000);
  });
  table.derive("duration_step", [&](esp::Index i) {
    return duration_step(duration[static_cast<std::size_t>(i)], false);
  });
  table.derive("duration_fifth", [&](esp::Index i) {
    return duration_step(duration[static_cast<std::size_t>(i)], true);
  });
  const esp::Column& tags = table.column("tag");
  std::vector<std::string> first_tags;
  for (esp::Index i = 0; i < table.rows(); ++i)
    first_tags.emplace_back(tags.at(i).substr(0, tags.at(i).find(',')));
  table.add("first_tag", first_tags);
}

/// Adds an empty column for each of `columns` that the table lacks.
inline void add_missing(esp::Table& table, const std::vector<esp::CsvColumn>& columns) {
  for (const esp::CsvColumn& c : columns) {
    if (table.has(c.name)) continue;
    if (c.kind == esp::ColumnKind::number) {
      table.derive(c.name, [](esp::Index) { return std::nan(""); });
    } else {
      table.add(esp::Column::text(
          c.name, std::vector<std::string>(static_cast<std::size_t>(table.rows()))));
    }
  }
}

/// Sets `history` to false if there is none.
inline esp::Table read_real(const std::filesystem::path& folder, bool& history, bool keep_copies) {
  esp::CsvOptions log;
  for (const char* name : {"user_id", "video_id", "tab"}) log.columns.push_back(text(name));
  for (const char* name :
       {"date", "hourmin", "time_ms", "is_click", "is_like", "is_follow", "is_comment",
        "is_forward", "is_hate", "long_view", "play_time_ms", "duration_ms"}) {
    log.columns.push_back(number(name));
  }
  const std::vector<std::string> files = log_files(folder);
  if (files.empty()) {
    throw esp::IoError(folder.string() +
                       ": expected log_standard_0425_0430.csv and log_standard_0501_0508.csv (or "
                       ".gz), or log_standard_4_22_to_5_08_pure.csv; one of two is missing");
  }
  esp::Table table = esp::read_csv(files, log);
  if (files.size() == 1) {  // the publisher's file starts three days earlier
    std::vector<std::int32_t> rows;
    const std::vector<double>& date = table.numbers("date");
    for (std::size_t i = 0; i < date.size(); ++i) {
      if (date[i] >= first_day) rows.push_back(static_cast<std::int32_t>(i));
    }
    table = table.take(rows);
  }
  if (!keep_copies) {
    if (const esp::Index dropped =
            esp::drop_duplicates(table, {"user_id", "video_id", "time_ms"})) {
      table.notes.push_back("KuaiRand-Pure: " + std::to_string(dropped) +
                            " copies of rows (user, video and time the same) are left out; "
                            "--keep-copies keeps them");
    }
  }
  const auto beside = [&](const char* name) {
    const auto file = find_file(folder, name);
    if (!file) throw esp::IoError(folder.string() + ": no " + name + " beside the log");
    return *file;
  };
  esp::join(table, esp::read_csv(beside("user_features_pure.csv"), user_columns()), "user_id");
  esp::Table videos = esp::read_csv(beside("video_features_basic_pure.csv"), video_columns());
  const auto before = find_file(folder, "user_history_before_0425.csv");
  if (history && before) {
    const esp::Table users = esp::read_csv(*before, history_columns());
    add_video_counts(videos, &users);
    esp::join(table, users, "user_id");
  } else {
    add_video_counts(videos, nullptr);
  }
  esp::join(table, videos, "video_id");
  if (history && !before) {
    history = false;
    std::cerr
        << folder.string()
        << ": no user_history_before_0425.csv; what users did before 25 April is left empty\n";
  }
  add_missing(table, history_columns().columns);
  table.source = "KuaiRand-Pure";
  return table;
}

/// A simulated feed with the same columns; those that the simulator lacks are missing in every row.
inline esp::Table simulate() {
  esp::Table table = esp::simulate_feed({.users = 20000, .items = 5000, .impressions = 200000});
  for (const auto& columns : {user_columns(), video_columns(), history_columns()})
    add_missing(table, columns.columns);
  for (const char* name : {"video_watched", "video_watched_long"})
    table.derive(name, [](esp::Index) { return std::nan(""); });
  for (const char* label : {"is_follow", "is_comment", "is_forward", "is_hate"}) {
    if (!table.has(label)) table.derive(label, [](esp::Index) { return std::nan(""); });
  }
  return table;
}

template <esp::FixedString Name>
using Category = esp::Categorical<Name, embedding_width>;
template <esp::FixedString Name>
using Amount = esp::Numeric<Name, esp::Log1p, esp::Standardize>;

/// User, video and place of the impression.
using Ids = esp::Inputs<Category<"user_id">, Category<"video_id">, Category<"author_id">,
                        Category<"tab">, Category<"hour">>;

/// Attributes of users and videos from the platform.
using Attributes = esp::Inputs<
    Category<"user_active_degree">, Category<"is_lowactive_period">, Category<"is_live_streamer">,
    Category<"is_video_author">, Category<"follow_user_num_range">, Category<"fans_user_num_range">,
    Category<"friend_user_num_range">, Category<"register_days_range">, Category<"onehot_feat0">,
    Category<"onehot_feat1">, Category<"onehot_feat2">, Category<"onehot_feat3">,
    Category<"onehot_feat4">, Category<"onehot_feat5">, Category<"onehot_feat6">,
    Category<"onehot_feat7">, Category<"onehot_feat8">, Category<"onehot_feat9">,
    Category<"onehot_feat10">, Category<"onehot_feat11">, Category<"onehot_feat12">,
    Category<"onehot_feat13">, Category<"onehot_feat14">, Category<"onehot_feat15">,
    Category<"onehot_feat16">, Category<"onehot_feat17">, Category<"video_type">,
    Category<"upload_type">, Category<"music_type">, Category<"first_tag">>;

/// Numeric attributes, and what the user and all users watched before the first day.
using Amounts =
    esp::Inputs<Amount<"duration_ms">, Amount<"follow_user_num">, Amount<"fans_user_num">,
                Amount<"friend_user_num">, Amount<"register_days">, Amount<"history_len">,
                Amount<"watched">, Amount<"liked">, esp::Numeric<"long_share">,
                Amount<"video_watched">, Amount<"video_watched_long">,
                esp::Numeric<"video_long_share">, Amount<"history_age">>;

using Before = esp::Before<"date">;

/// Over rows of earlier days with these keys: their number, the shares of clicks and of long views,
/// and the mean log watch time.
template <class... Keys>
using Statistics =
    esp::JoinedInputs<esp::Inputs<esp::CountOf<Keys, Before>, esp::MeanOf<"is_click", Keys, Before>,
                                  esp::MeanOf<"long_view", Keys, Before>,
                                  esp::MeanOf<"log_watch_seconds", Keys, Before>>...>;

/// By user, video, author, tag, duration, and by user combined with tab, duration and tag.
using EarlierDays =
    Statistics<esp::By<"user_id">, esp::By<"video_id">, esp::By<"author_id">, esp::By<"first_tag">,
               esp::By<"duration_step">, esp::By<"user_id", "tab">,
               esp::By<"user_id", "duration_fifth">, esp::By<"user_id", "first_tag">>;

/// Time since the user's previous rows, rows of the day so far, and whether the user saw the video
/// before.
using Session = esp::Inputs<esp::SincePrevious<esp::By<"user_id">, "time_ms">,
                            esp::SincePrevious<esp::By<"user_id">, "time_ms", esp::Nth<2>>,
                            esp::EarlierRows<esp::By<"user_id", "date">, "time_ms">,
                            esp::EarlierRows<esp::By<"user_id", "video_id">, "time_ms">>;

template <class Fields>
struct InBuckets;
template <class... Fields>
struct InBuckets<esp::Inputs<Fields...>> {
  using type = esp::Inputs<esp::Bucketed<Fields, 32, embedding_width>...>;
};

using Numbers = esp::JoinedInputs<Amounts, EarlierDays, Session>;

/// All inputs; each number as it is and in buckets.
using Inputs = esp::JoinedInputs<Ids, Attributes, Numbers, InBuckets<Numbers>::type>;

/// Which inputs and rows are used.
struct Groups {
  bool history = true;  ///< what users watched before the first day
  bool session = true;  ///< the session so far
  bool days = true;     ///< statistics of earlier days
  bool copies = false;  ///< duplicate rows
};

/// Adds the inputs computed from earlier rows; unwanted ones are missing in all rows.
inline void add_earlier_rows(esp::Table& table, const Groups& groups) {
  esp::RowHistory(Inputs::fields).add_to(table);
  const auto leave_out = [&](const auto& fields) {
    for (const esp::FieldInfo& f : fields) {
      table.remove(f.column);
      table.derive(std::string(f.column), [](esp::Index) { return std::nan(""); });
    }
  };
  if (!groups.session) leave_out(Session::fields);
  if (!groups.days) leave_out(EarlierDays::fields);
}

/// Trains until 4 May, validates on 5 and 6 May, tests on 7 and 8 May. If no data is found: the
/// simulator, split 8 : 1 : 1 by time. No input is known only after the impression. Without
/// `groups.history`, which becomes false if there is none, the inputs from before the first day are
/// missing; `session` and `days` likewise. Of duplicate rows the first is kept, unless
/// `groups.copies` is set.
/// `add`, if given, adds columns to the whole table before it is split.
inline std::array<esp::Dataset, 3> load(const std::string& given, bool download, Groups& groups,
                                        void (*add)(esp::Table&) = nullptr) {
  const std::vector<std::string> files{"log_standard_0425_0430.csv",
                                       "log_standard_4_22_to_5_08_pure.csv"};
  const auto folder =
      find_or_fetch(given, "kuairand-pure", files,
                    {"kuairand-pure/KuaiRand-Pure/data", "KuaiRand-Pure/data", "data"}, download);
  if (folder) {
    esp::Table table = read_real(*folder, groups.history, groups.copies);
    derive(table);
    add_earlier_rows(table, groups);
    if (add != nullptr) add(table);
    return esp::Dataset(std::move(table)).split_by_time("date", validation_day, test_day);
  }
  std::cerr
      << "KuaiRand-Pure is not here and cannot be had: training on a SIMULATED feed instead.\n"
         "The figures below say nothing about real users. `scripts/fetch-data kuairand-pure` gets "
         "the real data.\n";
  groups.history = false;
  esp::Table table = simulate();
  derive(table);
  add_earlier_rows(table, groups);
  if (add != nullptr) add(table);
  const esp::Dataset all(std::move(table));
  const double n = static_cast<double>(all.size());
  return all.split_by([&](esp::Index i) {
    return static_cast<double>(i) < 0.8 * n ? 0 : static_cast<double>(i) < 0.9 * n ? 1 : 2;
  });
}

}  // namespace examples::kuairand
