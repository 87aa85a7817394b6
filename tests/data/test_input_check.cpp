// SPDX-License-Identifier: Apache-2.0
// Inputs that differ from the training split: how encoding counts, rejects and clamps them.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "data/helpers.hpp"
#include "espalier/core/json.hpp"
#include "espalier/data/features.hpp"
#include "espalier/data/schema_columns.hpp"
#include "espalier/describe/inputs.hpp"

using namespace espalier;
using espalier_test::failure;

namespace {

constexpr double missing = std::numeric_limits<double>::quiet_NaN();

using In = Inputs<Numeric<"age">, Categorical<"city", 4, MinCount<2>>, MultiCategorical<"tags", 4>,
                  Hashed<"id", 100, 4>, NumericVector<"v", 2, Log1p, Standardize>>;

/// Ages 20 to 50; cities Ulm and Bonn; v_0 is log1p of 0 to e² − 1, hence 0 to 2; v_1 is always 5.
Features learnt() {
  Features f({In::fields, {}});
  Table table;
  table.add("age", std::vector<double>{20, 50, missing, 30});
  table.add("city", std::vector<std::string>{"Ulm", "Ulm", "Bonn", "Bonn"});
  table.add("tags", std::vector<std::string>{"a|b", "a", "", "c"});
  table.add("id", std::vector<std::string>{"1", "2", "3", "4"});
  table.add("v_0", std::vector<double>{0, std::expm1(2), 1, 1});
  table.add("v_1", std::vector<double>{5, 5, 5, 5});
  f.fit(Dataset(std::move(table)));
  return f;
}

Dataset rows(const std::string& lines) {
  CsvOptions options;
  options.columns = csv_columns({In::fields, {}});
  return Dataset(parse_csv("age,city,tags,id,v_0,v_1\n" + lines, "serve.csv", options));
}

/// "field what rows, …"
std::string said(const std::vector<InputEvent>& events) {
  std::string text;
  for (const InputEvent& e : events) {
    const char* const what = e.what == Unseen::missing   ? "missing"
                             : e.what == Unseen::unknown ? "unknown"
                                                         : "outside";
    text += (text.empty() ? "" : ", ") + std::to_string(e.field) + " " + what + " " +
            std::to_string(e.rows);
  }
  return text;
}

std::string found(const Features& f, const std::string& lines) {
  std::vector<InputEvent> events;
  static_cast<void>(f.encode_inputs(rows(lines), {&events}));
  return said(events);
}

std::string found(const Features& f, const std::vector<NamedValue>& row) {
  std::vector<InputEvent> events;
  static_cast<void>(f.encode(row, {&events}));
  return said(events);
}

}  // namespace

TEST_CASE(
    "input check: ranges are those of the training split, after the transforms before "
    "standardize") {
  const Features f = learnt();
  CHECK(f.state().lows[0] == 20);
  CHECK(f.state().highs[0] == 50);
  CHECK(f.state().lows[1] == 0);
  CHECK(f.state().highs[1] == doctest::Approx(2));
  CHECK(f.state().lows[2] == std::log1p(5));
  CHECK(f.state().highs[2] == std::log1p(5));
}

TEST_CASE("input check: rows of a table are found by field") {
  const Features f = learnt();
  CHECK(found(f, "30,Ulm,a|c,7,1,5\n") == "");
  CHECK(found(f, "") == "");
  // Missing: a number, one value of a vector, a category, a cell without a value.
  CHECK(found(f, ",,,,1,\n") == "0 missing 1, 4 missing 1, 1 missing 1, 2 missing 1, 3 missing 1");
  CHECK(found(f, "30,Ulm,|,7,,\n") == "4 missing 1, 2 missing 1");
  // Not in the vocabulary; in a multi-valued cell one such value counts. A hash accepts any value.
  CHECK(found(f, "30,Rome,a|z|y,new,1,5\n30,Ulm,z,new,1,5\n30,Rome,a,7,1,5\n") ==
        "1 unknown 2, 2 unknown 2");
  // Far outside: beyond the training range by more than its width.
  CHECK(found(f, "-10,Ulm,a,7,1,5\n80,Ulm,a,7,1,5\n") == "");
  CHECK(found(f, "-10.1,Ulm,a,7,1,5\n80.1,Ulm,a,7,1,5\n1e9,Ulm,a,7,1,5\n") == "0 outside 3");
  // log1p(50) is 3.93; up to 4 is accepted.
  CHECK(found(f, "30,Ulm,a,7,50,5\n") == "");
  // A row counts once; v_1 was constant.
  CHECK(found(f, "30,Ulm,a,7,60,5.5\n30,Ulm,a,7,1,4\n") == "4 outside 2");
}

TEST_CASE("input check: a row of values is found as the table's row is") {
  const Features f = learnt();
  CHECK(found(f,
              {{"age", 30}, {"city", "Ulm"}, {"tags", "a|c"}, {"id", 7}, {"v_0", 1}, {"v_1", 5}}) ==
        "");
  CHECK(found(f, std::vector<NamedValue>{}) ==
        "0 missing 1, 1 missing 1, 2 missing 1, 3 missing 1, 4 missing 1");
  CHECK(found(f, {{"age", std::nullopt},
                  {"city", ""},
                  {"tags", "|"},
                  {"id", ""},
                  {"v_0", 1},
                  {"v_1", missing}}) ==
        "0 missing 1, 1 missing 1, 2 missing 1, 3 missing 1, 4 missing 1");
  CHECK(
      found(f,
            {{"age", 81}, {"city", "Oslo"}, {"tags", "a|z"}, {"id", 7}, {"v_0", 60}, {"v_1", 6}}) ==
      "0 outside 1, 1 unknown 1, 2 unknown 1, 4 outside 1");
}

TEST_CASE("input check: an empty text that training had is a value") {
  Features f({espalier_test::fields<Categorical<"city", 4>>, {}});
  CsvOptions options;
  options.columns = {espalier_test::text("city")};
  f.fit(Dataset(parse_csv("city\n\"\"\n\"\"\nUlm\n", "train.csv", options)));
  CHECK(found(f, std::vector<NamedValue>{{"city", ""}}) == "");
  CHECK(found(f, std::vector<NamedValue>{}) == "0 missing 1");
}

TEST_CASE("input check: strict refuses with input and value, or with file, line and column") {
  const Features f = learnt();
  const auto row = [&](const std::vector<NamedValue>& values, bool clamp = false) {
    return failure<ConfigError>([&] {
      static_cast<void>(f.encode(values, {nullptr, true, clamp}));
    });
  };
  const auto table = [&](const std::string& lines, bool clamp = false) {
    return failure<DataError>([&] {
      static_cast<void>(f.encode_inputs(rows(lines), {nullptr, true, clamp}));
    });
  };
  const auto with = [](double age, const std::string& city, double v) {
    return std::vector<NamedValue>{{"age", age}, {"city", city}, {"tags", "a"},
                                   {"id", 7},    {"v_0", v},     {"v_1", 5}};
  };
  CHECK(row(with(30, "Ulm", 1)) == "no error");
  CHECK(row(with(30, "Oslo", 1)) ==
        "input 'city' is 'Oslo', expected what the vocabulary has, learnt from the training split");
  CHECK(row(with(30, "", 1)) == "input 'city' is missing, expected a value");
  CHECK(row(with(missing, "Ulm", 1)) == "input 'age' is missing, expected a value");
  CHECK(row(with(1e9, "Ulm", 1)) ==
        "input 'age' is 1000000000, far outside of what the training split has: 20 to 50");
  CHECK(row(with(1e9, "Ulm", 1), true) == "no error");
  CHECK(row({{"age", 30}, {"city", "Ulm"}, {"tags", "a"}, {"id", 7}, {"v_0", 1}}) ==
        "input 'v_1' is missing, expected a value");
  const std::string good = "30,Ulm,a,7,1,5\n";
  CHECK(table(good + good) == "no error");
  CHECK(table(good + "30,Oslo,a,7,1,5\n") ==
        "serve.csv:3: column 'city' is 'Oslo', expected what the vocabulary has, learnt from the "
        "training split");
  CHECK(table(good + good + "30,Ulm,,7,1,5\n") ==
        "serve.csv:4: column 'tags' is missing, expected a value");
  CHECK(table("30,Ulm,a,7,1,\n") == "serve.csv:2: column 'v_1' is missing, expected a value");
  CHECK(table(good + "-11,Ulm,a,7,1,5\n") ==
        "serve.csv:3: column 'age' is -11, far outside of what the training split has: 20 to 50");
  CHECK(table(good + "-11,Ulm,a,7,1,5\n", true) == "no error");
}

TEST_CASE(
    "input check: clamped numbers are the ends of the training split's range, and are found all "
    "the same") {
  const Features f = learnt();
  const InputCheck clamp{nullptr, false, true};
  const std::vector<float> ends =
      f.encode_inputs(rows("20,Ulm,a,7,0,5\n50,Ulm,a,7,6.38905609893065,5\n")).numeric;
  const std::vector<float> beyond =
      f.encode_inputs(rows("-5,Ulm,a,7,-9,4.9\n1e9,Ulm,a,7,1e6,1e6\n"), clamp).numeric;
  CHECK(beyond == ends);
  CHECK(f.encode_inputs(rows(",Ulm,a,7,1,\n"), clamp).numeric ==
        f.encode_inputs(rows(",Ulm,a,7,1,\n")).numeric);
  const std::vector<NamedValue> row{
      {"age", std::numeric_limits<double>::infinity()}, {"v_0", 1e300}, {"v_1", 7}};
  std::vector<InputEvent> events;
  const std::vector<float> one = f.encode(row, {&events, false, true}).numeric;
  CHECK(one == std::vector<float>(ends.begin() + 3, ends.end()));
  CHECK(said(events) == "0 outside 1, 1 missing 1, 2 missing 1, 3 missing 1, 4 outside 1");
}

TEST_CASE("input check: ranges are saved; without them nothing is outside, nor clamped") {
  const Features f = learnt();
  Features same({In::fields, {}});
  same.restore(features_from_json(Json::parse(to_json(f.state()).dump())));
  CHECK(same.state().lows == f.state().lows);
  CHECK(same.state().highs == f.state().highs);
  CHECK(found(same, "81,Ulm,a,7,1,5\n") == "0 outside 1");
  FeaturesState before = f.state();
  before.lows.clear();
  before.highs.clear();
  Json json = to_json(before);
  CHECK(json.find("lows") == nullptr);
  Features old({In::fields, {}});
  old.restore(features_from_json(json));
  CHECK(found(old, "1e9,Ulm,a,7,1e9,1e9\n") == "");
  CHECK(old.encode_inputs(rows("81,Ulm,a,7,1,5\n"), {nullptr, true, true}).numeric ==
        f.encode_inputs(rows("81,Ulm,a,7,1,5\n")).numeric);
  // A column without numbers has no range.
  Features empty({espalier_test::fields<Numeric<"x">>, {}});
  empty.fit(espalier_test::numbers({missing, missing}));
  Features again({espalier_test::fields<Numeric<"x">>, {}});
  again.restore(features_from_json(Json::parse(to_json(empty.state()).dump())));
  CHECK(std::isnan(again.state().lows[0]));
  CHECK(found(again, std::vector<NamedValue>{{"x", 1e9}}) == "");
}

TEST_CASE("input check: saved ranges that cannot be are refused") {
  const auto message = [](std::vector<double> lows, std::vector<double> highs) {
    FeaturesState state{{}, {0}, {1}, std::move(lows), std::move(highs)};
    Features f({espalier_test::fields<Numeric<"x">>, {}});
    return failure<CheckpointError>([&] { f.restore(std::move(state)); });
  };
  CHECK(message({}, {}) == "no error");
  CHECK(message({1}, {1}) == "no error");
  CHECK(message({1}, {}) == "features: 1 least and 0 largest numbers, expected none or 1");
  CHECK(message({1, 2}, {3, 4}) == "features: 2 least and 2 largest numbers, expected none or 1");
  CHECK(message({2}, {1}) == "features: a column's least number is above its largest");
}

TEST_CASE(
    "features: values given in any order are found, and one given twice is refused where two "
    "fields read it too") {
  const Features f = learnt();
  const std::vector<NamedValue> in_order{{"age", 30}, {"city", "Ulm"}, {"tags", "a"},
                                         {"id", 7},   {"v_0", 1},      {"v_1", 5}};
  const EncodedData expected = f.encode(in_order);
  for (std::size_t turn = 0; turn < in_order.size(); ++turn) {
    std::vector<NamedValue> turned = in_order;
    std::rotate(turned.begin(), turned.begin() + static_cast<std::ptrdiff_t>(turn), turned.end());
    CHECK(f.encode(turned).numeric == expected.numeric);
    CHECK(f.encode(turned).single_ids == expected.single_ids);
  }
  const Features both({espalier_test::fields<Numeric<"e_0">, NumericVector<"e", 2>>, {}});
  const auto message = [&](std::vector<NamedValue> row) {
    return failure<ConfigError>([&] { static_cast<void>(both.encode(row)); });
  };
  CHECK(message({{"e_0", 1}, {"e_1", 2}}) == "no error");
  CHECK(message({{"e_0", 1}, {"e_0", 2}, {"e_1", 3}}) == "row: 'e_0' is given twice");
}
