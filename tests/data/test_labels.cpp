// SPDX-License-Identifier: Apache-2.0
// Labels, weights and groups as numbers, and which values are rejected.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "data/helpers.hpp"
#include "espalier/data/features.hpp"
#include "espalier/describe/inputs.hpp"

using namespace espalier;
using espalier_test::failure;
using espalier_test::fields;
using espalier_test::labels;
using espalier_test::numbers;

namespace {

using Ids = std::vector<std::int32_t>;

Table labelled() {
  return parse_csv(
      "click,seconds,plays,stars,w,user\n1,-2.5,0,4,1,u1\n0,3,7,0,0.5,u2\n,,,,2,u1\n1,0,1e6,2,0,\n",
      "log.csv");
}

std::string label_refusal(const std::string& column, const std::string& value) {
  std::string csv = "click,seconds,plays,stars\n1,1,1,1\n";
  for (const char* name : {"click", "seconds", "plays", "stars"})
    csv += (name == column ? value : "1") + std::string(",");
  csv.back() = '\n';
  CsvOptions options;
  for (const LabelInfo& label : labels)
    options.columns.push_back(espalier_test::number(std::string(label.column)));
  const Dataset data(parse_csv(csv, "log.csv", options));
  return failure<DataError>([&] { static_cast<void>(Features({{}, labels}).encode(data)); });
}

/// The end of the messages.
std::string remedy(const std::string& column) {
  return ". Label<\"" + column + "\", Equals<\"…\">> makes labels of text, Label<\"" + column +
         "\", AtLeast<…>> of numbers";
}
const std::string names = ". Label<\"stars\", ByName> takes classes by their names";

}  // namespace

TEST_CASE("features: labels are a task's side by side, missing ones NaN") {
  const EncodedData data = Features({{}, labels}).encode(Dataset(labelled()));
  CHECK(data.tasks == 4);
  CHECK(data.samples == 4);
  CHECK(data.label(0)[0] == 1);
  CHECK(data.label(0)[1] == 0);
  CHECK(std::isnan(data.label(0)[2]));
  CHECK(data.label(1)[0] == -2.5F);
  CHECK(data.label(2)[3] == 1e6F);
  CHECK(data.label(3)[0] == 4);
  CHECK(data.weights.empty());
  CHECK(data.groups.empty());
  Table without = labelled();
  without.remove("stars");
  const EncodedData some = Features({{}, labels}).encode(Dataset(std::move(without)));
  CHECK(std::isnan(some.label(3)[0]));
  CHECK(some.label(0)[0] == 1);
}

TEST_CASE(
    "features: labels that a loss does not take are refused with file, line, column and value") {
  CHECK(label_refusal("click", "2") ==
        "log.csv:3: label 'click' of task 'click' is 2, expected 0 or 1 or a missing value" +
            remedy("click"));
  CHECK(label_refusal("click", "0.5") ==
        "log.csv:3: label 'click' of task 'click' is 0.5, expected 0 or 1 or a missing value" +
            remedy("click"));
  CHECK(label_refusal("seconds", "1e300") ==
        "log.csv:3: label 'seconds' of task 'watch' is 1e+300, expected a finite number or a "
        "missing value");
  CHECK(label_refusal("plays", "-1") ==
        "log.csv:3: label 'plays' of task 'plays' is -1, expected a finite number from 0 or a "
        "missing value");
  CHECK(label_refusal("stars", "5") ==
        "log.csv:3: label 'stars' of task 'stars' is 5, expected a class from 0 to 4 or a missing "
        "value" +
            names);
  CHECK(label_refusal("stars", "1.5") ==
        "log.csv:3: label 'stars' of task 'stars' is 1.5, expected a class from 0 to 4 or a "
        "missing value" +
            names);
  CHECK(label_refusal("stars", "-1") ==
        "log.csv:3: label 'stars' of task 'stars' is -1, expected a class from 0 to 4 or a missing "
        "value" +
            names);
  CHECK(label_refusal("click", "NA") == "no error");
}

TEST_CASE("features: sample weights are 0 or of a size whose sums, and one over them, are floats") {
  const Dataset data(labelled());
  CHECK(Features({{}, labels}, "w").encode(data).weights == std::vector<float>{1, 0.5F, 2, 0});
  CHECK(
      Features({{}, labels}, "w").encode(data.filter([](Index row) { return row == 2; })).weights ==
      std::vector<float>{2});
  CHECK(failure<DataError>([&] {
          static_cast<void>(Features({{}, labels}, "seconds").encode(data));
        }) == "log.csv:2: weight 'seconds' is -2.5, expected 0 or a number from 1e-30 to 1e+30");
  CHECK(failure<DataError>([&] {
          static_cast<void>(Features({{}, labels}, "plays").encode(data));
        }) == "log.csv:4: weight 'plays' is missing, expected 0 or a number from 1e-30 to 1e+30");
  CHECK(failure<DataError>([&] {
          static_cast<void>(Features({{}, labels}, "user").encode(data));
        }) ==
        "log.csv: column 'user' holds text, expected numbers; log.csv:2: 'u1' is not a number");
  for (const double w : {1e-41, 9e-31, 2e30, 3e38, 1e300}) {
    CHECK(failure<DataError>([&] {
            static_cast<void>(Features({}, "x").encode(numbers({1, w})));
          }) == "log, row 2: weight 'x' is " + number_text(w) +
                    ", expected 0 or a number from 1e-30 to 1e+30");
  }
}

TEST_CASE(
    "features: predictions need no labels, weights or groups, whatever columns of their names "
    "hold") {
  Table table;
  table.add("x", std::vector<double>{1, 2});
  table.add("click", std::vector<std::string>{"yes", "no"});
  table.add("seconds", std::vector<double>{1e300, -1});
  const Features f({fields<Numeric<"x">>, labels}, "click", "none");
  const EncodedData data = f.encode_inputs(Dataset(std::move(table)));
  CHECK(data.numeric == std::vector<float>{1, 2});
  CHECK(data.tasks == 4);
  REQUIRE(data.labels.size() == 8);
  for (const float label : data.labels) CHECK(std::isnan(label));
  CHECK(data.weights.empty());
  CHECK(data.groups.empty());
}

TEST_CASE("features: groups number the values of a column") {
  const Dataset data(labelled());
  CHECK(Features({{}, labels}, "", "user").encode(data).groups == Ids{0, 1, 0, -1});
  const Ids by_number = Features({{}, labels}, "", "w").encode(data).groups;
  CHECK(by_number == Ids{0, 1, 2, 3});
}
