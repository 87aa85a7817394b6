// SPDX-License-Identifier: Apache-2.0
// The key of a category: one rule wherever categories are compared, and however they were read.
#include <doctest/doctest.h>

#include <Eigen/Core>
#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "data/helpers.hpp"
#include "espalier/core/decimal.hpp"
#include "espalier/core/json.hpp"
#include "espalier/core/random.hpp"
#include "espalier/data/category_key.hpp"
#include "espalier/data/csv.hpp"
#include "espalier/data/features.hpp"
#include "espalier/data/from_matrix.hpp"
#include "espalier/data/join.hpp"
#include "espalier/data/negative_sampling.hpp"
#include "espalier/data/weights.hpp"
#include "espalier/describe/inputs.hpp"

using namespace espalier;
using espalier_test::cells;
using espalier_test::failure;
using espalier_test::number;
using espalier_test::text;

namespace {

using Ids = std::vector<std::int32_t>;

Table as(ColumnKind kind, const std::string& csv, const std::string& name = "x") {
  CsvOptions options;
  options.columns = {{name, kind}};
  return parse_csv(csv, "events.csv", options);
}

/// A column x of these cells, read as text, with inferred kind, and as numbers.
std::vector<Table> three_ways(const std::vector<std::string>& values) {
  std::string csv = "x\n";
  for (const std::string& value : values) csv += value + "\n";
  return {as(ColumnKind::text, csv), parse_csv(csv, "events.csv"), as(ColumnKind::number, csv)};
}

std::string keys(const Table& table) {
  Column made;
  Table of_keys;
  of_keys.add(table.as_keys("x", made));
  return cells(of_keys, "x");
}

template <class... Fields>
Features features() {
  static const Schema schema{espalier_test::fields<Fields...>, {}};
  return Features(schema);
}

Ids ids(const Features& f, const Table& table) { return f.encode(Dataset(table)).column(0); }

/// A text that may look like a number.
std::string scribble(Random& random) {
  constexpr std::string_view letters = "0001235789+-.eE x";
  std::string made;
  for (std::uint64_t n = random.below(12); n > 0; --n)
    made += letters[random.below(letters.size())];
  return made;
}

/// One of the spellings of a number that data frames, spreadsheets and people use.
std::string spelling(double x, Random& random) {
  std::string made = number_text(x);
  const bool plain = made.find('e') == std::string::npos;
  const bool whole = plain && made.find('.') == std::string::npos;
  switch (random.below(6)) {
    case 0:
      return whole ? made + "." : made;
    case 1:
      return whole ? made + ".0" : plain ? made + "0" : made;
    case 2:
      return whole ? made + ".000" : plain ? made + "00" : made;
    case 3:
      return decimal(x, static_cast<int>(16 + random.below(3)), std::chars_format::scientific);
    case 4:
      made = decimal(x, 17);
      for (char& c : made) c = c == 'e' ? 'E' : c;
      return made;
    default:
      return made.starts_with("0.") ? made.substr(1) : made;
  }
}

}  // namespace

TEST_CASE("category key: whole decimals are their digits, codes stay") {
  const std::vector<std::pair<const char*, const char*>> known{
      {"17.0", "17"},
      {"17.", "17"},
      {"1.7e1", "17"},
      {"1.7E+1", "17"},
      {"170e-1", "17"},
      {"17", "17"},
      {"1e5", "100000"},
      {"-3.0", "-3"},
      {"-3", "-3"},
      {"0", "0"},
      {"0.0", "0"},
      {"-0", "0"},
      {"-0.0", "0"},
      {"0e7", "0"},
      {".0", "0"},
      {"0.50", "0.5"},
      {".5", "0.5"},
      {"-.50", "-0.5"},
      {"5e-1", "0.5"},
      {"3.10", "3.1"},
      {"1e-5", "1e-05"},
      {"1e-400", "0"},
      {"-1e-400", "0"},
      {"0.30000000000000004", "0.30000000000000004"},
      {"0.1000000000000000055", "0.1"},
      // Codes and signs.
      {"007", "007"},
      {"007.0", "007.0"},
      {"-007", "-007"},
      {"00", "00"},
      {"+5", "+5"},
      {"+5.0", "+5.0"},
      {"00.5", "00.5"},
      // From 2^53 on.
      {"9007199254740991.0", "9007199254740991"},
      {"9007199254740992.0", "9007199254740992"},
      {"9007199254740993.00", "9007199254740993"},
      {"12345678901234567.", "12345678901234567"},
      {"-12345678901234567.0", "-12345678901234567"},
      {"12345678901234567.5", "12345678901234567.5"},
      {"9.007199254740991e15", "9007199254740991"},
      {"9.007199254740993e15", "9.007199254740993e15"},
      {"1e20", "1e20"},
      {"1e400", "1e400"},
      // Not numbers.
      {"", ""},
      {"-", "-"},
      {".", "."},
      {"-.", "-."},
      {"e5", "e5"},
      {"1e", "1e"},
      {"1.2.3", "1.2.3"},
      {"17.0 ", "17.0 "},
      {" 17.0", " 17.0"},
      {"1,5", "1,5"},
      {"0x11", "0x11"},
      {"inf", "inf"},
      {"nan", "nan"},
      {"--1.0", "--1.0"},
      {"2022-05-05", "2022-05-05"},
      {"10.0.0.1", "10.0.0.1"},
      {"Ulm", "Ulm"},
      {"1.0|2.0", "1.0|2.0"}};
  for (const auto& pair : known) {
    INFO(pair.first);
    CHECK(category_key(pair.first) == pair.second);
  }
}

TEST_CASE("category key: a key's key is itself, whatever the text") {
  Random random(1);
  for (int i = 0; i < 200000; ++i) {
    const std::string text = scribble(random);
    const std::string key = category_key(text);
    if (category_key(key) != key)
      FAIL_CHECK("'" << text << "' → '" << key << "' → '" << category_key(key) << "'");
  }
}

TEST_CASE("category key: what a number is written as is a key") {
  Random random(2);
  const auto check = [](double x) {
    const std::string text = number_text(x);
    if (category_key(text) != text) FAIL_CHECK("'" << text << "' → '" << category_key(text) << "'");
  };
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (const double x :
       {0.0, -0.0, 1.0, -1.0, 9007199254740991.0, 9007199254740992.0, 9007199254740994.0, 1e16,
        9.3e18, 1e19, 1e300, 5e-324, infinity, -infinity, std::nan("")}) {
    check(x);
  }
  for (int i = 0; i < 100000; ++i) {
    check(std::bit_cast<double>(random.bits()));
    check(std::floor(random.uniform() * 1e18));
    check((static_cast<double>(random.below(2000)) - 1000) / 8);
  }
}

TEST_CASE(
    "category key: any spellings of decimals have the same keys as text, as numbers, and where the "
    "kind is found out") {
  Random random(3);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::string> values;
    std::string expected;
    for (int i = 0; i < 20; ++i) {
      const double sizes[] = {10, 1e5, 1e-3, 9e15};
      double x = (2 * random.uniform() - 1) * sizes[random.below(4)];
      if (random.bernoulli(0.6)) x = std::trunc(x);
      values.push_back(spelling(x, random));
      expected += (i > 0 ? " " : "") + number_text(x);
    }
    for (const Table& table : three_ways(values)) CHECK(keys(table) == expected);
    values.emplace_back("guest");
    std::string csv = "x\n";
    for (const std::string& value : values) csv += value + "\n";
    CHECK(keys(parse_csv(csv, "events.csv")) == expected + " guest");
  }
}

TEST_CASE("category key: spellings of one key become one value, others keep their order") {
  Table table;
  table.add("x", std::vector<std::string>{"b", "17.0", "", "17", "1.7e1", "b", "007"});
  Column made;
  const Column& keyed = table.as_keys("x", made);
  CHECK(keyed.dictionary == std::vector<std::string>{"b", "17", "007"});
  CHECK(keyed.codes == Ids{0, 1, -1, 1, 1, 0, 2});
  Table plain;
  plain.add("x", std::vector<std::string>{"17", "b"});
  CHECK(&plain.as_keys("x", made) == &plain.column("x"));  // nothing to change: no copy
}

TEST_CASE("category key: a model learns and meets the same categories in every way of reading") {
  const std::vector<std::string> values{"17.0", "1e5", "17.0", "-3.0", "0.50"};
  std::vector<Table> tables = three_ways(values);
  const std::vector<double> numbers{17, 100000, 17, -3, 0.5};
  Table vectors;
  vectors.add("x", numbers);
  tables.push_back(vectors);
  Table strings;
  strings.add("x", std::vector<std::string>{"17", "100000", "1.7e1", "-3", ".5"});
  tables.push_back(strings);
  Eigen::MatrixXd matrix = Eigen::Map<const Eigen::VectorXd>(numbers.data(), 5);
  tables.push_back(table_from_matrix(matrix, {"x"}));
  for (const Table& learnt : tables) {
    Features f = features<Categorical<"x", 4>>();
    f.fit(Dataset(learnt));
    CHECK(f.state().vocabularies[0] == std::vector<std::string>{"17", "100000", "-3", "0.5"});
    for (const Table& met : tables) CHECK(ids(f, met) == Ids{1, 2, 1, 3, 4});
    const auto row = [&](auto value) {
      const NamedValue named[] = {{"x", value}};
      return f.encode(named).single_ids[0];
    };
    CHECK(row(17) == 1);
    CHECK(row(17.0) == 1);
    CHECK(row("17.0") == 1);
    CHECK(row("1e5") == 2);
    CHECK(row(-3) == 3);
    CHECK(row("-3.0") == 3);
    CHECK(row(0.5) == 4);
    CHECK(row("0.50") == 4);
    CHECK(row("017") == 0);
    CHECK(row("+17") == 0);
  }
}

TEST_CASE("category key: min_count counts a key, not its spellings") {
  Features f = features<Categorical<"x", 4, MinCount<2>>>();
  f.fit(Dataset(three_ways({"5", "5.0", "6"})[0]));
  CHECK(f.state().vocabularies[0] == std::vector<std::string>{"5"});
}

TEST_CASE("category key: hashed fields and the parts of a cell go by it") {
  const Features hashed = features<Hashed<"x", 1000, 4>>();
  const auto bucket = [](std::string_view key) {
    return static_cast<std::int32_t>(hash_text(key) % 1000);
  };
  for (const Table& table : three_ways({"17.0", "1e5"}))
    CHECK(ids(hashed, table) == Ids{bucket("17"), bucket("100000")});
  Features pooled = features<MultiCategorical<"x", 4>>();
  pooled.fit(Dataset(as(ColumnKind::text, "x\n17.0|1e5\n17\n007|17\n")));
  CHECK(pooled.state().vocabularies[0] == std::vector<std::string>{"17", "100000", "007"});
  CHECK(ids(pooled, parse_csv("x\n17|100000\n17.\n007|1.7e1\n", "events.csv")) ==
        Ids{1, 2, 1, 3, 1});
  Table alone;
  alone.add("x", std::vector<int>{17});
  CHECK(ids(pooled, alone) == Ids{1});
}

TEST_CASE("category key: splits by hash, groups and negatives go by it") {
  std::vector<std::string> values;
  std::vector<double> numbers;
  for (int i = 0; i < 200; ++i) {
    values.push_back(std::to_string(i % 50) + ".0");
    numbers.push_back(i % 50);
  }
  Table table;
  table.add("x", numbers);
  const auto expected = Dataset(table).split_by_hash("x", 0.5, 0.3, 0.2);
  CHECK(expected[0].size() > 0);
  for (const Table& read : three_ways(values)) {
    const auto parts = Dataset(read).split_by_hash("x", 0.5, 0.3, 0.2);
    for (std::size_t p = 0; p < 3; ++p) CHECK(parts[p].rows() == expected[p].rows());
  }

  EncodedData encoded;
  features_detail::encode_groups("x", parse_csv("x\n7\n7.0\nx\n", "events.csv"), {0, 1, 2},
                                 encoded);
  CHECK(encoded.groups == Ids{0, 0, 1});

  // A user who has both items, with other spellings, gets no negatives.
  const Table positives = parse_csv("x,item\n1,8\n1.0,9.0\n1,8.0\n", "log.csv");
  const Table sampled = sample_negatives(positives, {.user = "x", .item = "item", .label = "y"});
  CHECK(sampled.rows() == 3);
  CHECK(sampled.notes.back() == "log.csv: 3 rows have no negatives: their users have every item");
}

TEST_CASE("category key: joins find what is written otherwise") {
  CsvOptions as_text;
  as_text.columns = {text("user")};
  const auto matched = [](Table left, const Table& right) {
    return join(left, right, "user").matched;
  };
  const Table log = parse_csv("user,click\n17.0,1\n18.0,0\n,1\n", "log.csv", as_text);
  const Table users = parse_csv("user,age\n17.0,31\n18.0,5\n", "users.csv");
  CHECK(users.column("user").kind == ColumnKind::number);
  CHECK(matched(log, users) == 2);
  CHECK(matched(users.select({"user"}),
                parse_csv("user,age\n17,31\n18,5\nguest,1\n", "users.csv")) == 2);
  CHECK(matched(parse_csv("user\n17.0\nguest\n", "log.csv"), users) == 1);
  CHECK(matched(parse_csv("user\n1e5\n", "log.csv", as_text),
                parse_csv("user,age\n1e5,1\n", "users.csv")) == 1);
  CHECK(matched(parse_csv("user\n1e5\n", "log.csv", as_text),
                parse_csv("user,age\n100000,1\n", "users.csv")) == 1);
  CHECK(matched(parse_csv("user\n17\n", "log.csv"), parse_csv("user,age\n017,1\n", "users.csv")) ==
        0);
  Table left = log;
  CHECK(failure<DataError>([&] {
          join(left, parse_csv("user,age\n17,1\nx,1\n17.0,2\n", "users.csv"), "user");
        }) == "users.csv:4: 'user' is '17' as in users.csv:2, expected each value once");
}

TEST_CASE("category key: ids of 17 digits are told apart, or refused") {
  const std::string with_zeros =
      "x,label\n12345678901234567.0,1\n12345678901234568.0,0\n12345678901234569.0,1\n";
  const std::string digits =
      "x,label\n12345678901234567,1\n12345678901234568,0\n12345678901234569,1\n";
  const std::string expected = "12345678901234567 12345678901234568 12345678901234569";
  for (const std::string& csv : {with_zeros, digits}) {
    CHECK(keys(parse_csv(csv, "events.csv")) == expected);
    CHECK(keys(as(ColumnKind::text, csv)) == expected);
    Table log = parse_csv(csv, "log.csv");
    CHECK(
        join(log, parse_csv("x,age\n12345678901234568,1\n12345678901234569,2\n", "users.csv"), "x")
            .matched == 2);

    // Accepted as numbers, rejected as keys.
    const Table numbers = as(ColumnKind::number, csv);
    CHECK(numbers.numbers("x")[0] == 12345678901234568.0);
    const std::string refused =
        "events.csv:2: column 'x' is 12345678901234568, beyond ±2^53, what its numbers are exact "
        "to; "
        "expected keys of so many digits as text";
    EncodedData encoded;
    Table other = numbers, third;
    third.add("x", std::vector<std::string>{"1"});
    const Dataset data(numbers);
    CHECK(failure<DataError>([&] {
            features_detail::encode_groups("x", numbers, {0, 1, 2}, encoded);
          }) == refused);
    CHECK(failure<DataError>([&] { static_cast<void>(join(other, third, "x")); }) == refused);
    CHECK(failure<DataError>([&] { static_cast<void>(join(third, other, "x")); }) == refused);
    CHECK(failure<DataError>([&] { static_cast<void>(data.split_by_hash("x", 0.8, 0.1, 0.1)); }) ==
          refused);
    CHECK(failure<DataError>([&] { features<Categorical<"x", 4>>().fit(data); }) == refused);
    CHECK(failure<DataError>(
              [&] { static_cast<void>(features<Hashed<"x", 9, 4>>().encode(data)); }) == refused);
    CHECK(failure<DataError>([&] {
            static_cast<void>(features<MultiCategorical<"x", 4>>().encode(data));
          }) == refused);
  }
  // 2^53 itself may be a rounded 2^53 + 1.
  CHECK(failure<DataError>([] {
          static_cast<void>(keys(as(ColumnKind::number, "x\n9007199254740993\n")));
        }).find("is 9007199254740992, beyond") != std::string::npos);
  CHECK(keys(as(ColumnKind::number, "x\n9007199254740991\n\n-5\n")) == "9007199254740991 – -5");
}

TEST_CASE("category key: whole floats that floats do not tell apart are refused") {
  const auto refused = [](const Table& table) {
    return failure<DataError>([&] { static_cast<void>(keys(table)); });
  };
  const Eigen::MatrixXf matrix = Eigen::Vector3f(1, 16777215.0F, 16777217.0F);
  const Table from_floats = table_from_matrix(matrix, {"x"});
  const std::string expected =
      "matrix, row 3: column 'x' is 16777216, beyond ±2^24, what its numbers are exact to; "
      "expected keys "
      "of so many digits as text";
  CHECK(refused(from_floats) == expected);
  const std::vector<std::int32_t> some{2, 0};
  CHECK(refused(from_floats.take(some))
            .starts_with("matrix, row 1: column 'x' is 16777216, beyond ±2^24"));
  Table more;
  more.add("x", std::vector<double>{16777217, 0.5});
  CHECK(refused(more) == "no error");
  more.append(from_floats);
  CHECK(refused(more).find("row 1: column 'x' is 16777217, beyond ±2^24") != std::string::npos);
  Table floats;
  floats.add("x", std::vector<float>{0.1F, 16777215.0F});
  CHECK(refused(floats) == "no error");
  const Eigen::MatrixXd doubles = Eigen::Vector2d(16777217, 5);
  CHECK(keys(table_from_matrix(doubles, {"x"})) == "16777217 5");
  CHECK(keys(table_from_matrix(Eigen::Vector2i(16777217, 5), {"x"})) == "16777217 5");
}

TEST_CASE("category key: a model from before the rule keeps its categories as they were written") {
  // As the library wrote it before the rule existed.
  const std::string saved =
      R"({"vocabularies":[["1.0","1","007","12345678901234568"]],"means":[],"deviations":[]})";
  Features old = features<Categorical<"x", 4>>();
  old.restore(features_from_json(Json::parse(saved)));
  const Table written = three_ways({"1.0", "1", "1.00", "007"})[0];
  CHECK(ids(old, written) == Ids{1, 2, 0, 3});
  CHECK(ids(old, as(ColumnKind::number, "x\n1.0\n12345678901234567\n")) == Ids{2, 4});
  const auto row = [&](auto value) {
    const NamedValue named[] = {{"x", value}};
    return old.encode(named).single_ids[0];
  };
  CHECK(row("1.0") == 1);
  CHECK(row(1.0) == 2);
  CHECK(row(1) == 2);
  CHECK(row(12345678901234568.0) == 4);
  CHECK(to_json(old.state()).dump() == saved);  // saving again keeps the old form
  old.fit(Dataset(written));
  CHECK(old.state().vocabularies[0] == std::vector<std::string>{"1.0", "1", "1.00", "007"});
  Features parts = features<MultiCategorical<"x", 4>>();
  parts.restore(features_from_json(Json::parse(saved)));
  CHECK(ids(parts, as(ColumnKind::text, "x\n1.0|1\n")) == Ids{1, 2});

  Features made = features<Categorical<"x", 4>>();
  made.fit(Dataset(written));
  CHECK(to_json(made.state()).dump() ==
        R"({"vocabularies":[["1","007"]],"means":[],"deviations":[],"keys":2})");
  Features loaded = features<Categorical<"x", 4>>();
  loaded.restore(features_from_json(Json::parse(to_json(made.state()).dump())));
  CHECK(ids(loaded, written) == Ids{1, 1, 1, 2});
  CHECK(failure<DataError>([] {
          static_cast<void>(features_from_json(
              Json::parse(R"({"vocabularies":[],"means":[],"deviations":[],"keys":3})")));
        }) == "features: keys by rule 3, expected 2");
}
