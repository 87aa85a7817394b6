// SPDX-License-Identifier: Apache-2.0
// Buckets: the quantile edges, and the bucket of a number in tables and in single rows.
#include "espalier/core/json.hpp"
#include "espalier/data/bucket_edges.hpp"

#include <limits>

#include "espalier/core/random.hpp"
#include "espalier/data/features.hpp"
#include "espalier/describe/inputs.hpp"
#include "helpers.hpp"

using namespace espalier;
using espalier_test::failure;

namespace {

/// The number of values per interval.
std::vector<int> held(const std::vector<double>& values, const std::vector<double>& edges) {
  std::vector<int> counts(edges.size() + 1);
  for (const double x : values) {
    std::size_t at = 0;
    while (at < edges.size() && x >= edges[at]) ++at;
    ++counts[at];
  }
  return counts;
}

}  // namespace

TEST_CASE("bucket_edges: equal shares, halfway between neighbours") {
  std::vector<double> values;
  for (int i = 0; i < 12; ++i) values.push_back(i % 2 == 0 ? i : 11 - i + 1);
  CHECK(bucket_edges({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, 4) ==
        std::vector<double>{2.5, 5.5, 8.5});
  // Fewer values than intervals.
  CHECK(bucket_edges({3, 1, 2, std::nan("")}, 8) == std::vector<double>{1.5, 2.5});
  CHECK(bucket_edges({5, 5, 5}, 4).empty());
  CHECK(bucket_edges({}, 4).empty());
  CHECK(bucket_edges({1, std::nextafter(1.0, 2.0)}, 4) ==
        std::vector<double>{std::nextafter(1.0, 2.0)});
  // The difference of the two overflows.
  CHECK(bucket_edges({-1.7e308, 1.7e308}, 2) == std::vector<double>{1.7e308});
}

TEST_CASE("bucket_edges: a value that fills an interval does not take the others' share") {
  std::vector<double> values(920, 0.0);
  for (int i = 1; i <= 80; ++i) values.push_back(i);
  const std::vector<double> edges = bucket_edges(values, 9);
  REQUIRE(edges.size() == 8);
  CHECK(edges[0] == 0.5);
  CHECK(held(values, edges) == std::vector<int>{920, 10, 10, 10, 10, 10, 10, 10, 10});
}

TEST_CASE(
    "bucket_edges: never more intervals than asked for, ascending, and shares near each other") {
  Random random(7);
  for (int round = 0; round < 300; ++round) {
    const auto most = 2 + random.below(30), n = 1 + random.below(400),
               distinct = 1 + random.below(60);
    std::vector<double> values;
    for (std::uint64_t i = 0; i < n; ++i) {
      values.push_back(round % 2 == 0
                           ? random.normal()
                           : std::floor(std::exp(random.normal()) * static_cast<double>(distinct)));
    }
    const std::vector<double> edges = bucket_edges(values, most);
    CAPTURE(round);
    CHECK(edges.size() + 1 <= most);
    CHECK(std::is_sorted(edges.begin(), edges.end()));
    CHECK(std::adjacent_find(edges.begin(), edges.end()) == edges.end());
    const std::vector<int> counts = held(values, edges);
    for (const int count : counts) CHECK(count > 0);
    if (round % 2 == 0 && n > 4 * most) {  // distinct values
      CHECK(edges.size() + 1 == most);
      const auto [least, largest] = std::minmax_element(counts.begin(), counts.end());
      CHECK(*largest - *least <= 2);
    }
  }
}

namespace {

using In = Inputs<Numeric<"x">, Buckets<"x", 4, 2>, Buckets<"y", Edges{0, 2.5}, 3>,
                  Categorical<"x_class", 2, From<"x">>, Cross<"user", "tab", 1000, 2>>;

Dataset data() {
  Table table;
  table.add("x", std::vector<double>{1, 2, 3, 4, 5, 6, 7, std::nan("")});
  table.add("y", std::vector<double>{-1, 0, 1, 2.5, 9, std::nan(""), -0.5, 2.4});
  table.add("user", std::vector<std::string>{"a", "a", "b", "b", "", "", "c", "17"});
  table.add("tab", std::vector<std::string>{"1", "2", "1", "", "1", "", "1.0", "1"});
  return Dataset(std::move(table));
}

}  // namespace

TEST_CASE("Buckets and Cross: rows of tables, the same of a table and of a row") {
  Features features({In::fields, {}});
  features.fit(data());
  CHECK(features.state().edges ==
        std::vector<std::vector<double>>{{2.5, 4.5, 6.5}, {0, 2.5}, {}, {}});
  CHECK(features.vocabulary_rows() == std::vector<Index>{5, 4, 8, 1000});
  const EncodedData encoded = features.encode_inputs(data());
  CHECK(encoded.column(0) == std::vector<std::int32_t>{1, 1, 2, 2, 3, 3, 4, 0});
  CHECK(encoded.column(1) == std::vector<std::int32_t>{1, 2, 2, 3, 3, 0, 1, 2});
  CHECK(encoded.column(2) == std::vector<std::int32_t>{1, 2, 3, 4, 5, 6, 7, 0});
  const std::vector<std::int32_t> pairs = encoded.column(3);
  CHECK(pairs[0] != pairs[1]);  // one user at two places
  CHECK(pairs[0] != pairs[2]);  // two users at one place
  const Table table = data().table();
  for (Index row = 0; row < table.rows(); ++row) {
    const auto i = static_cast<std::size_t>(row);
    const EncodedData one =
        features.encode(std::vector<NamedValue>{{"x", table.numbers("x")[i]},
                                                {"y", table.numbers("y")[i]},
                                                {"user", std::string(table.column("user").at(row))},
                                                {"tab", std::string(table.column("tab").at(row))}});
    CAPTURE(row);
    for (std::size_t field = 0; field < 4; ++field)
      CHECK(one.column(field)[0] == encoded.column(field)[i]);
    CHECK(one.numeric[0] == encoded.numeric[i]);
  }
}

TEST_CASE("Buckets: edges are saved, and refused where they cannot be") {
  Features features({In::fields, {}});
  features.fit(data());
  FeaturesState state = features_from_json(Json::parse(to_json(features.state()).dump()));
  CHECK(state.edges == features.state().edges);
  Features other({In::fields, {}});
  other.restore(state);
  CHECK(other.encode_inputs(data()).single_ids == features.encode_inputs(data()).single_ids);
  state.edges[0] = {2, 2};
  CHECK(failure<CheckpointError>([&] { other.restore(state); }) ==
        "features: edges of 'x:buckets', expected numbers that ascend, of Buckets alone");
  state.edges[0] = {};
  state.edges[2] = {1};
  CHECK(failure<CheckpointError>([&] { other.restore(state); }) ==
        "features: edges of 'x_class', expected numbers that ascend, of Buckets alone");
  state.edges.pop_back();
  CHECK(failure<CheckpointError>([&] { other.restore(state); }) ==
        "features: edges of 3 vocabularies, expected 4");
}

TEST_CASE("Buckets: infinity is refused, a missing number is counted") {
  Features features({In::fields, {}});
  features.fit(data());
  Table table = data().table();
  table.remove("y");
  table.add("y", std::vector<double>{1, 1, 1, 1, 1, 1, std::numeric_limits<double>::infinity(), 1});
  table.source = "log.csv";
  CHECK(failure<DataError>([&] { static_cast<void>(features.encode_inputs(Dataset(table))); }) ==
        "log.csv, row 7: column 'y' is inf, expected a finite number");
  const std::vector<NamedValue> infinite{{"y", std::numeric_limits<double>::infinity()}};
  CHECK(failure<ConfigError>([&] { static_cast<void>(features.encode(infinite)); }) ==
        "input 'y' is inf, expected a finite number");
  std::vector<InputEvent> found;
  static_cast<void>(features.encode_inputs(data(), {&found}));
  int missing = 0;
  for (const InputEvent& event : found)
    missing += event.field == 2 && event.what == Unseen::missing ? static_cast<int>(event.rows) : 0;
  CHECK(missing == 1);
}
