// SPDX-License-Identifier: Apache-2.0
// Folds, and splits by the values of a column.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/random.hpp"
#include "espalier/data/folds.hpp"
#include "support/message_of.hpp"

using namespace espalier;
using espalier_test::message_of;

namespace {

using Rows = std::vector<std::int32_t>;

/// `user`: few rows each. `kind`: common, rare, very rare and missing values. `class`: the same as
/// numbers.
Dataset events(Index rows, std::uint64_t seed) {
  Random random(seed);
  std::vector<std::string> user, kind;
  std::vector<double> number, spread;
  for (Index i = 0; i < rows; ++i) {
    user.push_back("u" + std::to_string(random.below(40)));
    const double u = random.uniform();
    const int value = u < 0.6 ? 0 : u < 0.9 ? 1 : u < 0.93 ? 2 : u < 0.95 ? 3 : 4;
    kind.push_back(value == 4 ? "" : std::string(1, static_cast<char>('a' + value)));
    number.push_back(value == 4 ? std::nan("") : value);
    spread.push_back(random.uniform());
  }
  Table table;
  table.source = "events";
  table.add("user", user);
  table.add("kind", kind);
  table.add("class", number);
  table.add("spread", spread);
  return Dataset(std::move(table));
}

/// Checks that every row is in exactly one validation part, and in the training part of all other
/// folds.
void check_partition(const Dataset& data, const std::vector<Fold>& folds) {
  Rows left_out;
  for (const auto& [train, valid] : folds) {
    Rows all = train.rows();
    all.insert(all.end(), valid.rows().begin(), valid.rows().end());
    std::sort(all.begin(), all.end());
    CHECK(all == data.rows());
    left_out.insert(left_out.end(), valid.rows().begin(), valid.rows().end());
  }
  std::sort(left_out.begin(), left_out.end());
  CHECK(left_out == data.rows());
}

std::map<std::string, double> counts(const Dataset& data, std::string_view column) {
  const Column key = data.table().as_text(column);
  std::map<std::string, double> found;
  for (const std::int32_t row : data.rows()) ++found[std::string(key.at(row))];
  return found;
}

bool same_rows(const std::vector<Fold>& a, const std::vector<Fold>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Fold& x, const Fold& y) {
    return x.valid.rows() == y.valid.rows() && x.train.rows() == y.train.rows();
  });
}

}  // namespace

TEST_CASE("folds: each row is left out once, in parts of one size up to one row") {
  const Dataset data = events(100, 1).filter([](Index row) { return row % 10 != 0; });
  for (const int k : {2, 3, 7, 90}) {
    CAPTURE(k);
    const std::vector<Fold> folds = data.folds(k);
    REQUIRE(folds.size() == static_cast<std::size_t>(k));
    check_partition(data, folds);
    for (const Fold& fold : folds)
      CHECK(std::abs(static_cast<double>(fold.valid.size()) - 90.0 / k) < 1);
  }
  CHECK(same_rows(data.folds(3, 5), data.folds(3, 5)));
  CHECK(!same_rows(data.folds(3, 5), data.folds(3, 6)));
}

TEST_CASE("folds: a row that the data has several times is left out with all of them") {
  const Dataset all = events(2, 1);
  const Dataset data(std::make_shared<const Table>(all.table()), {0, 0, 0, 0, 1, 1});
  for (const std::uint64_t seed : {1U, 2U, 3U, 4U}) {
    for (const auto& folds : {data.folds(2, seed), data.folds_stratified("user", 2, seed)}) {
      for (const auto& [train, valid] : folds) {
        CHECK(train.size() + valid.size() == 6);
        CHECK(train.rows().front() == train.rows().back());
        CHECK(valid.rows().front() == valid.rows().back());
      }
    }
  }
  CHECK(message_of([&] { static_cast<void>(data.folds(3)); }) ==
        "folds: k is 3, expected 2 to 2, the number of different rows");
}

TEST_CASE("folds by hash: no value is on both sides") {
  const Dataset data = events(400, 2);
  const Column& user = data.table().column("user");
  const std::vector<Fold> folds = data.folds_by_hash("user", 4, 3);
  check_partition(data, folds);
  for (const auto& [train, valid] : folds) {
    std::set<std::string_view> learnt;
    for (const std::int32_t row : train.rows()) learnt.insert(user.at(row));
    for (const std::int32_t row : valid.rows()) CHECK(learnt.count(user.at(row)) == 0);
  }
  CHECK(same_rows(folds, data.folds_by_hash("user", 4, 3)));
  CHECK(!same_rows(folds, data.folds_by_hash("user", 4, 4)));
}

TEST_CASE(
    "folds stratified: each value, the missing one too, is in every part alike up to one row") {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    const Dataset data = events(331, seed);
    for (const char* column : {"kind", "class"}) {
      const auto whole = counts(data, column);
      REQUIRE(whole.size() == 5);
      for (const int k : {2, 5, 9}) {
        const std::vector<Fold> folds = data.folds_stratified(column, k, seed);
        check_partition(data, folds);
        for (const Fold& fold : folds) {
          CHECK(std::abs(static_cast<double>(fold.valid.size()) - 331.0 / k) < 1);
          auto part = counts(fold.valid, column);
          for (const auto& [value, count] : whole) CHECK(std::abs(part[value] - count / k) < 1);
        }
        CHECK(same_rows(folds, data.folds_stratified(column, k, seed)));
        CHECK(!same_rows(folds, data.folds_stratified(column, k, seed + 9)));
      }
    }
  }
}

TEST_CASE("split stratified: every part has its share of each value up to one row, and of all") {
  struct Shares {
    double train, valid, test;
  };
  for (const Shares s :
       {Shares{0.8, 0.1, 0.1}, {0.5, 0.25, 0}, {1, 0, 0}, {0.34, 0.33, 0.33}, {0, 0, 0}}) {
    for (const std::uint64_t seed : {1U, 2U, 3U}) {
      const Dataset data = events(457, seed);
      for (const char* column : {"kind", "class", "user"}) {
        CAPTURE(column);
        const auto whole = counts(data, column);
        const auto parts = data.split_stratified(column, s.train, s.valid, s.test, seed);
        const std::array<double, 3> shares{s.train, s.valid, s.test};
        Rows all;
        for (std::size_t p = 0; p < 3; ++p) {
          auto part = counts(parts[p], column);
          for (const auto& [value, count] : whole)
            CHECK(std::abs(part[value] - shares[p] * count) < 1);
          CHECK(std::abs(static_cast<double>(parts[p].size()) - shares[p] * 457) < 2.5);
          all.insert(all.end(), parts[p].rows().begin(), parts[p].rows().end());
        }
        std::sort(all.begin(), all.end());
        CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
        if (s.train + s.valid + s.test == 1) CHECK(all == data.rows());
        CHECK(parts[0].rows() ==
              data.split_stratified(column, s.train, s.valid, s.test, seed)[0].rows());
      }
    }
  }
}

TEST_CASE("split stratified: values of one row each are divided by the shares all the same") {
  std::vector<std::string> ids;
  for (int i = 0; i < 100; ++i) ids.push_back("id" + std::to_string(i));
  Table table;
  table.add("id", ids);
  const auto parts = Dataset(std::move(table)).split_stratified("id", 0.8, 0.1, 0.1);
  CHECK(parts[0].size() == 80);
  CHECK(parts[1].size() == 10);
  CHECK(parts[2].size() == 10);
}

TEST_CASE("folds: what cannot be cut is refused with a sentence") {
  const Dataset data = events(130, 1);
  CHECK(message_of([&] { static_cast<void>(data.folds(1)); }) ==
        "folds: k is 1, expected 2 to 130, the number of different rows");
  CHECK(message_of([&] { static_cast<void>(data.folds_stratified("kind", 131)); }) ==
        "folds: k is 131, expected 2 to 130, the number of different rows");
  CHECK(message_of([&] {
          static_cast<void>(data.folds_by_hash("user", 60));
        }).ends_with("of 130 rows: column 'user' has too few values, expected fewer folds"));
  CHECK(message_of([&] {
          static_cast<void>(data.folds_by_hash("nobody", 3));
        }).find("no column 'nobody'") != std::string::npos);
  CHECK(message_of([&] { static_cast<void>(data.split_stratified("spread", 0.8, 0.1, 0.1)); }) ==
        "events: column 'spread' has 130 different numbers, expected at most 100 to stratify by: "
        "derive a column of a few ranges from it");
  CHECK(message_of([&] { static_cast<void>(data.split_stratified("kind", 0.8, 0.3, 0.1)); }) ==
        "split: shares 0.8, 0.3, 0.1; expected numbers from 0 that sum to at most 1");
}

TEST_CASE("folds: the spellings of a number are one value") {
  Table numbers, spellings;
  std::vector<int> users;
  std::vector<std::string> written;
  for (int i = 0; i < 60; ++i) {
    users.push_back(i % 20);
    written.push_back(std::to_string(i % 20) + (i < 20 ? "" : i < 40 ? ".0" : ".00"));
  }
  numbers.add("user", users);
  spellings.add("user", written);
  const Dataset a(std::move(numbers)), b(std::move(spellings));
  const std::vector<Fold> expected = a.folds_by_hash("user", 3, 4),
                          folds = b.folds_by_hash("user", 3, 4);
  const std::vector<Fold> stratified = a.folds_stratified("user", 3, 4),
                          too = b.folds_stratified("user", 3, 4);
  for (std::size_t k = 0; k < 3; ++k) {
    CHECK(folds[k].valid.rows() == expected[k].valid.rows());
    CHECK(too[k].valid.rows() == stratified[k].valid.rows());
  }
}
