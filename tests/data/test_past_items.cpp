// SPDX-License-Identifier: Apache-2.0
// add_past_items(): which rows a row reads, in which order, and what is refused.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "espalier/core/random.hpp"
#include "espalier/data/past_items.hpp"
#include "support/message_of.hpp"

namespace esp = espalier;
using espalier_test::message_of;

namespace {

constexpr double missing = std::numeric_limits<double>::quiet_NaN();

esp::Table log_of(const std::vector<std::string>& user, const std::vector<std::string>& item,
                  const std::vector<double>& time, const std::vector<double>& click = {}) {
  esp::Table table;
  table.add("user", user);
  table.add("item", item);
  table.add("time", time);
  if (!click.empty()) table.add("click", click);
  return table;
}

std::vector<std::string> past(esp::Table table, const esp::PastItemsOptions& options = {}) {
  esp::add_past_items(table, options);
  const esp::Column& column =
      table.column(options.name.empty() ? "past_" + options.item : options.name);
  std::vector<std::string> cells;
  for (const std::int32_t code : column.codes)
    cells.push_back(code < 0 ? "" : column.dictionary[static_cast<std::size_t>(code)]);
  return cells;
}

}  // namespace

TEST_CASE("past items: earlier rows of the same key, the latest last") {
  const esp::Table log = log_of({"a", "b", "a", "a", "b", ""}, {"1", "2", "3", "4", "5", "6"},
                                {10, 11, 30, 20, 12, 1});
  CHECK(past(log) == std::vector<std::string>{"", "", "1|4", "1", "2", ""});
  esp::PastItemsOptions last;
  last.most = 1;
  last.name = "seen";
  CHECK(past(log, last) == std::vector<std::string>{"", "", "4", "1", "2", ""});
}

TEST_CASE("past items: neither the row nor others of the same moment; equal times in table order") {
  CHECK(past(log_of({"a", "a", "a", "a"}, {"1", "2", "3", "4"}, {5, 5, 5, 6})) ==
        std::vector<std::string>{"", "", "", "1|2|3"});
}

TEST_CASE("past items: feedback arrives after the delay") {
  esp::PastItemsOptions o;
  o.delay = 10;
  CHECK(past(log_of({"a", "a", "a", "a"}, {"1", "2", "3", "4"}, {0, 5, 10, 15}), o) ==
        std::vector<std::string>{"", "", "1", "1|2"});
}

TEST_CASE("past items: only rows that count, and those with an item") {
  esp::PastItemsOptions o;
  o.where = "click";
  CHECK(past(log_of({"a", "a", "a", "a", "a"}, {"1", "2", "", "4", "5"}, {1, 2, 3, 4, 5},
                    {1, 0, 1, missing, 1}),
             o) == std::vector<std::string>{"", "1", "1", "1", "1"});
}

TEST_CASE("past items: as if every row looked through the whole log") {
  esp::Random random(7);
  std::vector<std::string> user, item;
  std::vector<double> time;
  for (int i = 0; i < 300; ++i) {
    user.push_back("u" + std::to_string(random.below(6)));
    item.push_back("i" + std::to_string(i));
    time.push_back(static_cast<double>(random.below(60)));
  }
  for (const double delay : {0.0, 1.0, 7.0}) {
    esp::PastItemsOptions o;
    o.delay = delay;
    o.most = 9;
    o.separator = ' ';
    const std::vector<std::string> got = past(log_of(user, item, time), o);
    for (std::size_t i = 0; i < user.size(); ++i) {
      std::vector<std::size_t> earlier;
      for (std::size_t j = 0; j < user.size(); ++j) {
        if (user[j] == user[i] && time[j] < time[i] && time[j] + delay <= time[i])
          earlier.push_back(j);
      }
      std::stable_sort(earlier.begin(), earlier.end(),
                       [&](std::size_t a, std::size_t b) { return time[a] < time[b]; });
      std::string expected;
      for (std::size_t k = earlier.size() < 9 ? 0 : earlier.size() - 9; k < earlier.size(); ++k)
        expected += (expected.empty() ? "" : " ") + item[earlier[k]];
      CHECK(got[i] == expected);
    }
  }
}

TEST_CASE("past items: times as texts are seconds") {
  esp::Table log;
  log.add("user", std::vector<std::string>{"a", "a", "a"});
  log.add("item", std::vector<std::string>{"1", "2", "3"});
  log.add("time", std::vector<std::string>{"2022-05-08 18:30:05", "2022-05-08 18:29:50",
                                           "2022-05-08 18:30:15"});
  esp::PastItemsOptions o;
  o.delay = 15;
  CHECK(past(log, o) == std::vector<std::string>{"2", "", "2"});
  o.delay = 10;
  CHECK(past(log, o) == std::vector<std::string>{"2", "", "2|1"});
}

TEST_CASE("past items: the table's history inputs are as they were") {
  esp::Table log = log_of({"a", "a"}, {"1", "2"}, {1, 2});
  esp::add_past_items(log, {});
  CHECK_FALSE(log.history);
}

TEST_CASE("past items: what is refused") {
  const auto said = [](const esp::Table& table, const esp::PastItemsOptions& o = {}) {
    return message_of([&] { past(table, o); });
  };
  const esp::Table log = log_of({"a", "a"}, {"1", "2"}, {1, 2});
  esp::PastItemsOptions o;
  o.most = 0;
  CHECK(said(log, o) == "past items: most is 0, expected 1 or more");
  o.most = 1;
  o.delay = -1;
  CHECK(said(log, o) == "past items: delay is -1, expected 0 or more");
  o = {};
  o.name = "item";
  CHECK(said(log, o) == "table: there already is a column 'item'");
  CHECK(
      said(log_of({"a", "a"}, {"1", "2"}, {1, missing})) ==
      "table, row 2: column 'time' is missing, expected a time, as inputs of the rows before go by "
      "it: a number, or a text as 2022-05-08 18:30:05");
  CHECK(said(log_of({"a", "a"}, {"1", "2|3"}, {1, 2})) ==
        "table, row 2: column 'item' is '2|3', which contains the separator '|' of histories, "
        "expected another separator");
}
