// SPDX-License-Identifier: Apache-2.0
// Means over the training split (target encoding): golden values, out of fold without leakage, from
// the whole split for all other rows.
#include "espalier/data/target_encoding.hpp"

#include "espalier/core/random.hpp"
#include "espalier/data/features.hpp"
#include "espalier/data/schema_columns.hpp"
#include "espalier/describe/inputs.hpp"
#include "helpers.hpp"

using namespace espalier;
using espalier_test::failure;

namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

using Work = By<"work">;
using WorkSex = By<"work", "sex">;
using In = Inputs<MeanOf<"income", Work, Folds<3>, AsIs>,
                  MeanOf<"income", WorkSex, Folds<3>, Smoothing<1>>, CountOf<Work, Folds<3>, AsIs>,
                  Bucketed<MeanOf<"income", Work, Folds<3>>, Edges{0.53, 0.57}, 2>>;

Table small() {
  Table table;
  table.source = "adults";
  table.add("work", std::vector<std::string>{"clerk", "clerk", "sales", "clerk", "sales", "",
                                             "clerk", "sales", "", "clerk", "farm", "clerk"});
  table.add("sex",
            std::vector<std::string>{"f", "m", "f", "f", "m", "m", "f", "f", "m", "m", "f", "f"});
  table.add("income", std::vector<double>{1, 0, 1, none, 0, 1, 1, 0, 0, 0, 1, 1});
  return table;
}

Dataset rows_of(Table table, std::vector<std::int32_t> rows) {
  return {std::make_shared<const Table>(std::move(table)), std::move(rows)};
}

const std::vector<std::int32_t> training_rows{11, 0, 3, 1, 2, 4, 5, 6, 7, 9};

void same(const std::vector<double>& found, const std::vector<double>& expected) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    CAPTURE(i);
    CHECK(std::isnan(found[i]) == std::isnan(expected[i]));
    if (!std::isnan(expected[i])) CHECK(found[i] == doctest::Approx(expected[i]).epsilon(1e-14));
  }
}

/// Rows with few values of `work` and two of `sex`; some keys and labels are missing; labels are
/// not integers.
Table people(Index rows, std::uint64_t seed) {
  Random random(seed);
  const auto n = static_cast<std::size_t>(rows);
  std::vector<std::string> work(n), sex(n);
  std::vector<double> income(n);
  for (std::size_t i = 0; i < n; ++i) {
    work[i] = random.bernoulli(0.1) ? "" : std::to_string(random.below(9));
    sex[i] = random.bernoulli(0.5) ? "f" : "m";
    income[i] = random.bernoulli(0.1) ? none : random.normal();
  }
  Table table;
  table.add("work", work);
  table.add("sex", sex);
  table.add("income", income);
  return table;
}

/// The same table with other or missing labels in the rows for which `changes` returns true.
template <class Changes>
Table with_other_labels(const Table& from, std::uint64_t seed, Changes changes) {
  Random random(seed);
  std::vector<double> income = from.numbers("income");
  for (std::size_t i = 0; i < income.size(); ++i) {
    const double other = random.bernoulli(0.2) ? none : 10 * random.normal();
    if (changes(static_cast<std::int32_t>(i))) income[i] = other;
  }
  Table table = from;
  table.remove("income");
  table.add("income", income);
  return table;
}

}  // namespace

TEST_CASE("TargetEncoding: golden values, out of fold and of the whole split") {
  // From tests/golden/target_encoding.py.
  std::vector<int> folds;
  for (std::int32_t row = 0; row < 12; ++row) folds.push_back(TargetEncoding::fold_of(row, 3));
  CHECK(folds == std::vector<int>{0, 1, 1, 1, 0, 0, 2, 0, 1, 2, 0, 0});
  const Table table = small();
  TargetEncoding targets(In::fields);
  CHECK(targets.names() == std::vector<std::string>{"mean_income_by_work",
                                                    "mean_income_by_work_sex", "count_by_work"});
  const Columns out = targets.learn(rows_of(table, training_rows));
  same(out[0].numbers, {0.47826086956521741, 0.60119047619047616, 0.51948051948051943,
                        0.60119047619047616, 0.52380952380952384, 0.5, 0.58385093167701863,
                        0.52380952380952384, none, 0.58385093167701863, none, 0.47826086956521741});
  same(out[1].numbers, {0.75, 0.2857142857142857, 0.2857142857142857, 0.8928571428571429, 0.5, 0.5,
                        0.8571428571428571, 0.75, none, 0.2857142857142857, none, 0.75});
  same(out[2].numbers, {6, 6, 3, 6, 3, 1, 6, 3, none, 6, none, 6});
  const Columns whole = targets.columns(Dataset(table));
  same(whole[0].numbers,
       {0.56444444444444442, 0.56444444444444442, 0.52657004830917875, 0.56444444444444442,
        0.52657004830917875, 0.57671957671957674, 0.56444444444444442, 0.52657004830917875,
        0.57671957671957674, 0.56444444444444442, 0.55555555555555558, 0.56444444444444442});
  same(whole[1].numbers,
       {0.88888888888888884, 0.18518518518518517, 0.51851851851851849, 0.88888888888888884,
        0.27777777777777779, 0.77777777777777779, 0.88888888888888884, 0.51851851851851849,
        0.77777777777777779, 0.18518518518518517, 0.55555555555555558, 0.88888888888888884});
  same(whole[2].numbers, {6, 6, 3, 6, 3, 1, 6, 3, 1, 6, 0, 6});
}

TEST_CASE("TargetEncoding: labels of a fold change no bit of its rows, those of others do") {
  const Table table = people(500, 1);
  std::vector<std::int32_t> rows;
  for (std::int32_t row = 0; row < 500; row += row % 3 == 0 ? 1 : 2) rows.push_back(row);
  const auto encoded = [&](const Table& t) {
    return TargetEncoding(In::fields).learn(rows_of(t, rows));
  };
  const Columns before = encoded(table);
  for (int fold = 0; fold < 3; ++fold) {
    const Columns own = encoded(with_other_labels(
        table, 7, [&](std::int32_t row) { return TargetEncoding::fold_of(row, 3) == fold; }));
    int of_rows = 0, unlike = 0;
    for (const std::int32_t row : rows) {
      const auto i = static_cast<std::size_t>(row);
      const bool is_same =
          own[0].numbers[i] == before[0].numbers[i] && own[1].numbers[i] == before[1].numbers[i];
      if (TargetEncoding::fold_of(row, 3) == fold) {
        ++of_rows;
        CHECK(is_same);
      } else {
        unlike += is_same ? 0 : 1;
      }
    }
    CHECK(of_rows > 50);
    CHECK(unlike > 50);
  }
  // Labels of rows outside of the training split have no effect.
  const auto untaught = [&](std::int32_t row) {
    return std::find(rows.begin(), rows.end(), row) == rows.end();
  };
  const Columns others = encoded(with_other_labels(table, 8, untaught));
  for (const std::int32_t row : rows)
    CHECK(others[0].numbers[static_cast<std::size_t>(row)] ==
          before[0].numbers[static_cast<std::size_t>(row)]);
}

TEST_CASE(
    "TargetEncoding: a row that the split has several times is in one fold, and counts so many "
    "times") {
  const Table table = small();
  TargetEncoding targets(In::fields);
  // Clerks: three labels 1 in fold 0, 0 in fold 1, 1 in fold 2.
  static_cast<void>(targets.learn(rows_of(table, {0, 0, 0, 1, 6, 10})));
  const Columns whole = targets.columns(Dataset(table));
  CHECK(whole[2].numbers[0] == 5);
  CHECK(whole[0].numbers[0] == doctest::Approx((4 + 20 * 5.0 / 6) / (5 + 20)));
  const Columns out = targets.learn(rows_of(table, {0, 0, 0, 1, 6, 10}));
  // Only rows 1 and 6 count: 0, 1.
  CHECK(out[0].numbers[0] == doctest::Approx((1 + 20 * 0.5) / (2 + 20)));
}

TEST_CASE(
    "TargetEncoding: unknown keys have the mean of all, without smoothing nothing; as long as "
    "there is no label nothing") {
  using Raw = Inputs<MeanOf<"income", Work, Folds<2>, Smoothing<0>>,
                     MeanOf<"income", Work, Folds<5>, From<"five">>>;
  TargetEncoding targets(Raw::fields);
  const Table table = small();
  static_cast<void>(targets.learn(rows_of(table, {0, 1, 6, 7})));
  const Columns whole = targets.columns(rows_of(table, {0, 10}));
  CHECK(whole[0].numbers[0] == doctest::Approx(2.0 / 3));
  CHECK(std::isnan(whole[0].numbers[10]));
  CHECK(std::isnan(whole[0].numbers[1]));  // not in the selected rows
  CHECK(whole[1].name == "five");
  CHECK(whole[1].numbers[10] == 0.5);
  const Columns out = targets.learn(rows_of(table, {3}));
  CHECK(std::isnan(out[0].numbers[3]));
  CHECK(std::isnan(targets.columns(Dataset(table))[1].numbers[0]));
}

TEST_CASE(
    "TargetEncoding: features train out of fold, and encode all else by the whole split, a row as "
    "a table") {
  const Schema schema{In::fields, {}};
  Features features(schema);
  const Dataset train = rows_of(small(), training_rows);
  CHECK(failure<ConfigError>([&] { static_cast<void>(features.encode(train)); }) ==
        "the means over the training split, which inputs with Folds are, are not learnt yet: call "
        "fit() first");
  features.fit(train);
  const EncodedData out = features.encode_training(train), whole = features.encode(train);
  REQUIRE(out.numeric_rows == 3);
  CHECK(out.numeric[0] == doctest::Approx(0.47826086956521741));  // row 11
  CHECK(whole.numeric[0] == doctest::Approx(0.56444444444444442));
  CHECK(out.single_ids == std::vector<std::int32_t>{1, 1, 3, 3, 1, 1, 1, 3, 1, 3});
  CHECK(whole.single_ids == std::vector<std::int32_t>{2, 2, 2, 2, 1, 1, 3, 2, 1, 2});
  double sum = 0;
  for (std::size_t i = 0; i < training_rows.size(); ++i)
    sum += static_cast<double>(out.numeric[3 * i + 1]);
  CHECK(std::abs(sum) < 1e-5);  // standardized as in training

  Table later = small();
  later.remove("income");  // not needed for prediction
  const EncodedData table = features.encode_inputs(Dataset(later));
  for (Index row = 0; row < later.rows(); ++row) {
    std::vector<NamedValue> values{{"sex", later.column("sex").at(row)}};
    if (const std::string_view work = later.column("work").at(row); !work.empty())
      values.emplace_back("work", work);
    const EncodedData one = features.encode(values);
    const auto i = static_cast<std::size_t>(row);
    for (std::size_t k = 0; k < 3; ++k) CHECK(one.numeric[k] == table.numeric[3 * i + k]);
    CHECK(one.single_ids[0] == table.single_ids[i]);
  }
  CHECK(failure<ConfigError>([&] {
          static_cast<void>(features.encode(std::vector<NamedValue>{{"mean_income_by_work", 0.5}}));
        }) == "row: 'mean_income_by_work' is not an input of the model, which reads 'work', 'sex'");
}

TEST_CASE("TargetEncoding: a key is the same as a number, an integer and a text") {
  using OfAge = Inputs<MeanOf<"income", By<"age">, Folds<2>, AsIs>>;
  Table table;
  table.add("age", std::vector<double>{17, 17, 18, none});
  table.add("income", std::vector<double>{1, 1, 0, 0});
  Features features(Schema{OfAge::fields, {}});
  features.fit(Dataset(table));
  const float young = features.encode_inputs(Dataset(table)).numeric[0],
              missing = features.encode_inputs(Dataset(table)).numeric[3];
  CHECK(young == doctest::Approx(12.0 / 22));
  CHECK(missing == doctest::Approx(10.0 / 21));
  for (const NamedValue& age : {NamedValue("age", 17.0), NamedValue("age", 17),
                                NamedValue("age", "17"), NamedValue("age", "17.0")}) {
    CHECK(features.encode(std::vector<NamedValue>{age}).numeric[0] == young);
  }
  CHECK(features.encode(std::vector<NamedValue>{}).numeric[0] == missing);
  CHECK(features.encode(std::vector<NamedValue>{{"age", 99}}).numeric[0] == 0.5F);
}

TEST_CASE("TargetEncoding: what cannot be learnt from") {
  const Schema schema{In::fields, {}};
  const auto refused = [&](Table table) {
    return failure<DataError>([&] { Features(schema).fit(Dataset(std::move(table))); });
  };
  Table without = small();
  without.remove("income");
  CHECK(refused(without) ==
        "adults: no column 'income', a mean of which over the training split is an input (MeanOf "
        "with Folds); expected it in "
        "the data that is trained on, to predict it need not be there");
  Table text = without;
  text.add("income", std::vector<std::string>(12, ">50K"));
  CHECK(refused(text) == "adults: column 'income' holds text, expected numbers");
  Table infinite = without;
  std::vector<double> income(12, 1.0);
  income[4] = std::numeric_limits<double>::infinity();
  infinite.add("income", income);
  CHECK(refused(infinite) == "adults, row 5: column 'income' is infinite, expected a finite label");
  Table keyless = small();
  keyless.remove("sex");
  CHECK(refused(keyless) == "adults: no column 'sex'; there are 'work', 'income'");
  Table taken = small();
  taken.add("count_by_work", std::vector<double>(12, 1.0));
  CHECK(refused(taken) ==
        "adults: there is a column 'count_by_work', which the model makes of its training split; "
        "From<\"other\"> calls what it "
        "makes otherwise");
  FeaturesState state;
  state.vocabularies.resize(1);
  state.means = state.deviations = {1, 1, 1};
  CHECK(failure<CheckpointError>([&] { Features(schema).restore(state); }) ==
        "features: no means over the training split, which inputs with Folds are");
}

TEST_CASE("TargetEncoding: columns to read from a file") {
  const Schema schema{In::fields, {}};
  std::string names;
  for (const std::string& name : column_names(schema)) names += name + " ";
  CHECK(names == "work income sex ");
  CHECK(is_known_later(schema, "income"));
  CHECK(RowHistory(In::fields).empty());
}
