// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "data/helpers.hpp"
#include "espalier/core/random.hpp"
#include "espalier/data/negative_sampling.hpp"

using namespace espalier;
using espalier_test::cells;
using espalier_test::dump;
using espalier_test::failure;

namespace {

/// `rows` random pairs of `users` and `items`, items by popularity, with a time and a rating.
Table history(int rows, int users, int items, std::uint64_t seed = 1) {
  Random random(seed);
  std::vector<std::string> u, i;
  std::vector<int> times;
  for (int row = 0; row < rows; ++row) {
    u.push_back("u" + std::to_string(random.below(static_cast<std::uint64_t>(users))));
    i.push_back("i" +
                std::to_string(static_cast<int>(items * random.uniform() * random.uniform())));
    times.push_back(row);
  }
  Table table;
  table.source = "log";
  table.add("user", u);
  table.add("item", i);
  table.add("time", times);
  table.add("rating", std::vector<int>(static_cast<std::size_t>(rows), 5));
  return table;
}

using Pairs = std::set<std::pair<std::string, std::string>>;

Pairs pairs_of(const Table& table) {
  Pairs pairs;
  const Column user = table.as_text("user"), item = table.as_text("item");
  for (Index row = 0; row < table.rows(); ++row) pairs.emplace(user.at(row), item.at(row));
  return pairs;
}

}  // namespace

TEST_CASE("negatives: none is a positive; each stands behind its positive, of the same user") {
  for (const double popularity : {0.0, 0.75, 1.0}) {
    const Table positives = history(2000, 50, 300);
    NegativeSamplingOptions options;
    options.per_positive = 3;
    options.popularity = popularity;
    const Table table = sample_negatives(positives, options);
    CHECK(table.rows() == 4 * positives.rows());
    const Pairs known = pairs_of(positives);
    const Column &user = table.column("user"), &item = table.column("item");
    const std::vector<double>& label = table.numbers("label");
    for (Index row = 0; row < table.rows(); ++row) {
      const Index positive = row / 4;
      CHECK(label[static_cast<std::size_t>(row)] == (row % 4 == 0 ? 1 : 0));
      CHECK(user.at(row) == positives.column("user").at(positive));
      if (row % 4 == 0) {
        CHECK(item.at(row) == positives.column("item").at(positive));
      } else {
        CHECK_FALSE(known.contains({std::string(user.at(row)), std::string(item.at(row))}));
        CHECK_FALSE(item.at(row).empty());
      }
    }
  }
}

TEST_CASE("negatives: other columns are missing in them, but those that are kept") {
  NegativeSamplingOptions options;
  options.per_positive = 1;
  options.keep = {"time"};
  const Table table = sample_negatives(history(3, 2, 100), options);
  CHECK(cells(table, "time") == "0 0 1 1 2 2");
  CHECK(cells(table, "rating") == "5 – 5 – 5 –");
  CHECK(cells(table, "label") == "1 0 1 0 1 0");
  CHECK(table.columns().size() == 5);
}

TEST_CASE("negatives: the same for the same seed, others for another") {
  const Table positives = history(500, 20, 200);
  NegativeSamplingOptions options;
  CHECK(dump(sample_negatives(positives, options)) == dump(sample_negatives(positives, options)));
  NegativeSamplingOptions other = options;
  other.seed = 2;
  CHECK(dump(sample_negatives(positives, options)) != dump(sample_negatives(positives, other)));
}

TEST_CASE("negatives: what the history has is not drawn either") {
  const Table all = history(3000, 30, 100);
  std::vector<std::int32_t> rows;
  for (std::int32_t row = 0; row < 1000; ++row) rows.push_back(row);
  const Table positives = all.take(rows);
  const Table table = sample_negatives(positives, {.per_positive = 5}, &all);
  const Pairs known = pairs_of(all);
  bool ignored = false;  // the control: without `all`, known pairs are drawn
  for (Index row = 0; row < table.rows(); ++row) {
    if (table.numbers("label")[static_cast<std::size_t>(row)] == 1) continue;
    CHECK_FALSE(known.contains(
        {std::string(table.column("user").at(row)), std::string(table.column("item").at(row))}));
  }
  const Table careless = sample_negatives(positives, {.per_positive = 5});
  for (Index row = 0; row < careless.rows(); ++row) {
    ignored = ignored || (careless.numbers("label")[static_cast<std::size_t>(row)] == 0 &&
                          known.contains({std::string(careless.column("user").at(row)),
                                          std::string(careless.column("item").at(row))}));
  }
  CHECK(ignored);
}

TEST_CASE("negatives: items are drawn evenly, or by a power of how often they occur") {
  // One user with a single item draws; of the other items, item k occurs 10 · 2^k times.
  std::vector<std::string> users, items;
  for (int k = 0; k < 4; ++k) {
    for (int n = 0; n < 10 << k; ++n) {
      users.push_back("other");
      items.push_back("i" + std::to_string(k));
    }
  }
  users.insert(users.end(), 200, "me");
  items.insert(items.end(), 200, "mine");
  Table table;
  table.add("user", users);
  table.add("item", items);
  for (const double popularity : {0.0, 0.5, 1.0}) {
    const Table made = sample_negatives(table, {.per_positive = 100, .popularity = popularity});
    std::map<std::string, double> drawn;
    double all = 0;
    for (Index row = 0; row < made.rows(); ++row) {
      if (made.column("user").at(row) != "me" ||
          made.numbers("label")[static_cast<std::size_t>(row)] == 1)
        continue;
      ++drawn[std::string(made.column("item").at(row))];
      ++all;
    }
    CHECK(all == 20000);
    CHECK(drawn.size() == 4);
    double weights = 0;
    for (int k = 0; k < 4; ++k) weights += std::pow(10 << k, popularity);
    for (int k = 0; k < 4; ++k) {
      const double share = std::pow(10 << k, popularity) / weights;
      CHECK(std::abs(drawn["i" + std::to_string(k)] / all - share) <
            4 * std::sqrt(share * (1 - share) / all));
    }
  }
}

TEST_CASE("negatives: a user who has nearly every item draws among the rest, in its proportions") {
  std::vector<std::string> users, items;
  for (int k = 0; k < 1000; ++k) {
    users.push_back(k < 998 ? "greedy" : "other");
    items.push_back("i" + std::to_string(k));
  }
  for (int n = 0; n < 2; ++n) {  // i999 occurs three times
    users.push_back("other");
    items.push_back("i999");
  }
  Table table;
  table.add("user", users);
  table.add("item", items);
  const Table made = sample_negatives(table, {.per_positive = 4, .popularity = 1});
  std::map<std::string, double> drawn;
  for (Index row = 0; row < made.rows(); ++row) {
    if (made.column("user").at(row) == "greedy" &&
        made.numbers("label")[static_cast<std::size_t>(row)] == 0) {
      ++drawn[std::string(made.column("item").at(row))];
    }
  }
  CHECK(drawn.size() == 2);
  CHECK(drawn["i998"] + drawn["i999"] == 4 * 998);
  CHECK(drawn["i999"] / (4 * 998) == doctest::Approx(0.75).epsilon(0.05));
}

TEST_CASE(
    "negatives: a user who has every item gets none, which is told; rows without a key get none") {
  Table table;
  table.source = "log";
  table.add("user", std::vector<std::string>{"all", "all", "one", "", "one"});
  table.add("item", std::vector<std::string>{"a", "b", "a", "a", ""});
  const Table made = sample_negatives(table, {.per_positive = 2});
  CHECK(cells(made, "user") == "all all one one one – one");
  CHECK(cells(made, "item") == "a b a b b a –");
  REQUIRE(made.notes.size() == 1);
  CHECK(made.notes[0] == "log: 2 rows have no negatives: their users have every item");
}

TEST_CASE("negatives: keys may be numbers; names may be others; none may be asked for") {
  Table table;
  table.add("u", std::vector<int>{1, 2, 100000});
  table.add("i", std::vector<int>{5, 6, 100000});
  NegativeSamplingOptions options;
  options.user = "u";
  options.item = "i";
  options.label = "watched";
  options.per_positive = 1;
  const Table made = sample_negatives(table, options);
  CHECK(cells(made, "u") == "1 1 2 2 100000 100000");
  CHECK(made.column("u").kind == ColumnKind::number);
  CHECK(made.column("i").dictionary == std::vector<std::string>{"5", "6", "100000"});
  CHECK(cells(made, "watched") == "1 0 1 0 1 0");
  options.per_positive = 0;
  CHECK(cells(sample_negatives(table, options), "i") == "5 6 100000");
  CHECK(sample_negatives(table.take({}), options).rows() == 0);
  options.per_positive = 3;
  CHECK(sample_negatives(table.take({}), options).rows() == 0);
}

TEST_CASE("negatives: options that make no sense are refused") {
  const Table positives = history(10, 5, 20);
  const auto message = [&](const NegativeSamplingOptions& options) {
    return failure<Error>([&] { static_cast<void>(sample_negatives(positives, options)); });
  };
  CHECK(message({.per_positive = -1}) == "per_positive is -1, expected 0 or more");
  CHECK(message({.popularity = -0.5}) == "popularity is -0.5, expected 0 to 10");
  CHECK(message({.popularity = std::nan("")}) == "popularity is nan, expected 0 to 10");
  CHECK(message({.user = "item"}) ==
        "user and item are both the column 'item', expected two columns");
  CHECK(message({.label = "time"}) == "label is 'time', expected a name that log does not have");
  CHECK(message({.keep = {"when"}}) ==
        "log: no column 'when'; there are 'user', 'item', 'time', 'rating'");
  CHECK(message({.item = "video"}) ==
        "log: no column 'video'; there are 'user', 'item', 'time', 'rating'");
}
