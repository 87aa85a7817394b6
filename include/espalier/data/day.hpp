// SPDX-License-Identifier: Apache-2.0
// Days and times as numbers, from numbers or from text.
#pragma once

#include <chrono>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/data/named_value.hpp"
#include "espalier/data/table.hpp"

namespace espalier {

/// Seconds since 1970 of "2022-05-08", "2022-05-08 18:30" or "2022-05-08T18:30:05" (fractional
/// seconds and a final Z are allowed); nullopt for other texts.
[[nodiscard]] ESPALIER_COLD inline std::optional<double> seconds_of(std::string_view text) {
  const auto number = [&](std::size_t at, std::size_t digits) {
    int value = 0;
    for (std::size_t i = at; i < at + digits; ++i) {
      if (i >= text.size() || text[i] < '0' || text[i] > '9') return -1;
      value = 10 * value + (text[i] - '0');
    }
    return value;
  };
  const auto is = [&](std::size_t at, char c) { return at < text.size() && text[at] == c; };
  const int year = number(0, 4), month = number(5, 2), day = number(8, 2);
  if (year < 0 || month < 0 || day < 0 || !is(4, '-') || !is(7, '-')) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  double seconds =
      86400.0 * static_cast<double>(std::chrono::sys_days(date).time_since_epoch().count());
  std::size_t at = 10;
  if (is(at, ' ') || is(at, 'T')) {
    const int hour = number(11, 2), minute = number(14, 2);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || !is(13, ':')) return std::nullopt;
    seconds += 3600.0 * hour + 60.0 * minute;
    at = 16;
    if (is(at, ':')) {
      const int second = number(17, 2);
      if (second < 0 || second > 60) return std::nullopt;
      seconds += second;
      at = 19;
      if (is(at, '.')) {
        if (number(++at, 1) < 0) return std::nullopt;
        for (double part = 0.1; number(at, 1) >= 0; ++at, part /= 10)
          seconds += part * number(at, 1);
      }
    }
    at += is(at, 'Z') ? 1U : 0U;
  }
  return at == text.size() ? std::optional(seconds) : std::nullopt;
}

/// The day of such a text, in days since 1970; nullopt for other texts.
[[nodiscard]] inline std::optional<double> day_of(std::string_view text) {
  const std::optional<double> seconds = seconds_of(text);
  return seconds ? std::optional(std::floor(*seconds / 86400)) : std::nullopt;
}

namespace history_detail {

/// Error text after "column 'day' is ": the value found (empty: missing) and what was expected.
[[nodiscard]] ESPALIER_COLD inline std::string no_moment(std::string_view found, bool days) {
  return message({(found.empty() ? "missing" : "'" + std::string(found) + "'"), ", expected a ",
                  (days ? "day" : "time"),
                  ", as inputs of the rows before go by it: a number, or a text as 2022-05-08",
                  (days ? "" : " 18:30:05")});
}

/// The day or time that a text states; nullopt for other texts.
[[nodiscard]] inline std::optional<double> moment_of(std::string_view text, bool days) {
  return days ? day_of(text) : seconds_of(text);
}

/// A column of days or times, by row. Throws DataError if a value is missing or is not a day or
/// time.
[[nodiscard]] ESPALIER_COLD inline std::vector<double> moments_of(const Table& table,
                                                                  std::string_view name,
                                                                  bool days) {
  const Column& column = table.column(name);
  const auto refuse = [&](std::size_t row, std::string_view found) {
    throw_error<DataError>({table.where(static_cast<Index>(row)), ": column '", name, "' is ",
                            no_moment(found, days)});
  };
  if (column.kind == ColumnKind::number) {
    for (std::size_t i = 0; i < column.numbers.size(); ++i) {
      if (!std::isfinite(column.numbers[i]))
        refuse(i, std::isnan(column.numbers[i]) ? "" : number_text(column.numbers[i]));
    }
    return column.numbers;
  }
  std::vector<std::optional<double>> read;
  for (const std::string& text : column.dictionary) read.push_back(moment_of(text, days));
  std::vector<double> moments;
  for (std::size_t i = 0; i < column.codes.size(); ++i) {
    const std::int32_t code = column.codes[i];
    if (code < 0 || !read[static_cast<std::size_t>(code)])
      refuse(i, column.at(static_cast<Index>(i)));
    moments.push_back(*read[static_cast<std::size_t>(code)]);
  }
  return moments;
}

}  // namespace history_detail

namespace features_detail {

/// The day or time given for a row. Throws ConfigError if it is missing or invalid.
[[nodiscard]] inline double moment_of(const NamedValue* value, std::string_view name, bool days) {
  if (value != nullptr && !value->is_text && std::isfinite(value->number)) return value->number;
  if (value != nullptr && value->is_text) {
    if (const std::optional<double> read = history_detail::moment_of(value->text, days))
      return *read;
  }
  const bool missing = value == nullptr || value->missing();
  throw_error<ConfigError>(
      {"row: '", name, "' is ", history_detail::no_moment(missing ? "" : value->as_text(), days)});
}

}  // namespace features_detail
}  // namespace espalier
