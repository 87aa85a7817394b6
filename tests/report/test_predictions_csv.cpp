// SPDX-License-Identifier: Apache-2.0
// Predictions as a CSV file.
#include <doctest/doctest.h>

#include "espalier/core/file.hpp"
#include "espalier/data/csv.hpp"
#include "espalier/report/predictions_csv.hpp"
#include "support/made_up.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier_test;

namespace {

/// Three rows: click, and stars of three classes.
esp::Predictions three_rows() {
  esp::Predictions p;
  p.tasks = {"click", "stars"};
  p.kinds = {esp::LabelKind::binary, esp::LabelKind::classes};
  p.outputs = {1, 3};
  p.values = {{0.1F, 1.0F, 1e-20F}, {0.25F, 0.5F, 0.25F, 0.375F, 0.375F, 0.25F, 0.1F, 0.2F, 0.7F}};
  return p;
}

/// Rows 3, 1 and 0 of a table of four.
esp::Dataset three_users() {
  esp::Table table;
  table.add(esp::Column::text("user", {"u0", "u,1", "u2", "u3"}));
  table.add("click", std::vector<int>{0, 1, 0, 1});
  return {std::make_shared<const esp::Table>(std::move(table)), {3, 1, 0}};
}

}  // namespace

TEST_CASE(
    "write_csv: a row a sample, ids before the predictions, classes by name and by probability") {
  const TemporaryFolder folder;
  const std::string file = folder / "p.csv";
  esp::Predictions p = three_rows();
  esp::write_csv(file, p);
  CHECK(esp::read_file(file) ==
        "click,stars,stars_0,stars_1,stars_2\n"
        "0.1,1,0.25,0.5,0.25\n"
        "1,0,0.375,0.375,0.25\n"
        "1e-20,2,0.1,0.2,0.7\n");
  p.class_names = {{}, {"bad", "good, or so", "best"}};
  esp::write_csv(file, p, three_users(), {"user"}, {.probabilities = false});
  CHECK(esp::read_file(file) ==
        "user,click,stars\n"
        "u3,0.1,\"good, or so\"\n"
        "\"u,1\",1,bad\n"
        "u0,1e-20,best\n");
  p.class_names = {{}, {"3", "4"}};  // the training split had two of the three classes
  esp::write_csv(file, p);
  CHECK(esp::read_file(file) ==
        "click,stars,stars_3,stars_4\n"
        "0.1,4,0.25,0.5\n"
        "1,3,0.375,0.375\n"
        "1e-20,4,0.1,0.2\n");
  p.class_names = {{}, {"bad", "good, or so", "best"}};
  esp::write_csv(file, p, three_users(), {"user", "click"}, {.prefix = "predicted_"});
  CHECK(esp::read_file(file).starts_with(
      "user,click,predicted_click,predicted_stars,predicted_stars_bad,\"predicted_"
      "stars_good, or so\",predicted_stars_best\n"
      "u3,1,0.1,"));
}

TEST_CASE("write_csv: floats are read back as the same floats") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  esp::Random random(3);
  esp::Predictions p;
  p.tasks = {"x"};
  p.values.emplace_back();
  for (int i = 0; i < 2000; ++i) {
    const auto bits = static_cast<std::uint32_t>(random.bits());
    const auto x = i < 1000 ? static_cast<float>(random.uniform()) : std::bit_cast<float>(bits);
    if (std::isfinite(x)) p.values[0].push_back(x);
  }
  esp::write_csv(folder / "p.csv", p);
  const esp::Table read = esp::read_csv(folder / "p.csv");
  std::vector<float> values;
  for (const double x : read.numbers("x")) values.push_back(static_cast<float>(x));
  CHECK(values.size() > 1900);
  CHECK(same_bits(values, p.values[0]));
}

TEST_CASE("write_csv: a trained model's predictions, in the dataset's order") {
  const TemporaryFolder folder;
  esp::Trainer<Bottom> trainer(quick_options());
  trainer.fit(made_up(200, 1));
  const esp::Dataset test = made_up(50, 2).split(0.5, 0.3, 0.2)[1];
  const esp::Predictions p = trainer.predict(test);
  REQUIRE(p.samples() == 15);
  esp::write_csv(folder / "p.csv", p, test, {"user", "x"}, {.prefix = "p_"});
  const esp::Table read = esp::read_csv(folder / "p.csv");
  const esp::Column &user = read.column("user"), &was = test.table().column("user");
  for (esp::Index i = 0; i < 15; ++i) {
    const auto at = static_cast<std::size_t>(i);
    CHECK(user.at(i) == was.at(test.rows()[at]));
    CHECK(read.numbers("x")[at] ==
          test.table().numbers("x")[static_cast<std::size_t>(test.rows()[at])]);
    CHECK(static_cast<float>(read.numbers("p_watch")[at]) == p.of("watch")[at]);
  }
}

TEST_CASE("write_csv: what cannot be written is said, and no file is made") {
  const TemporaryFolder folder;
  const std::string file = folder / "p.csv";
  esp::Predictions p = three_rows();
  CHECK(message_of([&] { esp::write_csv(file, p, three_users(), {"film"}); }) ==
        "table: no column 'film'; there are 'user', 'click'");
  CHECK(message_of([&] { esp::write_csv(file, p, three_users(), {"click"}); }) ==
        "'click' is a column of the data and a predicted one; give PredictionColumns::prefix, "
        "expected different names");
  CHECK(message_of([&] { esp::write_csv(file, p, three_users().head(2), {"user"}); }) ==
        "predictions of 3 rows, and a dataset of 2; expected those of the dataset");
  p.values[1][4] = std::numeric_limits<float>::quiet_NaN();
  CHECK(message_of([&] { esp::write_csv(file, p); }) ==
        "predictions, row 2: column 'stars_1' is 'nan', expected a finite number");
  CHECK(folder.names().empty());
}
