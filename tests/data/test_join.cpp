// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>
#include <unordered_map>
#include <vector>

#include "data/helpers.hpp"
#include "espalier/core/random.hpp"
#include "espalier/data/join.hpp"

using namespace espalier;
using espalier_test::cells;
using espalier_test::dump;
using espalier_test::failure;

namespace {

Table log_of(std::string_view csv) { return parse_csv(csv, "log.csv"); }
Table users_of(std::string_view csv) { return parse_csv(csv, "users.csv"); }

}  // namespace

TEST_CASE("join: columns come over where the keys are the same, rows stay as they are") {
  Table log = log_of("user,click\nu2,1\nu1,0\nu2,0\n");
  const JoinReport report =
      join(log, users_of("user,age,city\nu1,31,Ulm\nu2,,Köln\nu3,5,Bonn\n"), "user");
  CHECK(report.matched == 3);
  CHECK(report.unmatched == 0);
  CHECK(cells(log, "click") == "1 0 0");
  CHECK(cells(log, "age") == "– 31 –");
  CHECK(cells(log, "city") == "Köln Ulm Köln");
  CHECK(log.columns().size() == 4);
  CHECK(log.notes.empty());
  CHECK(log.where(1) == "log.csv:3");
}

TEST_CASE("join: keys without a partner are missing values, counted and told of") {
  Table log = log_of("user,click\nu1,1\nu9,0\n,1\nu9,1\n");
  const JoinReport report = join(log, users_of("user,age,city\nu1,31,Ulm\n,7,Nowhere\n"), "user");
  CHECK(report.matched == 1);
  CHECK(report.unmatched == 3);
  CHECK(report.without == 1);
  CHECK(cells(log, "age") == "31 – – –");
  CHECK(cells(log, "city") == "Ulm – – –");
  REQUIRE(log.notes.size() == 1);
  CHECK(log.notes[0] ==
        "log.csv: 3 of 4 rows have a 'user' that users.csv does not have (1 of them have none)");
}

TEST_CASE("join: numbers and texts are keys alike") {
  Table log = log_of("user,click\n100000,1\n7,0\n");                // numbers
  const Table users = users_of("user,age\n7,31\n100000,5\nx,1\n");  // texts
  CHECK(log.column("user").kind == ColumnKind::number);
  CHECK(users.column("user").kind == ColumnKind::text);
  CHECK(join(log, users, "user").unmatched == 0);
  CHECK(cells(log, "age") == "5 31");
  Table other = users;
  CHECK(join(other, log_of("user,click\n100000,1\n7,0\n"), "user").unmatched == 1);
  CHECK(cells(other, "click") == "0 1 –");
}

TEST_CASE("join: a prefix keeps names apart") {
  Table log = log_of("user,id\nu1,5\n");
  const Table users = users_of("user,id\nu1,6\n");
  const std::string before = dump(log);
  CHECK(failure<DataError>([&] { join(log, users, "user"); }) ==
        "users.csv: column 'id' is in log.csv too, expected another name (a prefix makes one)");
  CHECK(dump(log) == before);
  join(log, users, "user", {.prefix = "user_"});
  CHECK(cells(log, "id") == "5");
  CHECK(cells(log, "user_id") == "6");
}

TEST_CASE("join: a key twice on the right is an error with both places") {
  Table log = log_of("user,click\nu1,1\n");
  const std::string before = dump(log);
  CHECK(failure<DataError>([&] { join(log, users_of("user,age\nu1,1\nu2,2\nu1,3\n"), "user"); }) ==
        "users.csv:4: 'user' is 'u1' as in users.csv:2, expected each value once");
  CHECK(failure<DataError>([&] { join(log, users_of("id,age\nu1,1\n"), "user"); }) ==
        "users.csv: no column 'user'; there are 'id', 'age' (read were those that the model and "
        "CsvOptions::columns name)");
  CHECK(failure<DataError>([&] { join(log, users_of("user,age\nu1,1\n"), "age"); }) ==
        "log.csv: no column 'age'; there are 'user', 'click' (read were those that the model and "
        "CsvOptions::columns name)");
  CHECK(dump(log) == before);
}

TEST_CASE("join: empty tables, and a table with itself") {
  Table log = log_of("user,click\n");
  CHECK(join(log, users_of("user,age\nu1,5\n"), "user").matched == 0);
  CHECK(log.has("age"));
  Table some = log_of("user,click\nu1,1\n");
  CHECK(join(some, users_of("user,age\n"), "user").unmatched == 1);
  CHECK(cells(some, "age") == "–");
  Table twice = log_of("user,click\nu1,1\nu2,0\n");
  join(twice, twice, "user", {.prefix = "again_"});
  CHECK(cells(twice, "again_click") == "1 0");
}

TEST_CASE("join: what the right had to say is kept") {
  CsvOptions options;
  options.max_bad_rows = 1;
  Table log = log_of("user,click\nu1,1\n");
  join(log, parse_csv("user,age\nu1,5\nx\n", "users.csv", options), "user");
  REQUIRE(log.notes.size() == 1);
  CHECK(log.notes[0].starts_with("users.csv: skipped 1 malformed row"));
}

TEST_CASE("join does as a map does") {
  Random random(7);
  for (int round = 0; round < 30; ++round) {
    std::vector<std::string> keys;
    std::vector<double> values;
    std::unordered_map<std::string, double> map;
    while (keys.size() < 50) {
      keys.push_back(std::to_string(random.below(200)));
      if (map.contains(keys.back())) {
        keys.pop_back();
        continue;
      }
      values.push_back(random.uniform());
      map[keys.back()] = values.back();
    }
    std::vector<int> left_keys;
    for (int i = 0; i < 300; ++i) left_keys.push_back(static_cast<int>(random.below(200)));
    Table left, right;
    left.add("k", left_keys);
    right.add("k", keys);
    right.add("v", values);
    Index matched = 0;
    const JoinReport report = join(left, right, "k");
    for (std::size_t i = 0; i < left_keys.size(); ++i) {
      const auto at = map.find(std::to_string(left_keys[i]));
      const double v = left.numbers("v")[i];
      CHECK(std::isnan(v) == (at == map.end()));
      if (at != map.end()) CHECK(v == at->second);
      matched += at != map.end() ? 1 : 0;
    }
    CHECK(report.matched == matched);
    CHECK(report.matched + report.unmatched == 300);
  }
}
