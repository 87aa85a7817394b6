// SPDX-License-Identifier: Apache-2.0
// Labels from text, thresholds and class names; transforms of numeric labels, and their inverse.
#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <string>
#include <vector>

#include "data/helpers.hpp"
#include "espalier/core/json.hpp"
#include "espalier/data/features.hpp"
#include "espalier/data/load.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier;
using espalier_test::failure;

namespace {

template <class... Tasks>
struct Model : MultiTaskModel<Inputs<Numeric<"age">>, SharedBottom<Mlp<4>>, Tasks...> {};

using Income = Task<"income", BinaryCrossEntropy, Label<"income", Equals<">50K">>>;
using Either = Task<"either", BinaryCrossEntropy, Label<"income", OneOf<">50K", ">50K.">>>;
using Liked = Task<"liked", BinaryCrossEntropy, Label<"stars", AtLeast<3.5>>>;
using Stars = Task<"stars", SoftmaxCrossEntropy<5>, Label<"stars", ByName>>;
using Kind = Task<"kind", SoftmaxCrossEntropy<3>>;
using Hours = Task<"hours", MeanSquaredError>;
using LogHours = Task<"log", MeanSquaredError, Label<"hours", Log1p>>;
using BothHours = Task<"both", MeanSquaredError, Label<"hours", Log1p, Standardize>>;
using PlainHours = Task<"plain", AbsoluteError, Label<"hours", AsIs>>;

const std::string people =
    "age,income,stars,kind,hours\n"
    "30,>50K,4,b,40\n40,<=50K,3,a,20\n50,,3.5,,60\n60,<=50K,,a,\n";

template <class M>
Features fitted(const Dataset& data) {
  Features f(plan_of<M>().schema);
  f.fit(data);
  return f;
}

template <class M>
Dataset read(const std::string& csv) {
  CsvOptions options;
  options.columns = csv_columns(plan_of<M>().schema);
  return Dataset(parse_csv(csv, "people.csv", options));
}

std::vector<float> label(const EncodedData& data, std::size_t task) {
  return {data.label(task).begin(), data.label(task).end()};
}

template <class M>
std::string refused(const std::string& csv) {
  return failure<DataError>(
      [&] { static_cast<void>(fitted<M>(read<M>(csv)).encode(read<M>(csv))); });
}

}  // namespace

TEST_CASE("labels: texts and bounds become 0 and 1, empty cells stay missing") {
  using M = Model<Income, Either, Liked>;
  const Dataset data = read<M>(people);
  const EncodedData encoded = fitted<M>(data).encode(data);
  for (const std::size_t task : {0U, 1U}) {
    CHECK(label(encoded, task)[0] == 1);
    CHECK(label(encoded, task)[1] == 0);
    CHECK(std::isnan(label(encoded, task)[2]));
  }
  CHECK(label(encoded, 2)[0] == 1);
  CHECK(label(encoded, 2)[1] == 0);
  CHECK(label(encoded, 2)[2] == 1);
  CHECK(std::isnan(label(encoded, 2)[3]));
}

TEST_CASE("labels: a split without one spelling of the training split's is refused") {
  using M = Model<Income>;
  const Features f = fitted<M>(read<M>(people));
  CHECK(failure<DataError>([&] {
          static_cast<void>(f.encode(read<M>("age,income\n1,<=50K.\n2,>50K.\n3,<=50K.\n")));
        }) ==
        "people.csv: label 'income' of task 'income' is '<=50K.', '>50K.' here and '<=50K', '>50K' "
        "in the training "
        "split, expected some in common: name all spellings in OneOf<…>");
  CHECK(label(f.encode(read<M>("age,income\n1,<=50K\n2,else\n")), 0) == std::vector<float>{0, 0});
  // Accepted if the rule lists the other spelling.
  const Features either = fitted<Model<Either>>(read<Model<Either>>(people));
  CHECK(label(either.encode(read<Model<Either>>("age,income\n1,<=50K.\n2,>50K.\n")), 0) ==
        std::vector<float>{0, 1});
}

TEST_CASE("labels: classes of text are those of the training split, by name") {
  using M = Model<Kind, Stars>;
  const Dataset data = read<M>(people);
  const Features f = fitted<M>(data);
  CHECK(f.class_names() == std::vector<std::vector<std::string>>{{"a", "b"}, {"3", "3.5", "4"}});
  const EncodedData encoded = f.encode(data);
  CHECK(label(encoded, 0)[0] == 1);
  CHECK(label(encoded, 0)[1] == 0);
  CHECK(std::isnan(label(encoded, 0)[2]));
  CHECK(label(encoded, 1)[0] == 2);
  CHECK(label(encoded, 1)[2] == 1);
  CHECK(failure<DataError>(
            [&] { static_cast<void>(f.encode(read<M>("age,kind,stars\n1,a,3\n2,c,4\n"))); }) ==
        "people.csv:3: label 'kind' of task 'kind' is 'c', expected one of the classes that the "
        "training split has, or a "
        "missing value");
  CHECK(refused<Model<Kind>>("age,kind\n1,a\n2,b\n3,c\n4,d\n") ==
        "people.csv: label 'kind' of task 'kind' has 4 classes in the training split ('a', 'b', "
        "'c', 'd'), expected at most 3, "
        "as many as its loss has");
}

TEST_CASE(
    "labels: classes that are numbers from 0 stay what they are; names sort by value, then by "
    "bytes") {
  using M = Model<Kind>;
  const Dataset data = read<M>("age,kind\n1,2\n2,0\n");
  const Features f = fitted<M>(data);
  CHECK(f.class_names()[0].empty());
  CHECK(label(f.encode(data), 0) == std::vector<float>{2, 0});
  CHECK(refused<M>("age,kind\n1,1\n2,3\n") ==
        "people.csv:3: label 'kind' of task 'kind' is 3, expected a class from 0 to 2 or a missing "
        "value. "
        "Label<\"kind\", ByName> takes classes by their names");
  CHECK(fitted<M>(read<M>("age,kind\n1,10\n2,x\n3,9\n")).class_names()[0] ==
        std::vector<std::string>{"9", "10", "x"});
  // A file whose classes are all numbers, for a model that knows them by name.
  const Features named = fitted<M>(read<M>("age,kind\n1,10\n2,x\n3,9\n"));
  CHECK(label(named.encode(read<M>("age,kind\n1,10\n2,9\n")), 0) == std::vector<float>{1, 0});
}

TEST_CASE("labels: numbers are standardised, or not, and come back in their unit") {
  using M = Model<Hours, LogHours, BothHours, PlainHours>;
  const Dataset data = read<M>(people);
  const Features f = fitted<M>(data);
  const EncodedData encoded = f.encode(data);
  const double deviation = std::sqrt(800.0 / 3);  // of 20, 40, 60
  CHECK(label(encoded, 0)[0] == doctest::Approx(0));
  CHECK(label(encoded, 0)[1] == doctest::Approx(-20 / deviation));
  CHECK(label(encoded, 1)[0] == doctest::Approx(std::log(41.0)));
  const double l[] = {std::log(41.0), std::log(21.0), std::log(61.0)},
               mean = (l[0] + l[1] + l[2]) / 3;
  const double spread = std::sqrt(((l[0] - mean) * (l[0] - mean) + (l[1] - mean) * (l[1] - mean) +
                                   (l[2] - mean) * (l[2] - mean)) /
                                  3);
  CHECK(label(encoded, 2)[1] == doctest::Approx((l[1] - mean) / spread));
  CHECK(label(encoded, 3)[2] == 60);
  for (std::size_t task = 0; task < 4; ++task) {
    std::vector<float> back = label(encoded, task);
    CHECK(std::isnan(back[3]));
    to_label_unit(encoded.label_scale(task), back);
    CHECK(back[0] == doctest::Approx(40).epsilon(1e-6));
    CHECK(back[1] == doctest::Approx(20).epsilon(1e-6));
    CHECK(back[2] == doctest::Approx(60).epsilon(1e-6));
  }
}

TEST_CASE(
    "labels: what was learnt of them survives saving, and files without it hold labels as they "
    "are") {
  using M = Model<Hours, Kind, Income>;
  const Dataset data = read<M>(people);
  const Features f = fitted<M>(data);
  Features other(plan_of<M>().schema);
  other.restore(features_from_json(Json::parse(to_json(f.state()).dump(), "saved")));
  const EncodedData a = f.encode(data), b = other.encode(data);
  for (std::size_t task = 0; task < 3; ++task) {
    CHECK(label(a, task)[0] == label(b, task)[0]);
    CHECK(label(a, task)[1] == label(b, task)[1]);
  }
  CHECK(other.class_names() == f.class_names());
  FeaturesState before = f.state();
  before.labels.clear();
  Features old(plan_of<M>().schema);
  old.restore(before);
  CHECK(label(old.encode(read<M>("age,hours,kind,income\n1,40,2,>50K\n")), 0)[0] == 40);

  FeaturesState broken = f.state();
  broken.labels[0].scale.deviation = 0;
  CHECK(failure<CheckpointError>([&] { other.restore(broken); }) ==
        "features: labels of task 'hours' have mean 40 and deviation 0, expected numbers, the "
        "deviation above 0");
  broken = f.state();
  broken.labels[1].scale.mean = -5;
  CHECK(failure<CheckpointError>([&] { other.restore(broken); }) ==
        "features: labels of task 'kind' are scaled, expected them as they are");
  broken = f.state();
  broken.labels[2].classes = {"no", "yes"};
  CHECK(failure<CheckpointError>([&] { other.restore(broken); }) ==
        "features: task 'income' has names of classes, expected none");
  CHECK(other.class_names() == f.class_names());  // unchanged
  broken = f.state();
  broken.labels.pop_back();
  CHECK(failure<CheckpointError>([&] { other.restore(broken); }) ==
        "features: labels of 2 tasks, expected 3");
}

TEST_CASE("labels: large numbers of small spread, which no float tells apart, are refused") {
  using M = Model<Hours>;
  std::string csv = "age,hours\n";
  for (int i = 0; i < 100; ++i) csv += "1," + std::to_string(1650000000 + i) + "\n";
  CHECK(refused<M>(csv).starts_with(
      "people.csv: label 'hours' of task 'hours' has mean 1650000049.5 and deviation 28.8"));
  CHECK(refused<Model<PlainHours>>(csv).starts_with(
      "people.csv: label 'hours' of task 'plain' has mean 1650000049.5"));
  // Years are accepted, and so is a single value.
  const Dataset years = read<M>("age,hours\n1,1990\n2,2020\n");
  CHECK(label(fitted<M>(years).encode(years), 0) == std::vector<float>{-1, 1});
  const Dataset same = read<M>("age,hours\n1,240000\n2,240000\n");
  CHECK(label(fitted<M>(same).encode(same), 0) == std::vector<float>{0, 0});
}

TEST_CASE("labels: a text where 0 or 1 is expected names the task and the way out") {
  using M = Model<Task<"income", BinaryCrossEntropy>>;
  CHECK(failure<DataError>([] { static_cast<void>(read<M>("age,income\n1,1\n2,>50K\n")); }) ==
        "people.csv:3: column 'income': '>50K' is not a number, expected one or nothing; it is the "
        "label of task 'income': "
        "Label<\"income\", Equals<\"…\">> makes labels of text");
  // The same for a table that was read without the model.
  const Dataset data(parse_csv("age,income\n1,0\n2,>50K\n", "people.csv"));
  CHECK(failure<DataError>([&] { static_cast<void>(fitted<M>(data).encode(data)); }) ==
        "people.csv:3: label 'income' of task 'income' is '>50K', expected 0 or 1 or a missing "
        "value. Label<\"income\", "
        "Equals<\">50K\">> makes labels of text, Label<\"income\", AtLeast<…>> of numbers");
}

TEST_CASE("labels: rows count for mean and deviation as often as they weigh") {
  using M = Model<Hours>;
  Table table = parse_csv("age,hours,w\n1,20,2\n2,60,1\n2,60,1\n3,1000,0\n", "people.csv");
  const Dataset data(std::move(table));
  Features f(plan_of<M>().schema, "w");
  f.fit(data);
  CHECK(label(f.encode(data), 0)[0] == -1);
  CHECK(label(f.encode(data), 0)[1] == 1);
}

TEST_CASE("labels: derived ones complete what a file has") {
  using M = Model<Task<"old", BinaryCrossEntropy>, Hours>;
  const espalier_test::TemporaryFolder folder;
  const std::string path = folder / "people.csv";
  {
    std::ofstream file(path);
    file << people;
  }
  const Dataset data = read_csv<M>(path, {}, [](Table& t) {
    const std::vector<double>& age = t.numbers("age");
    t.derive("old", [&](Index row) { return age[static_cast<std::size_t>(row)] >= 45; });
  });
  CHECK(label(fitted<M>(data).encode(data), 0) == std::vector<float>{0, 0, 1, 1});
  CHECK(failure<DataError>([&] { static_cast<void>(read_csv<M>(path)); }).find("no column 'old'") !=
        std::string::npos);
}

TEST_CASE("labels: classes by name without names known are refused, not the first class") {
  using M = Model<Stars>;
  const Features f = fitted<M>(read<M>("age,stars\n1,\n2,\n"));
  CHECK(failure<DataError>([&] { static_cast<void>(f.encode(read<M>("age,stars\n1,4\n"))); }) ==
        "people.csv:2: label 'stars' of task 'stars' is '4', expected one of the classes that the "
        "training split has, or a "
        "missing value");
}

TEST_CASE("labels: a fit that fails changes nothing") {
  using M = Model<Hours>;
  Features f = fitted<M>(read<M>(people));
  const std::string before = to_json(f.state()).dump();
  const Dataset bad = read<M>("age,hours\n1,1e300\n2,1\n");
  CHECK(failure<DataError>([&] { f.fit(bad); }) != "no error");
  CHECK(to_json(f.state()).dump() == before);
}

TEST_CASE(
    "keys: floats that may have been other ids are refused where rows are served and where columns "
    "are derived") {
  using ById = MultiTaskModel<Inputs<Categorical<"user", 2>>, SharedBottom<Mlp<4>>, Hours>;
  Features f(plan_of<ById>().schema);
  f.fit(Dataset(parse_csv("user,hours\n16777217,1\n16777218,2\n", "log.csv")));
  const std::vector<NamedValue> row{{"user", 16777217.0F}};
  CHECK(failure<ConfigError>([&] { static_cast<void>(f.encode(row)); }) ==
        "input 'user' is 16777216, beyond ±2^24, what its numbers are exact to; expected keys of "
        "so many digits as integers or text");
  Table table;
  table.add("hours", std::vector<double>{1});
  table.derive("user", [](Index) { return 16777217.0F; });
  CHECK(failure<DataError>([&] {
          static_cast<void>(f.encode(Dataset(table)));
        }).find("beyond ±2^24") != std::string::npos);
  Column made;
  // as_keys() of a temporary table returns a copy.
  CHECK(Table(table).as_keys("hours", made).dictionary == std::vector<std::string>{"1"});
}

TEST_CASE("labels: tasks that read one column read it once from a matrix too") {
  using M = Model<Liked, Task<"loved", BinaryCrossEntropy, Label<"stars", AtLeast<5>>>>;
  CHECK(column_names(plan_of<M>().schema) == std::vector<std::string>{"age", "stars"});
}
