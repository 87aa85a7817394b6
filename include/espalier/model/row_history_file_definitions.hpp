// SPDX-License-Identifier: Apache-2.0
// Definitions of row_history_file.hpp.
#pragma once

#include "espalier/model/row_history_file.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/decimal.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/json.hpp"
#include "espalier/data/daily_totals.hpp"
#include "espalier/data/row_history.hpp"
#include "espalier/model/item_history_file.hpp"
#include "espalier/model/safetensors.hpp"

namespace espalier {

namespace history_detail {

/// Files without past items stay readable by versions that do not know these.
[[nodiscard]] inline std::int64_t version_of(const RowHistory& history) {
  return history.items().empty() ? 1 : 2;
}

ESPALIER_COLD ESPALIER_INLINE std::string join_names(const std::vector<std::string>& names,
                                                     const std::vector<std::size_t>& places) {
  std::string text;
  for (const std::size_t place : places) text += (text.empty() ? "'" : ", '") + names[place] + "'";
  return text;
}

[[nodiscard]] ESPALIER_COLD inline std::string about(const HistoryColumns& columns,
                                                     const DailyHistory& group) {
  return "by " + join_names(columns.keys, group.keys()) + " before '" + columns.days[group.day()] +
         "': rows, " + join_names(columns.labels, group.labels());
}

[[nodiscard]] ESPALIER_COLD inline std::string about(const HistoryColumns& columns,
                                                     const SessionHistory& group) {
  return "by " + join_names(columns.keys, group.keys()) + " at '" + columns.time +
         "': " + std::to_string(group.rows().width);
}

ESPALIER_COLD ESPALIER_INLINE void add_totals(SafetensorsWriter& writer, const std::string& name,
                                              const KeyTotals& totals) {
  const auto keys = static_cast<std::int64_t>(totals.index.size()),
             width = static_cast<std::int64_t>(totals.width);
  writer.add(name + "/keys", Shape{keys}, std::span(totals.index.keys()));
  writer.add(name + "/values", Shape{keys, width}, std::span(totals.values));
}

ESPALIER_COLD ESPALIER_INLINE KeyTotals read_totals(const SafetensorsFile& file,
                                                    const std::string& name, std::size_t width) {
  KeyTotals totals{width};
  const std::vector<std::uint64_t> keys = file.values<std::uint64_t>(name + "/keys");
  for (const std::uint64_t key : keys) static_cast<void>(totals.index.add(key));
  if (totals.index.size() != keys.size())
    throw_error<CheckpointError>({file.path(), ": tensor '", name, "/keys' has a key twice"});
  totals.values.resize(keys.size() * width);
  file.read(name + "/values",
            {static_cast<std::int64_t>(keys.size()), static_cast<std::int64_t>(width)},
            std::span(totals.values));
  return totals;
}

/// Adds the sums of one part of a group: part 0, the closed days, for all keys; another part, an
/// open day, for the keys with a non-zero sum.
ESPALIER_COLD inline void add_part(SafetensorsWriter& writer, const std::string& name,
                                   const DailyTotals& totals, std::size_t part) {
  const KeyTotals& all = totals.totals();
  const std::size_t sums = all.width / DailyTotals::parts;
  std::vector<std::uint64_t> keys;
  std::vector<double> values;
  for (std::size_t k = 0; k < all.index.size(); ++k) {
    const double* const of_key = all.values.data() + k * all.width + part * sums;
    if (part > 0 && std::all_of(of_key, of_key + sums, [](double sum) { return sum == 0; }))
      continue;
    keys.push_back(all.index.keys()[k]);
    values.insert(values.end(), of_key, of_key + sums);
  }
  const auto count = static_cast<std::int64_t>(keys.size());
  writer.add_own(name + "/keys", Shape{count}, std::move(keys));
  writer.add_own(name + "/values", Shape{count, static_cast<std::int64_t>(sums)},
                 std::move(values));
}

/// Reads what add_part() wrote into `all`. Throws CheckpointError if a key of an open day is
/// missing in the closed days.
ESPALIER_COLD inline void read_part(const SafetensorsFile& file, const std::string& name,
                                    KeyTotals& all, std::size_t part) {
  const std::size_t sums = all.width / DailyTotals::parts;
  const KeyTotals read = read_totals(file, name, sums);
  for (std::size_t k = 0; k < read.index.size(); ++k) {
    const std::uint64_t key = read.index.keys()[k];
    if (part > 0 && all.find(key) == nullptr)
      throw_error<CheckpointError>(
          {file.path(), ": tensor '", name, "/keys' has a key that the closed days lack"});
    std::copy_n(read.values.data() + k * sums, sums, all.add(key, 0) + part * sums);
  }
}

[[nodiscard]] ESPALIER_COLD inline Json finite_or_null(double x) {
  return std::isfinite(x) ? Json(x) : Json();
}

[[nodiscard]] ESPALIER_COLD inline double number_or(const Json& json, double none) {
  return json.is_null() ? none : json.as_number();
}

/// Throws DataError unless there are at most DailyTotals::open_days days, ascending and after the
/// closed ones.
[[nodiscard]] ESPALIER_COLD inline std::vector<DailyTotals::Day> open_days(
    const Json& json, double closed, const std::string& name) {
  std::vector<DailyTotals::Day> open;
  bool ascend = json.size() <= DailyTotals::open_days;
  for (const Json& day : json.items()) {
    ascend = ascend && day.as_number() > (open.empty() ? closed : open.back().day);
    open.push_back({day.as_number(), open.size() + 1});
  }
  if (!ascend) {
    throw_error<DataError>({"the open days ", json.dump(), " of '", name, "', expected at most ",
                            DailyTotals::open_days, " that ascend, after ", number_text(closed)});
  }
  return open;
}

}  // namespace history_detail

ESPALIER_COLD ESPALIER_INLINE void add_history(SafetensorsWriter& writer,
                                               const RowHistory& history) {
  std::vector<Json> daily, sessions, items;
  for (std::size_t g = 0; g < history.daily().size(); ++g) {
    const DailyHistory& group = history.daily()[g];
    const std::string name = "history/daily" + std::to_string(g);
    history_detail::add_part(writer, name, group.totals(), 0);
    std::vector<Json> open;
    for (const DailyTotals::Day& day : group.totals().open()) {
      history_detail::add_part(writer, name + "/open" + std::to_string(open.size()), group.totals(),
                               day.part);
      open.emplace_back(day.day);
    }
    Json json = Json::object();
    json.set("about", history_detail::about(history.columns(), group));
    json.set("closed", history_detail::finite_or_null(group.totals().last_closed()))
        .set("open", Json::array(std::move(open)));
    daily.push_back(std::move(json));
  }
  for (std::size_t g = 0; g < history.sessions().size(); ++g) {
    history_detail::add_totals(writer, "history/sessions" + std::to_string(g),
                               history.sessions()[g].rows());
    sessions.push_back(Json::object().set(
        "about", history_detail::about(history.columns(), history.sessions()[g])));
  }
  for (const ItemHistory& group : history.items()) {
    history_detail::add_items(writer, "history/items" + std::to_string(items.size()), group);
    items.push_back(Json::object().set("about", history_detail::about(history.columns(), group)));
  }
  Json json = Json::object();
  json.set("version", history_detail::version_of(history))
      .set("last", history_detail::finite_or_null(history.last()));
  json.set("daily", Json::array(std::move(daily)))
      .set("sessions", Json::array(std::move(sessions)));
  if (!items.empty()) json.set("items", Json::array(std::move(items)));
  writer.metadata("history", json.dump());
}

ESPALIER_COLD ESPALIER_INLINE void read_history(const SafetensorsFile& file, RowHistory& history) {
  const double none = -std::numeric_limits<double>::infinity();
  const auto expect = [&](const std::string& found, const std::string& expected) {
    if (found == expected) return;
    throw_error<CheckpointError>(
        {file.path(), ": what it knows of the rows before is ", found, ", expected ", expected});
  };
  try {
    const Json json = Json::parse(file.metadata("history"));
    expect("of version " + json.at("version").dump(),
           "of version " + std::to_string(history_detail::version_of(history)));
    const auto groups = [&](const char* kind, std::size_t count) {
      const Json& found = json.at(kind);
      expect(std::to_string(found.size()) + " groups of " + kind,
             std::to_string(count) + " groups of " + kind);
      return &found;
    };
    const Json& daily = *groups("daily", history.daily().size());
    for (std::size_t g = 0; g < history.daily().size(); ++g) {
      DailyHistory& group = history.daily()[g];
      const Json& saved = daily.items()[g];
      expect(saved.at("about").as_string(), history_detail::about(history.columns(), group));
      const std::string name = "history/daily" + std::to_string(g);
      const double closed = history_detail::number_or(saved.at("closed"), none);
      std::vector<DailyTotals::Day> open =
          history_detail::open_days(saved.at("open"), closed, name);
      DailyTotals totals = group.totals();
      KeyTotals all{totals.totals().width};
      history_detail::read_part(file, name, all, 0);
      for (const DailyTotals::Day& day : open) {
        history_detail::read_part(file, name + "/open" + std::to_string(day.part - 1), all,
                                  day.part);
      }
      totals.restore(std::move(all), closed, std::move(open));
      group.restore(std::move(totals));
    }
    const Json& sessions = *groups("sessions", history.sessions().size());
    for (std::size_t g = 0; g < history.sessions().size(); ++g) {
      SessionHistory& group = history.sessions()[g];
      expect(sessions.items()[g].at("about").as_string(),
             history_detail::about(history.columns(), group));
      group.restore(history_detail::read_totals(file, "history/sessions" + std::to_string(g),
                                                group.rows().width));
    }
    for (std::size_t g = 0; g < history.items().size(); ++g) {
      ItemHistory& group = history.items()[g];
      expect(groups("items", history.items().size())->items()[g].at("about").as_string(),
             history_detail::about(history.columns(), group));
      history_detail::read_items(file, "history/items" + std::to_string(g), group);
    }
    history.set_last(history_detail::number_or(json.at("last"), none));
  } catch (const DataError& error) {
    throw_error<CheckpointError>({file.path(), ": metadata 'history': ", error.what()});
  }
}

}  // namespace espalier
