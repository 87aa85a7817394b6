// SPDX-License-Identifier: Apache-2.0
// A loaded model predicts like its trainer: datasets, single rows, many threads.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "espalier/deploy/predictor.hpp"
#include "support/made_up.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier_test;

namespace {

using Rating = esp::Task<"rating", esp::SoftmaxCrossEntropy<3>, esp::Weight{1.0}, esp::Tower<6>>;
using Url = esp::Hashed<"url", 7, 3>;
struct Rated
    : esp::MultiTaskModel<esp::Inputs<esp::NumericVector<"v", 2>, esp::Categorical<"user", 4>,
                                      esp::Numeric<"x", esp::Log1p>,
                                      esp::Categorical<"last", 4, esp::SharedTable<"user">>, Url,
                                      esp::MultiCategorical<"tags", 3>>,
                          esp::Mmoe<2, esp::Layers<esp::Dense<8>, esp::BatchNorm>>, Click, Rating> {
};

esp::Table rated_table(esp::Index rows, std::uint64_t seed) {
  esp::Table table = made_up_table(rows, seed);
  esp::Random random(seed, 5);
  const auto n = static_cast<std::size_t>(rows);
  std::vector<double> v0(n), v1(n), rating(n);
  std::vector<std::string> last(n), url(n);
  for (std::size_t i = 0; i < n; ++i) {
    v0[i] = random.bernoulli(0.1) ? std::nan("") : random.normal();
    v1[i] = random.normal();
    rating[i] = static_cast<double>(random.below(3));
    last[i] = random.bernoulli(0.2) ? "" : "u" + std::to_string(random.below(15));
    url[i] = random.bernoulli(0.2) ? "" : "page" + std::to_string(random.below(40));
  }
  table.add(esp::Column::number("v_0", v0));
  table.add(esp::Column::number("v_1", v1));
  table.add(esp::Column::number("rating", rating));
  table.add(esp::Column::text("last", last));
  table.add(esp::Column::text("url", url));
  return table;
}

/// A saved model and its trainer's predictions.
struct Saved {
  TemporaryFolder folder{TemporaryFolder::Where::in_memory};
  std::string path = folder / "model.safetensors";
  esp::Table table = rated_table(300, 2);
  esp::Dataset data{table};
  esp::Predictions expected;

  Saved() {
    esp::Trainer<Rated> trainer(quick_options());
    trainer.fit(esp::Dataset(rated_table(400, 1)));
    trainer.save(path);
    expected = trainer.predict(data);
  }
};

const Saved& saved() {
  static const Saved made;
  return made;
}

/// The summation order of kernels may depend on the number of samples, so the last bits may differ.
bool close(float a, float b) {
  const double x = static_cast<double>(a), y = static_cast<double>(b);
  return std::abs(x - y) <= 2e-6 * (1 + std::abs(y));
}

/// Predicts one row of the table given as named values, without the missing ones.
std::vector<float> row_of(const esp::PlanPredictor& predictor, const esp::Table& table,
                          std::size_t row) {
  std::vector<esp::NamedValue> values;
  for (const char* name : {"v_0", "v_1", "x"}) {
    const double v = table.numbers(name)[row];
    if (v == v) values.push_back({name, v});
  }
  for (const char* name : {"user", "last", "url", "tags"}) {
    const std::string_view text = table.column(name).at(static_cast<esp::Index>(row));
    if (!text.empty()) values.push_back({name, text});
  }
  return predictor.predict_row(values);
}

}  // namespace

TEST_CASE("predictor: as the trainer, for every number of rows") {
  const Saved& s = saved();
  const esp::Predictor<Rated> predictor(s.path);
  for (esp::Index n = 0; n <= 130; ++n) {
    const esp::Predictions p = predictor.predict(s.data.head(n));
    REQUIRE(p.tasks == std::vector<std::string>{"click", "rating"});
    REQUIRE(p.of("click").size() == static_cast<std::size_t>(n));
    REQUIRE(p.of("rating").size() == static_cast<std::size_t>(3 * n));
    CHECK(p.losses.empty());
    int wrong = 0;
    for (std::size_t k = 0; k < 2; ++k) {
      for (std::size_t i = 0; i < p.values[k].size(); ++i)
        wrong += close(p.values[k][i], s.expected.values[k][i]) ? 0 : 1;
    }
    CHECK(wrong == 0);
  }
  CHECK(message_of([&] { static_cast<void>(predictor.predict(esp::Dataset())); }) ==
        "the dataset is empty: it has no table");
}

TEST_CASE("predictor: a row of raw values is what the row of a table is, missing values too") {
  const Saved& s = saved();
  const esp::Predictor<Rated> predictor(s.path);
  for (std::size_t row = 0; row < 120; ++row) {
    CAPTURE(row);
    const std::vector<float> p = row_of(predictor, s.table, row);
    REQUIRE(p.size() == 4);  // click and three classes
    CHECK(close(p[0], s.expected.of("click")[row]));
    for (std::size_t c = 0; c < 3; ++c)
      CHECK(close(p[1 + c], s.expected.of("rating")[3 * row + c]));
    CHECK(static_cast<double>(p[1] + p[2] + p[3]) == doctest::Approx(1));
  }
}

TEST_CASE("predictor: names in any order, left out, unseen, unknown, twice, of the wrong kind") {
  const esp::Predictor<Rated> predictor(saved().path);
  const auto refused = [&](std::initializer_list<esp::NamedValue> values) {
    return message_of([&] { static_cast<void>(predictor.predict_row(values)); });
  };
  const std::string_view u1 = "u1", nobody = "nobody", tags = "b|a";
  const auto one = predictor.predict_row({{"x", 1.0}, {"user", u1}, {"tags", tags}});
  CHECK(same_bits(one, predictor.predict_row({{"tags", tags}, {"user", u1}, {"x", 1.0}})));
  CHECK_FALSE(same_bits(one, predictor.predict_row({{"x", 1.0}, {"tags", tags}})));
  // A missing user or last category counts as unknown; a missing number becomes the mean, or 0.
  CHECK(same_bits(predictor.predict_row({}),
                  predictor.predict_row({{"user", nobody}, {"last", nobody}, {"x", 0.0}})));
  CHECK(same_bits(predictor.predict_row({}),
                  predictor.predict_row({{"x", std::nan("")}, {"tags", std::string_view()}})));
  // A number given for a text input is converted to text.
  CHECK(same_bits(predictor.predict_row({{"url", 12.0}}),
                  predictor.predict_row({{"url", std::string_view("12")}})));
  CHECK(same_bits(predictor.predict_row({{"url", 12}, {"x", 1}}),
                  predictor.predict_row({{"url", "12"}, {"x", 1.0F}})));
  CHECK(refused({{"age", 31}}) ==
        "row: 'age' is not an input of the model, which reads 'v_0', 'v_1', 'user', 'x', 'last', "
        "'url', 'tags'");
  // Only v_0 and v_1 are inputs.
  CHECK(refused({{"x", 1.0}, {"v", 1.0}}).starts_with("row: 'v' is not an input of the model"));
  CHECK(refused({{"click", 1.0}}).starts_with("row: 'click' is not an input of the model"));
  CHECK(refused({{"x", 1.0}, {"x", 2.0}}) == "row: 'x' is given twice");
  CHECK(refused({{"x", std::string_view("much")}}) == "input 'x' is 'much', expected a number");
  CHECK(refused({{"v_1", std::numeric_limits<double>::infinity()}}).find("input 'v_1' is ") == 0);
}

TEST_CASE("predictor: neither labels nor weights need to be there") {
  const Saved& s = saved();
  const esp::Predictor<Rated> predictor(s.path);
  esp::Table bare = s.table;
  for (const char* name : {"click", "rating", "watch", "weight"}) bare.remove(name);
  CHECK(same_bits(predictor.predict(esp::Dataset(bare)).of("click"),
                  predictor.predict(s.data).of("click")));
  bare.remove("v_1");
  CHECK(message_of([&] {
          static_cast<void>(predictor.predict(esp::Dataset(bare)));
        }).find("no column 'v_1'") != std::string::npos);
}

TEST_CASE("predictor: many threads at once") {
  const Saved& s = saved();
  const esp::Predictor<Rated> predictor(s.path);
  const esp::Predictions whole = predictor.predict(s.data);
  std::vector<std::vector<float>> rows;
  for (std::size_t row = 0; row < 40; ++row) rows.push_back(row_of(predictor, s.table, row));
  std::atomic<int> wrong{0}, done{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 6; ++i) {
        if (t % 2 == 0) {
          const esp::Predictions p = predictor.predict(s.data);
          for (std::size_t k = 0; k < 2; ++k)
            wrong += same_bits(p.values[k], whole.values[k]) ? 0 : 1;
        } else {
          for (std::size_t row = 0; row < 40; ++row)
            wrong += same_bits(row_of(predictor, s.table, row), rows[row]) ? 0 : 1;
        }
      }
      ++done;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(done == 6);
}

TEST_CASE("predictor: what it holds, and files that it refuses") {
  const Saved& s = saved();
  const esp::Predictor<Rated> predictor(s.path);
  CHECK(predictor.plan().tasks.size() == 2);
  CHECK(predictor.features().state().vocabularies.size() == 3);
  esp::Trainer<Rated> trainer(quick_options());
  trainer.load(s.path);
  CHECK(same_bits(trainer.parameters(), predictor.parameters()));
  CHECK(message_of([&] {
          esp::Predictor<Bottom>{s.path};
        }).find(s.path + ": made for another model: the file has sharing: mmoe") == 0);
  CHECK(message_of([&] { esp::Predictor<Rated>{s.folder / "none"}; }) ==
        "cannot open " + (s.folder / "none") + ": No such file or directory");
}
