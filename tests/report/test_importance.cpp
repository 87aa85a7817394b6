// SPDX-License-Identifier: Apache-2.0
// Permutation importance: the order of inputs, values compared with a short independent
// implementation, equal results for trainer and predictor.
#include <doctest/doctest.h>

#include <cmath>
#include <numeric>
#include <sstream>

#include "espalier/deploy/predictor.hpp"
#include "espalier/metrics/auc.hpp"
#include "espalier/metrics/grouped.hpp"
#include "espalier/metrics/student_t.hpp"
#include "espalier/report/importance.hpp"
#include "support/made_up.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier_test;

namespace {

/// The tasks of Bottom, and two irrelevant inputs: a number and a category.
struct WithNoise
    : esp::MultiTaskModel<esp::Inputs<esp::Numeric<"noise">, esp::Numeric<"x">, esp::Numeric<"y">,
                                      esp::Categorical<"user", 4>, esp::Categorical<"dice", 4>,
                                      esp::MultiCategorical<"tags", 3>>,
                          esp::SharedBottom<MadeUpEncoder>, Click, Watch> {};

esp::Table with_noise(esp::Index rows, std::uint64_t seed) {
  esp::Table table = made_up_table(rows, seed);
  esp::Random random(seed, 5);
  std::vector<std::string> dice;
  for (esp::Index i = 0; i < rows; ++i) dice.push_back(std::to_string(random.below(6)));
  table.derive("noise", [&](esp::Index) { return random.normal(); });
  table.add("dice", dice);
  return table;
}

template <class Model>
esp::Trainer<Model> trained(const esp::Dataset& data, esp::TrainerOptions o = quick_options()) {
  o.epochs = 6;
  esp::Trainer<Model> trainer(o);
  trainer.fit(data);
  return trainer;
}

/// The data with the values of one column shuffled.
esp::Dataset shuffled(esp::Table table, const std::string& name, std::uint64_t seed,
                      std::uint64_t repeat) {
  std::vector<std::int32_t> order(static_cast<std::size_t>(table.rows()));
  std::iota(order.begin(), order.end(), 0);
  esp::Random(esp::mix(seed, esp::hash_text(name)), repeat).shuffle(order);
  esp::Column column = table.take(order).column(name);
  table.remove(name);
  table.add(std::move(column));
  return esp::Dataset(std::move(table));
}

std::string order_of(const esp::TaskImportance& task) {
  std::string names;
  for (const esp::InputImportance& i : task.inputs) names += i.input + " ";
  return names;
}

}  // namespace

TEST_CASE("importance: what determines a label comes first, and noise has an interval around 0") {
  esp::Trainer<WithNoise> trainer = trained<WithNoise>(esp::Dataset(with_noise(1500, 1)));
  const esp::Importance made = esp::importance(trainer, esp::Dataset(with_noise(1000, 2)));
  CHECK(made.tasks[0].metric == "auc");
  CHECK(made.tasks[1].metric == "rmse");
  CHECK(order_of(made.tasks[0]).starts_with("x user "));
  CHECK(order_of(made.tasks[1]).starts_with("y tags "));
  CHECK(made.at("click", "x").loss > 0.15);
  CHECK(made.at("watch", "y").loss > 0.5);
  for (const char* task : {"click", "watch"}) {
    for (const char* input : {"noise", "dice"}) {
      CAPTURE(input);
      const esp::InputImportance& i = made.at(task, input);
      CHECK(i.interval.low < 0);
      CHECK(i.interval.high > 0);
      CHECK(i.interval.high - i.interval.low < 0.1);
    }
  }
  for (const auto& [task, input] :
       {std::pair{"click", "x"}, {"click", "user"}, {"watch", "y"}, {"watch", "tags"}}) {
    CHECK(made.at(task, input).interval.low > 0.02);
  }
}

TEST_CASE("importance: the figures of a few lines of their own") {
  esp::Trainer<WithNoise> trainer = trained<WithNoise>(esp::Dataset(with_noise(400, 1)));
  const esp::Table table = with_noise(130, 2);
  const esp::Dataset data(table);
  const esp::Importance made = esp::importance(trainer, data, {.repeats = 3, .seed = 9});
  // 13 parts: a row's position in a shuffle selects its part.
  std::vector<std::size_t> place(130);
  std::iota(place.begin(), place.end(), std::size_t{0});
  esp::Random(9).shuffle(place);
  const auto auc_of_part = [&](const std::vector<float>& p, std::size_t part) {
    std::vector<double> predicted, labels;
    for (std::size_t i = 0; i < 130; ++i) {
      if (place[i] / 10 != part) continue;
      predicted.push_back(static_cast<double>(p[i]));
      labels.push_back(table.numbers("click")[i]);
    }
    return esp::roc_auc(predicted, labels);
  };
  for (const std::string name : {"noise", "x", "y", "user", "dice", "tags"}) {
    CAPTURE(name);
    double click = 0, watch = 0;
    std::vector<double> parts(13, 0.0);
    for (std::uint64_t repeat = 0; repeat < 3; ++repeat) {
      const esp::Dataset other = shuffled(table, name, 9, repeat);
      const esp::Report before = trainer.evaluate(data), after = trainer.evaluate(other);
      click += (before.value("click", "auc") - after.value("click", "auc")) / 3;
      watch += (after.value("watch", "rmse") - before.value("watch", "rmse")) / 3;
      const esp::Predictions p = trainer.predict(data), q = trainer.predict(other);
      for (std::size_t part = 0; part < 13; ++part) {
        parts[part] += (auc_of_part(p.of("click"), part) - auc_of_part(q.of("click"), part)) / 3;
      }
    }
    CHECK(made.at("click", name).loss == doctest::Approx(click).epsilon(1e-12));
    CHECK(made.at("watch", name).loss == doctest::Approx(watch).epsilon(1e-12));
    double mean = 0, squares = 0;
    for (const double v : parts) mean += v / 13;
    for (const double v : parts) squares += (v - mean) * (v - mean);
    // Student's t quantile, 12 degrees of freedom
    const double half = 2.178813 * std::sqrt(squares / 12 / 13);
    CHECK(made.at("click", name).interval.high == doctest::Approx(click + half).epsilon(1e-6));
    CHECK(made.at("click", name).interval.low == doctest::Approx(click - half).epsilon(1e-6));
  }
}

TEST_CASE("importance: of a task in another unit, losses and their intervals are in that unit") {
  const auto made = [](double unit) {
    const auto scaled = [&](esp::Index rows, std::uint64_t seed) {
      esp::Table table = with_noise(rows, seed);
      std::vector<double> watch = table.numbers("watch");
      for (double& w : watch) w *= unit;
      table.remove("watch");
      table.add("watch", watch);
      return esp::Dataset(std::move(table));
    };
    esp::Trainer<WithNoise> trainer = trained<WithNoise>(scaled(500, 1));
    return esp::importance(trainer, scaled(400, 2));
  };
  const esp::Importance one = made(1), many = made(1024);
  REQUIRE(one.tasks[1].metric == "rmse");
  CHECK(order_of(one.tasks[1]) == order_of(many.tasks[1]));
  for (std::size_t i = 0; i < one.tasks[1].inputs.size(); ++i) {
    const esp::InputImportance &a = one.tasks[1].inputs[i], &b = many.tasks[1].inputs[i];
    CHECK(b.loss == doctest::Approx(1024 * a.loss).epsilon(1e-3).scale(1));
    CHECK(b.interval.low == doctest::Approx(1024 * a.interval.low).epsilon(1e-3).scale(1));
    CHECK(b.interval.high == doctest::Approx(1024 * a.interval.high).epsilon(1e-3).scale(1));
    CHECK(a.interval.high - a.interval.low < 1);  // watch has a standard deviation of about 2
  }
}

TEST_CASE("importance: of one group only there are no intervals") {
  esp::Trainer<WithNoise> trainer = trained<WithNoise>(esp::Dataset(with_noise(300, 1)));
  const std::vector<std::int64_t> groups(200, 7);
  esp::ImportanceOptions options;
  options.evaluate.groups = groups;
  const esp::Importance made = esp::importance(trainer, esp::Dataset(with_noise(200, 2)), options);
  CHECK(std::isnan(made.tasks[0].inputs[0].interval.low));
  CHECK(made.tasks[0].inputs[0].loss > 0);
}

TEST_CASE(
    "importance: the same bits for any number of threads, and about the same from a predictor") {
  const TemporaryFolder folder;
  const esp::Dataset train(with_noise(400, 1)), test(with_noise(200, 2));
  esp::TrainerOptions o = quick_options();
  std::string one, calls;
  for (const int threads : {1, 2, 4}) {
    o.threads = threads;
    esp::Trainer<WithNoise> trainer = trained<WithNoise>(train, o);
    const std::string text = esp::importance(trainer, test, {.repeats = 2}).to_string();
    if (one.empty()) one = text;
    CHECK(text == one);
    trainer.save(folder / "m.safetensors");
  }
  const esp::Predictor<WithNoise> predictor(folder / "m.safetensors");
  esp::ImportanceOptions options;
  options.repeats = 2;
  options.progress = [&](esp::Index done, esp::Index all) {
    if (done == 1 || done == all) calls += std::to_string(done) + "/" + std::to_string(all) + " ";
  };
  const esp::Importance served = esp::importance(predictor, test, options);
  CHECK(calls == "1/12 12/12 ");
  esp::Trainer<WithNoise> loaded(o);
  loaded.load(folder / "m.safetensors");
  const esp::Importance trained_one = esp::importance(loaded, test, options);
  for (const esp::InputImportance& i : served.tasks[1].inputs) {
    CHECK(trained_one.at("watch", i.input).loss == doctest::Approx(i.loss).epsilon(1e-4));
  }
}

TEST_CASE("importance: weights, groups and another metric go through") {
  esp::TrainerOptions o = quick_options();
  o.sample_weight = "weight";
  o.group = "user";
  const esp::Table table = with_noise(240, 2);
  esp::Trainer<WithNoise> trainer = trained<WithNoise>(esp::Dataset(with_noise(400, 1)), o);
  const esp::Dataset data(table);
  const esp::Importance grouped = esp::importance(trainer, data, {.repeats = 1, .metric = "gauc"});
  CHECK(grouped.tasks[0].metric == "gauc");
  CHECK(grouped.tasks[1].metric == "rmse");  // gauc does not apply to it
  const esp::Report before = trainer.evaluate(data),
                    after = trainer.evaluate(shuffled(table, "x", 1, 0));
  CHECK(
      grouped.at("click", "x").loss ==
      doctest::Approx(before.value("click", "gauc") - after.value("click", "gauc")).epsilon(1e-12));
  CHECK(
      grouped.at("watch", "x").loss ==
      doctest::Approx(after.value("watch", "rmse") - before.value("watch", "rmse")).epsilon(1e-9));

  // Weights and groups from the options.
  esp::Trainer<WithNoise> plain = trained<WithNoise>(esp::Dataset(with_noise(400, 1)));
  const std::vector<double> weights(table.numbers("weight"));
  std::vector<int> groups;
  for (std::size_t i = 0; i < 240; ++i) groups.push_back(static_cast<int>(i % 30));
  esp::ImportanceOptions options;
  options.repeats = 1;
  options.metric = "gauc";
  options.evaluate.weights = weights;
  options.evaluate.groups = groups;
  const esp::Report a = plain.evaluate(data, {.weights = weights, .groups = groups});
  const esp::Report b =
      plain.evaluate(shuffled(table, "x", 1, 0), {.weights = weights, .groups = groups});
  const esp::Importance own = esp::importance(plain, data, options);
  CHECK(own.tasks[0].value == a.value("click", "gauc"));
  CHECK(own.at("click", "x").loss ==
        doctest::Approx(a.value("click", "gauc") - b.value("click", "gauc")).epsilon(1e-12));
  CHECK(own.at("click", "x").interval.low < own.at("click", "x").loss);
}

TEST_CASE(
    "importance: columns of a vector are shuffled together, and inputs that read one column") {
  struct Vectors
      : esp::MultiTaskModel<esp::Inputs<esp::NumericVector<"v", 2, esp::AsIs>, esp::Numeric<"x">,
                                        esp::Numeric<"v_1", esp::Log1p>>,
                            esp::SharedBottom<esp::Mlp<4>>, Click> {};
  esp::Table table;
  std::vector<double> first, second, x, click;
  esp::Random random(1);
  for (int i = 0; i < 100; ++i) {
    first.push_back(i);
    second.push_back(1000 + i);
    x.push_back(i);
    click.push_back(random.bernoulli(0.5) ? 1 : 0);
  }
  table.add("v_0", first);
  table.add("v_1", second);
  table.add("x", x);
  table.add("click", click);
  esp::Features features(esp::plan_of<Vectors>().schema);
  features.fit(esp::Dataset(table));
  const esp::EncodedData data = features.encode(esp::Dataset(table));
  int shuffles = 0;
  const auto predict = [&](const esp::EncodedData& seen) {
    const auto at = [&](std::size_t row, std::size_t i) {
      return static_cast<double>(seen.numeric[row * 4 + i]);
    };
    bool moved_vector = false, moved_x = false;
    for (std::size_t row = 0; row < 100; ++row) {
      // v_0 and v_1 come from the same row, and so does the input derived from v_1.
      CHECK(at(row, 1) == at(row, 0) + 1000);
      CHECK(at(row, 3) == doctest::Approx(std::log1p(at(row, 1))).epsilon(1e-6));
      moved_vector = moved_vector || at(row, 0) != static_cast<double>(row);
      moved_x = moved_x || seen.numeric[row * 4 + 2] != data.numeric[row * 4 + 2];
    }
    CHECK_FALSE((moved_vector && moved_x));
    shuffles += moved_vector || moved_x ? 1 : 0;
    esp::Predictions p(esp::plan_of<Vectors>(), 100);
    std::fill(p.values[0].begin(), p.values[0].end(), 0.5F);
    return p;
  };
  const esp::Importance made =
      esp::importance_of(esp::plan_of<Vectors>(), data, predict, {.repeats = 2});
  CHECK(shuffles == 4);
  CHECK(order_of(made.tasks[0]) == "v + v_1 x ");
  CHECK(made.at("click", "x").loss == 0);
}

TEST_CASE("importance as text and as a picture") {
  esp::Importance made;
  made.tasks = {{"click",
                 "auc",
                 0.75,
                 {{"user", 0.125, {0.1, 0.15}},
                  {"an input of a long name, longer than a picture has room", 0, {-0.01, 0.01}}}},
                {"watch", "rmse", esp::undefined, {{"user", esp::undefined, {}}}}};
  std::ostringstream out;
  out << made;
  CHECK(out.str() ==
        "click: auc 0.7500                                        worse by      95 % interval\n"
        "user                                                       0.1250   [0.1000, 0.1500]\n"
        "an input of a long name, longer than a picture has room    0.0000  [-0.0100, 0.0100]\n"
        "\n"
        "watch: rmse n/a  worse by  95 % interval\n"
        "user                  n/a     [n/a, n/a]\n");
  const std::string svg = made.to_svg("What \"matters\"");
  CHECK(svg.find(">click: AUC 0.7500<") != std::string::npos);
  CHECK(svg.find(">an input of a long name, longer…<") != std::string::npos);
  CHECK(svg.find("What &quot;matters&quot;") != std::string::npos);
  CHECK(svg.find("nan") == std::string::npos);
  CHECK(message_of([&] { static_cast<void>(made.at("buy", "user")); }) ==
        "importance: no task 'buy', expected one of 'click', 'watch'");
  CHECK(message_of([&] { static_cast<void>(made.at("watch", "age")); }) ==
        "importance: no input 'age', expected one of 'user'");
}

TEST_CASE("importance: options and data that cannot be") {
  esp::Trainer<Bottom> trainer = trained<Bottom>(made_up(100, 1));
  const esp::Dataset data = made_up(50, 2);
  const auto refused = [&](const esp::ImportanceOptions& o) {
    return message_of([&] { static_cast<void>(esp::importance(trainer, data, o)); });
  };
  CHECK(refused({.repeats = 0}) == "importance: repeats is 0, expected 1 or more");
  CHECK(refused({.metric = "acu"})
            .starts_with(
                "importance: no task has the metric 'acu', expected one of 'auc', 'pr_auc', "));
  CHECK(refused({.metric = "ratio"}) ==
        "metric 'ratio' is best at 1: neither higher nor lower is better");
  CHECK(refused({.evaluate = {.confidence = 1.5}}) ==
        "importance: confidence is 1.5, expected a number between 0 and 1");
  CHECK(message_of([&] { static_cast<void>(esp::importance(trainer, data.head(0))); }) ==
        "importance: the data has no rows, expected some");
  // With labels of one class only, AUC is undefined.
  esp::Table table = made_up_table(50, 3);
  table.remove("click");
  table.add("click", std::vector<int>(50, 1));
  const esp::Importance made = esp::importance(trainer, esp::Dataset(table));
  CHECK(std::isnan(made.at("click", "x").loss));
  CHECK(std::isnan(made.at("click", "x").interval.low));
  CHECK(made.at("watch", "y").loss > 0);
}

TEST_CASE("quantiles of Student's t are those of the tables") {
  CHECK(esp::student_t(0.95, 1) == doctest::Approx(12.7062).epsilon(1e-5));
  CHECK(esp::student_t(0.95, 2) == doctest::Approx(4.30265).epsilon(1e-5));
  CHECK(esp::student_t(0.95, 4) == doctest::Approx(2.776445).epsilon(1e-6));
  CHECK(esp::student_t(0.99, 19) == doctest::Approx(2.860935).epsilon(1e-6));
  CHECK(esp::student_t(0.9, 120) == doctest::Approx(1.657651).epsilon(1e-6));
  const esp::Interval i = esp::student_interval(10, {1, 2, 3, 4, 5}, 0.95);
  CHECK(i.high - 10 == doctest::Approx(2.776445 * std::sqrt(2.5 / 5)).epsilon(1e-6));
  CHECK(i.low == doctest::Approx(20 - i.high).epsilon(1e-12));
}
