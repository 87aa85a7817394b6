// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "data/helpers.hpp"
#include "espalier/core/json.hpp"
#include "espalier/data/features.hpp"
#include "espalier/describe/inputs.hpp"

using namespace espalier;
using espalier_test::failure;
using espalier_test::fields;
using espalier_test::labels;
using espalier_test::numbers;

namespace {

constexpr double missing = std::numeric_limits<double>::quiet_NaN();

template <class... Fields>
Features features(std::string weights = {}, std::string groups = {}) {
  return Features({fields<Fields...>, {}}, std::move(weights), std::move(groups));
}

Dataset texts(const std::vector<std::string>& values) {
  Table table;
  table.source = "log";
  table.add("x", values);
  return Dataset(std::move(table));
}

using Ids = std::vector<std::int32_t>;

}  // namespace

TEST_CASE(
    "features: a vocabulary has the most frequent values first, ties in order of appearance; the "
    "rest is row 0") {
  Features f = features<Categorical<"x", 4>>();
  const Dataset train = texts({"c", "a", "b", "", "a", "b", "a"});
  f.fit(train);
  CHECK(f.state().vocabularies == std::vector<std::vector<std::string>>{{"a", "b", "c"}});
  CHECK(f.vocabulary_rows() == std::vector<Index>{4});
  const EncodedData data = f.encode(train);
  CHECK(data.size() == 7);
  CHECK(data.ids.size() == 1);
  CHECK(data.column(0) == Ids{3, 1, 2, 0, 1, 2, 1});
  CHECK(data.ids[0].offsets.empty());
  CHECK(f.encode(texts({"b", "unseen", ""})).column(0) == Ids{2, 0, 0});
  f.fit(texts({"z"}));  // replaces the vocabulary
  CHECK(f.state().vocabularies[0] == std::vector<std::string>{"z"});
}

TEST_CASE("features: a vocabulary is of the rows of the split alone") {
  Features f = features<Categorical<"x", 4>>();
  const Dataset all = texts({"test", "a", "b", "b", "test"});
  f.fit(all.filter([](Index row) { return row > 0 && row < 4; }));
  CHECK(f.state().vocabularies[0] == std::vector<std::string>{"b", "a"});
  CHECK(f.encode(all).column(0) == Ids{0, 2, 1, 1, 0});
  CHECK(f.encode(all.filter([](Index row) { return row != 1; })).column(0) == Ids{0, 1, 1, 0});
}

TEST_CASE("features: values seen less often than min_count share row 0") {
  Features f = features<Categorical<"x", 4, MinCount<2>>>();
  f.fit(texts({"once", "twice", "thrice", "thrice", "twice", "thrice"}));
  CHECK(f.state().vocabularies[0] == std::vector<std::string>{"thrice", "twice"});
  CHECK(f.encode(texts({"once", "twice"})).column(0) == Ids{0, 2});
  f.fit(texts({"once"}));
  CHECK(f.vocabulary_rows()[0] == 1);
}

TEST_CASE("features: numbers are categories by their text") {
  Features f = features<Categorical<"x", 4>>();
  f.fit(numbers({100000, 7, 7, missing}));
  CHECK(f.state().vocabularies[0] == std::vector<std::string>{"7", "100000"});
  CHECK(f.encode(numbers({100000, 7, 8})).column(0) == Ids{2, 1, 0});
  CHECK(f.encode(texts({"100000", "7.0", "1e5", "007"})).column(0) == Ids{2, 1, 2, 0});
}

TEST_CASE("features: hashed fields need no vocabulary") {
  Features f = features<Hashed<"x", 100, 4>>();
  const Dataset data = texts({"a", "b", "", "a"});
  f.fit(data);
  CHECK(f.vocabulary_rows() == std::vector<Index>{100});
  CHECK(f.state().vocabularies[0].empty());
  const Ids ids = f.encode(data).column(0);
  CHECK(ids[0] == static_cast<std::int32_t>(hash_text("a") % 100));
  CHECK(ids[1] == static_cast<std::int32_t>(hash_text("b") % 100));
  CHECK(ids[2] == static_cast<std::int32_t>(hash_text("") % 100));
  CHECK(ids[3] == ids[0]);
}

TEST_CASE("features: pooled fields have the rows of each part of the cell") {
  Features f = features<MultiCategorical<"x", 4>>();
  const Dataset data = texts({"Comedy|Drama", "Drama", "", "|Drama||Western|", "|"});
  f.fit(data);
  CHECK(f.state().vocabularies[0] == std::vector<std::string>{"Drama", "Comedy", "Western"});
  const EncodedData encoded = f.encode(data);
  CHECK(encoded.ids[0].offsets == Ids{0, 2, 3, 3, 5, 5});
  CHECK(encoded.column(0) == Ids{2, 1, 1, 1, 3});
  CHECK(f.encode(texts({"New|Drama"})).column(0) == Ids{0, 1});
  Features hashed = features<Hashed<"x", 50, 4, Pooled<Pool::sum, ','>>>();
  CHECK(hashed.encode(texts({"a,b", ""})).ids[0].offsets == Ids{0, 2, 2});
  CHECK(hashed.encode(texts({"a,b"})).column(0)[1] ==
        static_cast<std::int32_t>(hash_text("b") % 50));
}

TEST_CASE("features: the last values of a sequence, in order") {
  Features f = features<Categorical<"x", 4, Last<2, ' '>>>();
  const Dataset data = texts({"a b c", "c", "", " b  a ", "new a"});
  f.fit(texts({"a a", "a b", "b c"}));
  const EncodedData encoded = f.encode(data);
  CHECK(encoded.ids[0].offsets == Ids{0, 2, 3, 3, 5, 7});
  CHECK(encoded.column(0) == Ids{2, 3, 3, 2, 1, 0, 1});
  // Values before the last ones are neither learnt nor judged.
  Features last = features<Categorical<"x", 4, Last<2, ' '>>>();
  last.fit(texts({"a b c", "d"}));
  CHECK(last.state().vocabularies[0] == std::vector<std::string>{"b", "c", "d"});
  // A cell of any length.
  std::string cell = "a";
  for (int i = 0; i < 1'000'000; ++i) cell += " b";
  CHECK(f.encode(texts({cell})).column(0) == Ids{2, 2});
}

TEST_CASE("features: fields that name one table share its vocabulary") {
  using A = Categorical<"a", 4, SharedTable<"items">, MinCount<2>>;
  using B = Categorical<"b", 4, SharedTable<"items">, Pooled<Pool::mean>>;
  using C = Categorical<"c", 4>;
  Features f = features<A, C, B>();
  Table table;
  table.add("a", std::vector<std::string>{"x", "y", "y"});
  table.add("b", std::vector<std::string>{"x|z", "w|w|w", ""});
  table.add("c", std::vector<std::string>{"x", "", ""});
  const Dataset data(std::move(table));
  f.fit(data);
  REQUIRE(f.state().vocabularies.size() == 2);
  // Both fields use the larger min_count.
  CHECK(f.state().vocabularies[0] == std::vector<std::string>{"w", "x", "y"});
  CHECK(f.state().vocabularies[1] == std::vector<std::string>{"x"});
  CHECK(f.vocabulary_rows() == std::vector<Index>{4, 2});
  const EncodedData encoded = f.encode(data);
  CHECK(encoded.column(0) == Ids{2, 3, 3});
  CHECK(encoded.column(1) == Ids{1, 0, 0});
  CHECK(encoded.column(2) == Ids{2, 0, 1, 1, 1});
}

TEST_CASE("features: numbers are standardised by the training split") {
  Features f = features<Numeric<"x">>();
  f.fit(numbers({1, 2, 3, 6, missing}));
  CHECK(f.state().means[0] == doctest::Approx(3));
  CHECK(f.state().deviations[0] == doctest::Approx(std::sqrt(3.5)));  // over the 4 labelled values
  const EncodedData data = f.encode(numbers({3, 6, missing, -1}));
  CHECK(data.numeric_rows == 1);
  CHECK(data.numeric[0] == 0);
  CHECK(data.numeric[1] == doctest::Approx(3 / std::sqrt(3.5)));
  CHECK(data.numeric[2] == 0);  // missing: the mean
  CHECK(data.numeric[3] == doctest::Approx(-4 / std::sqrt(3.5)));
}

TEST_CASE("features: constant, empty and missing columns have deviation 1") {
  Features f = features<Numeric<"x">>();
  f.fit(numbers({5, 5, 5}));
  CHECK(f.state().deviations[0] == 1);
  CHECK(f.encode(numbers({5, 7})).numeric == std::vector<float>{0, 2});
  f.fit(numbers({missing, missing}));
  CHECK(f.state().means[0] == 0);
  CHECK(f.state().deviations[0] == 1);
  f.fit(numbers({}));
  CHECK(f.encode(numbers({3})).numeric == std::vector<float>{3});
  CHECK(f.encode(numbers({})).size() == 0);
}

TEST_CASE("features: mean and deviation are stable far from zero") {
  std::vector<double> values;
  for (int i = 0; i < 1000; ++i) values.push_back(1e9 + i % 2);
  Features f = features<Numeric<"x">>();
  f.fit(numbers(values));
  CHECK(f.state().means[0] == doctest::Approx(1e9 + 0.5).epsilon(1e-15));
  CHECK(f.state().deviations[0] == doctest::Approx(0.5).epsilon(1e-9));
}

TEST_CASE(
    "features: transforms are made in their order; a missing number is 0 where it is not "
    "standardised") {
  const Dataset data = numbers({std::expm1(2), -std::expm1(1), 0, missing, 1e6});
  const auto encoded = [&](Features f) {
    f.fit(data);
    return f.encode(data).numeric;
  };
  const std::vector<float> logs = encoded(features<Numeric<"x", Log1p>>());
  CHECK(logs[0] == doctest::Approx(2));
  CHECK(logs[1] == doctest::Approx(-1));
  CHECK(logs[2] == 0);
  CHECK(logs[3] == 0);
  const std::vector<float> clipped = encoded(features<Numeric<"x", Clip<Range{-1.5, 5}>>>());
  CHECK(clipped[0] == 5);
  CHECK(clipped[1] == -1.5F);
  CHECK(clipped[3] == 0);
  CHECK(encoded(features<Numeric<"x", AsIs>>())[4] == 1e6F);
  CHECK(encoded(features<Numeric<"x", AsIs>>())[3] == 0);
  // log1p, clip to [0, 2], standardize: the values before are 2, 0, 0, –, 2.
  const std::vector<float> all =
      encoded(features<Numeric<"x", Log1p, Clip<Range{0, 2}>, Standardize>>());
  CHECK(all[0] == doctest::Approx(1));
  CHECK(all[1] == doctest::Approx(-1));
  CHECK(all[3] == 0);
  CHECK(all[4] == doctest::Approx(1));
  // Standardized, then clipped.
  const std::vector<float> after =
      encoded(features<Numeric<"x", Log1p, Standardize, Clip<Range{-0.5, 0.5}>>>());
  // A missing number becomes the mean when standardized, and then passes the later transforms.
  CHECK(encoded(features<Numeric<"x", Log1p, Standardize, Clip<Range{0.25, 0.5}>>>())[3] == 0.25F);
  CHECK(after[1] == -0.5F);
  CHECK(after[3] == 0);
  CHECK(after[4] == 0.5F);
}

TEST_CASE("features: several numeric fields and vectors lie side by side, a sample a column") {
  using A = Numeric<"a", AsIs>;
  using V = NumericVector<"v", 2, AsIs>;
  Table table;
  std::vector<int> a, v0, v1;
  for (int i = 0; i < 200; ++i) {
    a.push_back(i);
    v0.push_back(1000 + i);
    v1.push_back(2000 + i);
  }
  table.add("v_1", v1);
  table.add("a", a);
  table.add("v_0", v0);
  const EncodedData data = features<A, V>().encode(Dataset(std::move(table)));
  CHECK(data.numeric_rows == 3);
  for (std::size_t j = 0; j < 200; ++j) {
    const auto i = static_cast<float>(j);
    CHECK(data.numeric[3 * j] == i);
    CHECK(data.numeric[3 * j + 1] == 1000 + i);
    CHECK(data.numeric[3 * j + 2] == 2000 + i);
  }
}

TEST_CASE("features: numbers that no float holds are refused with row and column") {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  Features f = features<Numeric<"x">>();
  CHECK(failure<DataError>([&] {
          f.fit(numbers({1, infinity}));
        }) == "log, row 2: column 'x' is inf, expected a finite number that a float can hold");
  CHECK(failure<DataError>([&] {
          f.fit(numbers({1e308, -1e308}));
        }) ==
        "log, row 1: column 'x' is 1e+308, expected numbers that have a mean and a deviation");
  CHECK(failure<DataError>([&] {
          f.fit(numbers({1, missing, -1e300, 5, 2}));
        }) ==
        "log, row 3: column 'x' is -1e+300, expected numbers that have a mean and a deviation");
  f.fit(numbers({1, 2}));
  CHECK(failure<DataError>([&] {
          static_cast<void>(f.encode(numbers({1, -infinity})));
        }) == "log, row 2: column 'x' is -inf, expected a finite number that a float can hold");
  CHECK(failure<DataError>([&] { static_cast<void>(f.encode(numbers({1e300}))); }) ==
        "log, row 1: column 'x' is 1e+300, expected a finite number that a float can hold");
  CHECK(features<Numeric<"x", Clip<Range{0, 9}>>>().encode(numbers({infinity})).numeric[0] == 9);
}

TEST_CASE("features: columns that are not there, or of the wrong kind, are refused") {
  Features f = features<Numeric<"y">>();
  CHECK(failure<DataError>([&] { f.fit(numbers({1})); }) == "log: no column 'y'; there are 'x'");
  CHECK(failure<DataError>([] { features<Numeric<"x">>().fit(texts({"a"})); }) ==
        "log: column 'x' holds text, expected numbers");
  CHECK(failure<DataError>([] {
          static_cast<void>(features<Categorical<"y", 2>>().encode(numbers({1})));
        }) == "log: no column 'y'; there are 'x'");
}

TEST_CASE("features: whole numbers of 64 bits are categories by all of their digits") {
  Features f = features<Categorical<"x", 4>>();
  const std::vector<std::string> users{"1234567890123456789",  "-9223372036854775808",
                                       "18446744073709551615", "2000000000000000",
                                       "9007199254740991",     "-7"};
  f.fit(texts(users));
  const auto row = [&](auto value) {
    const NamedValue values[] = {{"x", value}};
    return f.encode(values).single_ids[0];
  };
  CHECK(row(std::int64_t{1234567890123456789}) == 1);
  CHECK(row(std::uint64_t{1234567890123456789}) == 1);
  CHECK(row(std::int64_t{1234567890123456788}) == 0);
  CHECK(row((std::numeric_limits<std::int64_t>::min)()) == 2);
  CHECK(row((std::numeric_limits<std::uint64_t>::max)()) == 3);
  CHECK(row(std::int64_t{2000000000000000}) == 4);
  CHECK(row(2e15) == 4);
  CHECK(row(9007199254740991.0) == 5);
  CHECK(failure<ConfigError>([&] { static_cast<void>(row(9007199254740992.0)); }) ==
        "input 'x' is 9007199254740992, beyond ±2^53, what its numbers are exact to; expected keys "
        "of so many digits as "
        "integers or text");
  CHECK(NamedValue("x", 10000000000000000).as_text() == number_text(1e16));
  CHECK(row(std::int8_t{-7}) == 6);
  CHECK(row(-7.0) == 6);
}

TEST_CASE("features: a row of raw values is encoded as the table's row would be") {
  using In = Inputs<Numeric<"age">, Categorical<"city", 4>, MultiCategorical<"genres", 4>,
                    Hashed<"id", 1000, 4>, NumericVector<"v", 2, AsIs>>;
  const Schema schema{In::fields, labels};
  Features f(schema);
  const Table table = parse_csv(
      "age,city,genres,id,v_0,v_1\n"
      "31,Ulm,a|b,100000,1,2\n"
      "5,Köln,b,7,3,4\n"
      "60,Ulm,,x,5,6\n",
      "log.csv");
  f.fit(Dataset(table));
  const NamedValue row[] = {{"v_1", 2.0}, {"id", 100000.0}, {"age", 31.0},
                            {"v_0", 1.0}, {"city", "Ulm"},  {"genres", "a|b"}};
  const EncodedData one = f.encode(row);
  const EncodedData all = f.encode(Dataset(table).head(1));
  CHECK(one.samples == 1);
  CHECK(one.numeric == all.numeric);
  CHECK(one.numeric_rows == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(one.column(i) == all.column(i));
    CHECK(one.ids[i].offsets == all.ids[i].offsets);
  }
  CHECK(one.tasks == 4);
  CHECK(std::isnan(one.labels[0]));
  // An empty row equals a row in which everything is missing.
  const EncodedData none = f.encode(std::span<const NamedValue>());
  CHECK(none.numeric == std::vector<float>{0, 0, 0});
  CHECK(none.column(0) == Ids{0});
  CHECK(none.column(1).empty());
  CHECK(none.ids[1].offsets == Ids{0, 0});
  const NamedValue nothing[] = {{"id", missing}, {"age", missing}};
  CHECK(f.encode(nothing).column(2) == none.column(2));
}

TEST_CASE("features: raw values that do not fit are refused by name") {
  Features f = features<Numeric<"age">, Categorical<"city", 4>, NumericVector<"v", 2>>();
  const auto message = [&](std::vector<NamedValue> row) {
    return failure<ConfigError>([&] { static_cast<void>(f.encode(row)); });
  };
  CHECK(message({{"agee", 1.0}}) ==
        "row: 'agee' is not an input of the model, which reads 'age', 'city', 'v_0', 'v_1'");
  CHECK(message({{"v", 1.0}}) ==
        "row: 'v' is not an input of the model, which reads 'age', 'city', 'v_0', 'v_1'");
  CHECK(message({{"age", 1.0}, {"age", 2.0}}) == "row: 'age' is given twice");
  CHECK(message({{"age", "old"}}) == "input 'age' is 'old', expected a number");
  CHECK(message({{"age", std::numeric_limits<double>::infinity()}}) ==
        "input 'age' is inf, expected a finite number");
  CHECK(message({{"age", 1e300}}) == "input 'age' is 1e+300, expected a finite number");
  CHECK(message({{"city", 5.0}, {"v_1", 1.0}}) == "no error");
  // A column that two fields read is given once.
  f = features<Numeric<"e_0">, NumericVector<"e", 2>>();
  CHECK(message({{"e_0", 1.0}, {"e_1", 2.0}}) == "no error");
  CHECK(message({{"e_0", 1.0}, {"bogus", 2.0}})
            .starts_with("row: 'bogus' is not an input of the model"));
}

TEST_CASE("features: what was learnt goes through JSON and back") {
  using In = Inputs<Numeric<"age">, Categorical<"city", 4>, Hashed<"id", 10, 4>>;
  const Schema schema{In::fields, {}};
  Features f(schema);
  const Dataset data(parse_csv("age,city,id\n31.7,\"U\"\"l\nm\",1\n5,Köln,2\n", "log.csv"));
  f.fit(data);
  Features other(schema);
  other.restore(features_from_json(Json::parse(to_json(f.state()).dump(), "saved")));
  CHECK(other.state().vocabularies == f.state().vocabularies);
  CHECK(other.state().means == f.state().means);
  CHECK(other.state().deviations == f.state().deviations);
  CHECK(other.encode(data).numeric == f.encode(data).numeric);
  CHECK(other.encode(data).column(0) == f.encode(data).column(0));
}

TEST_CASE("features: a saved state that does not fit is refused") {
  using In = Inputs<Numeric<"age">, Categorical<"city", 4>>;
  const auto message = [](FeaturesState state) {
    Features f({In::fields, {}});
    return failure<CheckpointError>([&] { f.restore(std::move(state)); });
  };
  CHECK(message({{{"a"}}, {0}, {1}}) == "no error");
  CHECK(message({{}, {0}, {1}}) ==
        "features: 0 vocabularies and 1 numeric columns, expected 1 and 1");
  CHECK(message({{{"a"}}, {0, 1}, {1, 1}}) ==
        "features: 1 vocabularies and 2 numeric columns, expected 1 and 1");
  CHECK(message({{{"a"}}, {0}, {0}}) == "features: a deviation is not positive");
  CHECK(message({{{"a"}}, {0}, {missing}}) == "features: a deviation is not positive");
  CHECK(message({{{"a"}}, {missing}, {1}}) == "features: a mean is not finite");
  CHECK(message({{{"a", "b", "a"}}, {0}, {1}}) == "features: vocabulary 'city' has a value twice");
}
