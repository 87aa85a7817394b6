// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "data/helpers.hpp"
#include "espalier/data/dataset.hpp"

using namespace espalier;
using espalier_test::failure;

namespace {

constexpr double missing = std::numeric_limits<double>::quiet_NaN();

/// Rows 0, 1, …, of 37 users, at times 0, 1, ….
Dataset dataset(int rows) {
  Table table;
  std::vector<std::string> users;
  std::vector<int> times, user_numbers;
  for (int i = 0; i < rows; ++i) {
    users.push_back("u" + std::to_string(i % 37));
    user_numbers.push_back(i % 37);
    times.push_back(i);
  }
  table.source = "log";
  table.add("user", users);
  table.add("user_number", user_numbers);
  table.add("time", times);
  return Dataset(std::move(table));
}

using Parts = std::array<Dataset, 3>;

/// Checks that no row is in two parts or twice in one; returns the total number of rows.
Index disjoint(const Parts& parts) {
  std::set<std::int32_t> seen;
  Index all = 0;
  for (const Dataset& part : parts) {
    for (const std::int32_t row : part.rows()) CHECK(seen.insert(row).second);
    all += part.size();
  }
  return all;
}

bool same(const Parts& a, const Parts& b) {
  return a[0].rows() == b[0].rows() && a[1].rows() == b[1].rows() && a[2].rows() == b[2].rows();
}

}  // namespace

TEST_CASE("split: by shares, disjoint, complete, the same for the same seed") {
  for (const int rows : {0, 1, 2, 3, 9, 10, 100, 1001}) {
    const Dataset data = dataset(rows);
    const Parts parts = data.split(0.8, 0.1, 0.1);
    CHECK(disjoint(parts) == rows);
    CHECK(parts[0].size() == std::llround(0.8 * rows));
    CHECK(same(parts, data.split(0.8, 0.1, 0.1)));
    CHECK(&parts[0].table() == &data.table());
  }
  const Dataset data = dataset(1000);
  CHECK_FALSE(same(data.split(0.8, 0.1, 0.1), data.split(0.8, 0.1, 0.1, 1)));
  CHECK_FALSE(
      std::is_sorted(data.split(1, 0, 0)[0].rows().begin(), data.split(1, 0, 0)[0].rows().end()));
  const Parts half = data.split(0.25, 0.125, 0.125);
  CHECK(half[0].size() == 250);
  CHECK(half[1].size() == 125);
  CHECK(half[2].size() == 125);
  CHECK(disjoint(half) == 500);
  CHECK(disjoint(data.split(0, 0, 0)) == 0);
  CHECK(data.split(0, 0, 1)[2].size() == 1000);
  const Parts thirds = data.split(1.0 / 3, 1.0 / 3, 1.0 / 3);
  CHECK(disjoint(thirds) == 1000);
}

TEST_CASE("split: of a part, within it") {
  const Dataset data = dataset(500).filter([](Index row) { return row % 2 == 1; });
  CHECK(data.size() == 250);
  const Parts parts = data.split(0.6, 0.2, 0.2);
  CHECK(disjoint(parts) == 250);
  for (const Dataset& part : parts) {
    for (const std::int32_t row : part.rows()) CHECK(row % 2 == 1);
  }
}

TEST_CASE("split: shares that make no sense are refused") {
  const Dataset data = dataset(10);
  const auto message = [&](double train, double valid, double test) {
    return failure<ConfigError>([&] { static_cast<void>(data.split(train, valid, test)); });
  };
  CHECK(message(0.8, 0.3, 0) ==
        "split: shares 0.8, 0.3, 0; expected numbers from 0 that sum to at most 1");
  CHECK(message(-0.1, 0.3, 0) ==
        "split: shares -0.1, 0.3, 0; expected numbers from 0 that sum to at most 1");
  CHECK(message(missing, 0, 0) ==
        "split: shares nan, 0, 0; expected numbers from 0 that sum to at most 1");
  CHECK_THROWS_AS(static_cast<void>(data.split_by_hash("user", 0.8, 0.3, 0)), ConfigError);
}

TEST_CASE("split: by a rule, in the order of the rows") {
  const Parts parts = dataset(100).split_by([](Index row) {
    return row % 5 < 3 ? 0 : row % 5 == 3 ? 1 : row == 99 ? 7 : 2;
  });
  CHECK(disjoint(parts) == 99);
  CHECK(parts[0].size() == 60);
  CHECK(parts[1].rows()[1] == 8);
  CHECK(parts[2].size() == 19);
  for (const Dataset& part : parts) CHECK(std::is_sorted(part.rows().begin(), part.rows().end()));
  CHECK(dataset(10).split_by([](Index) { return -1; })[0].size() == 0);
}

TEST_CASE("split: by the hash of a column, a value is in one part whatever else there is") {
  const Dataset data = dataset(2000);
  const Parts parts = data.split_by_hash("user", 0.6, 0.2, 0.2);
  CHECK(disjoint(parts) == 2000);
  std::map<std::string, int> part_of;
  const Column& users = data.table().column("user");
  for (int p = 0; p < 3; ++p) {
    CHECK(parts[static_cast<std::size_t>(p)].size() > 0);
    for (const std::int32_t row : parts[static_cast<std::size_t>(p)].rows()) {
      const auto [at, fresh] = part_of.try_emplace(std::string(users.at(row)), p);
      CHECK(at->second == p);
    }
  }
  CHECK(part_of.size() == 37);
  CHECK(same(parts, data.split_by_hash("user", 0.6, 0.2, 0.2)));
  CHECK_FALSE(same(parts, data.split_by_hash("user", 0.6, 0.2, 0.2, 1)));
  // The same for fewer rows, and for a table with another order of values.
  const Dataset part = data.filter([](Index row) { return row >= 1020; });
  const Parts again = part.split_by_hash("user", 0.6, 0.2, 0.2);
  const Parts moved = Dataset(part.to_table()).split_by_hash("user", 0.6, 0.2, 0.2);
  for (std::size_t p = 0; p < 3; ++p) {
    for (const std::int32_t row : again[p].rows())
      CHECK(part_of[std::string(users.at(row))] == static_cast<int>(p));
    CHECK(moved[p].size() == again[p].size());
    for (std::size_t i = 0; i < again[p].rows().size(); ++i)
      CHECK(moved[p].rows()[i] + 1020 == again[p].rows()[i]);
  }
}

TEST_CASE(
    "split: by hash, shares hold for many values; the missing one is in one part; numbers are "
    "hashed as text") {
  Table table;
  std::vector<std::string> values;
  for (int i = 0; i < 20000; ++i) values.push_back(i % 10 == 0 ? "" : std::to_string(i));
  table.add("text", values);
  std::vector<double> numbers;
  for (const std::string& v : values) numbers.push_back(v.empty() ? missing : std::stod(v));
  table.add("number", numbers);
  const Dataset data(std::move(table));
  const Parts parts = data.split_by_hash("text", 0.7, 0.2, 0.1);
  CHECK(disjoint(parts) == 20000);
  CHECK(same(parts, data.split_by_hash("number", 0.7, 0.2, 0.1)));
  std::array<Index, 3> without{}, present{};
  for (std::size_t p = 0; p < 3; ++p) {
    for (const std::int32_t row : parts[p].rows()) ++(row % 10 == 0 ? without : present)[p];
  }
  CHECK(*std::max_element(without.begin(), without.end()) == 2000);
  CHECK(std::abs(static_cast<double>(present[0]) / 18000 - 0.7) < 0.02);
  CHECK(std::abs(static_cast<double>(present[1]) / 18000 - 0.2) < 0.02);
  CHECK(disjoint(data.split_by_hash("text", 0.1, 0.1, 0.1)) < 8000);
}

TEST_CASE("split: by time; what has no time is in no part") {
  Table table;
  table.source = "log";
  table.add("time", std::vector<double>{5, 1, missing, 3, 2, 9, 4});
  table.add("text", std::vector<std::string>{"a", "b", "c", "d", "e", "f", "g"});
  const Dataset data(std::move(table));
  const Parts parts = data.split_by_time("time", 3, 5);
  CHECK(parts[0].rows() == std::vector<std::int32_t>{1, 4});
  CHECK(parts[1].rows() == std::vector<std::int32_t>{3, 6});
  CHECK(parts[2].rows() == std::vector<std::int32_t>{0, 5});
  CHECK(data.split_by_time("time", 3, 3)[1].size() == 0);
  CHECK(failure<ConfigError>([&] { static_cast<void>(data.split_by_time("time", 5, 3)); }) ==
        "split_by_time: validation from 5, test from 3, expected the test not to begin before");
  CHECK_THROWS_AS(static_cast<void>(data.split_by_time("time", missing, 3)), ConfigError);
  CHECK(failure<DataError>([&] { static_cast<void>(data.split_by_time("text", 3, 5)); }) ==
        "log: column 'text' holds text, expected numbers");
}

TEST_CASE("split: by time as text, which sorts as ISO 8601 does") {
  Table table;
  table.source = "log";
  table.add("day", std::vector<std::string>{"2022-05-05", "2022-05-04 23:59", "", "2022-05-07",
                                            "2022-05-06T01:00", "2021-12-31"});
  table.add("number", std::vector<int>{1, 2, 3, 4, 5, 6});
  const Dataset data(std::move(table));
  const Parts parts = data.split_by_time("day", "2022-05-05", "2022-05-07");
  CHECK(parts[0].rows() == std::vector<std::int32_t>{1, 5});
  CHECK(parts[1].rows() == std::vector<std::int32_t>{0, 4});
  CHECK(parts[2].rows() == std::vector<std::int32_t>{3});
  CHECK(failure<ConfigError>(
            [&] { static_cast<void>(data.split_by_time("day", "2022-05-07", "2022-05-05")); }) ==
        "split_by_time: validation from 2022-05-07, test from 2022-05-05, expected the test not to "
        "begin before");
  CHECK(failure<DataError>(
            [&] { static_cast<void>(data.split_by_time("number", "2022-05-05", "2022-05-07")); }) ==
        "log: column 'number' holds numbers, expected text as '2022-05-05': give the bounds as "
        "numbers");
}

TEST_CASE(
    "a dataset is some rows of a table: the first, those that a rule keeps, a table of their own") {
  const Dataset data = dataset(100);
  CHECK(data.head(10).rows().back() == 9);
  CHECK(data.head(1000).size() == 100);
  CHECK(data.head(0).size() == 0);
  CHECK(failure<ConfigError>([&] { static_cast<void>(data.head(-5)); }) ==
        "head: -5 rows, expected 0 or more");
  const Dataset kept = data.filter([](Index row) { return row >= 98; });
  CHECK(espalier_test::cells(kept.to_table(), "time") == "98 99");
  const auto table = std::make_shared<const Table>(kept.to_table());
  CHECK(Dataset(table, {1, 0, 1}).size() == 3);
  CHECK(failure<ConfigError>([&] {
          Dataset wrong(table, {0, 2});
        }) == "dataset: row 2, expected 0 to 1");
  CHECK_THROWS_AS(Dataset(table, {-1}), ConfigError);
  CHECK(Dataset().size() == 0);
  CHECK(failure<ConfigError>([] { static_cast<void>(Dataset().table()); }) ==
        "the dataset is empty: it has no table");
}
