// SPDX-License-Identifier: Apache-2.0
// Trainer: learning, missing labels, sample weights, a second fit(), and a loaded model.
#include <doctest/doctest.h>

#include "espalier/exec/predict.hpp"
#include "support/made_up.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier_test;

namespace {

/// Training and validation losses per epoch.
struct Log {
  std::vector<double> train, valid;
};

template <class Model>
void check_learns() {
  esp::TrainerOptions o = quick_options();
  o.epochs = 8;
  o.patience = 0;
  Log log;
  o.callbacks.emplace_back([&](esp::EpochInfo& info) {
    log.train.push_back(info.train_loss);
    log.valid.push_back(info.validation_loss);
  });
  esp::Trainer<Model> trainer(o);
  const esp::FitResult result = trainer.fit(made_up(1500, 1), made_up(500, 2));
  CHECK(result.epochs == 8);
  CHECK(result.seconds > 0);
  CHECK(result.samples_per_second > 0);
  CHECK(log.train.back() < log.train.front());
  // A constant prediction has a loss of about log 2 + 0.5 · half the variance 1.
  const double constant = 0.69 + 0.5 * 0.5;
  CHECK(log.train.back() < 0.5 * constant);
  CHECK(log.valid.back() < 0.6 * constant);
  const esp::Report test = trainer.evaluate(made_up(1000, 3));
  CHECK(test.value("click", "auc") > 0.85);
  CHECK(test.value("watch", "r2") > 0.7);
  CHECK(test.tasks[0].labelled == 1000);
}

}  // namespace

TEST_CASE("trainer: every architecture learns what there is to learn") {
  check_learns<Bottom>();
  check_learns<Separate>();
  check_learns<Experts>();
  check_learns<Normed>();
}

TEST_CASE("trainer: metrics and losses are over the whole split, whatever the batches") {
  esp::TrainerOptions o = quick_options();
  esp::Trainer<Bottom> trainer(o);
  trainer.fit(made_up(300, 1));
  const esp::Dataset data = made_up(257, 2, 0.2);
  const esp::Predictions p = trainer.predict(data);
  REQUIRE(p.of("click").size() == 257);
  double sum = 0, squares = 0;
  int clicks = 0, watched = 0;
  for (std::size_t i = 0; i < 257; ++i) {
    const double y = data.table().numbers("click")[i], w = data.table().numbers("watch")[i];
    const auto h = static_cast<double>(p.of("click")[i]),
               mu = static_cast<double>(p.of("watch")[i]);
    CHECK(h > 0);
    CHECK(h < 1);
    if (y == y) sum -= y * std::log(h) + (1 - y) * std::log(1 - h), ++clicks;
    if (w == w) squares += (mu - w) * (mu - w), ++watched;
  }
  CHECK(p.losses.empty());
  esp::CpuExecutor executor(esp::program_of<Bottom, float, esp::Cpu>(),
                            {trainer.features().vocabulary_rows(), 100, 2});
  executor.parameters().copy_from(trainer.parameters());
  const esp::Predictions scored =
      esp::predict_with_losses(executor, trainer.features().encode(data));
  const double deviation = trainer.features().state().labels[1].scale.deviation;
  CHECK(scored.losses[0] == doctest::Approx(sum / clicks).epsilon(1e-5));
  CHECK(scored.losses[1] ==
        doctest::Approx(squares / watched / 2 / (deviation * deviation)).epsilon(1e-5));
  CHECK(trainer.evaluate(data).value("watch", "rmse") ==
        doctest::Approx(std::sqrt(squares / watched)).epsilon(1e-5));
  CHECK(message_of([&] { static_cast<void>(p.of("buy")); }) ==
        "no predictions for a task 'buy', expected one of 'click', 'watch'");
}

TEST_CASE("trainer: missing labels mask their task, and a task without any does not move") {
  const auto fit = [](esp::Dataset data) {
    esp::Trainer<Bottom> trainer(quick_options());
    trainer.fit(data);
    return trainer.parameters();
  };
  esp::Table table = made_up_table(400, 1);
  std::vector<double> none(400, std::numeric_limits<double>::quiet_NaN());
  table.remove("watch");
  table.add(esp::Column::number("watch", none));
  const esp::Parameters<float> after = fit(esp::Dataset(table));
  esp::Parameters<float> before = after;
  esp::initialize(esp::plan_of<Bottom>(), 1, before);
  int moved = 0;
  for (const esp::ParameterInfo& t : esp::plan_of<Bottom>().tensors) {
    const auto at = static_cast<std::size_t>(t.offset), n = static_cast<std::size_t>(t.size());
    const bool same =
        same_bits(after.dense.span().subspan(at, n), before.dense.span().subspan(at, n));
    if (t.task == 1) CHECK(same);
    if (t.task == 0) CHECK_FALSE(same);
    moved += same ? 0 : 1;
  }
  CHECK(moved > 4);
}

TEST_CASE("trainer: a sample's weight counts it so many times") {
  // One step over all rows, without dropout: weight 2 equals the row twice, weight 0 equals no row.
  esp::TrainerOptions o = quick_options();
  o.epochs = 1;
  o.batch_size = 100;
  o.optimizer = esp::Sgd{.learning_rate = 0.1};
  const auto fit = [](esp::TrainerOptions options, const std::vector<int>& times, bool repeat) {
    const esp::Table all = made_up_table(20, 1);
    std::vector<std::int32_t> rows;
    std::vector<double> weight;
    for (int i = 0; i < 20; ++i) {
      weight.push_back(times[static_cast<std::size_t>(i)]);
      for (int t = 0; t < (repeat ? times[static_cast<std::size_t>(i)] : 1); ++t) rows.push_back(i);
    }
    esp::Table table = all;
    table.remove("weight");
    table.add(esp::Column::number("weight", repeat ? std::vector<double>(20, 1.0) : weight));
    esp::Dataset data(std::make_shared<const esp::Table>(table), rows);
    options.sample_weight = repeat ? "" : "weight";
    struct Plain : esp::MultiTaskModel<
                       esp::Inputs<esp::Numeric<"x", esp::AsIs>, esp::Numeric<"y", esp::AsIs>>,
                       esp::SharedBottom<esp::Mlp<5>>, Click, Watch> {};
    esp::Trainer<Plain> trainer(options);
    trainer.fit(data);
    return trainer.parameters();
  };
  std::vector<int> times(20, 1);
  times[3] = 2;
  times[7] = 0;
  times[11] = 3;
  const esp::Parameters<float> weighted = fit(o, times, false), repeated = fit(o, times, true);
  const esp::Parameters<float> plain = fit(o, std::vector<int>(20, 1), false);
  double difference = 0, effect = 0;
  for (std::size_t i = 0; i < weighted.dense.size(); ++i) {
    difference = (std::max)(difference, std::abs(static_cast<double>(weighted.dense[i]) -
                                                 static_cast<double>(repeated.dense[i])));
    effect = (std::max)(effect, std::abs(static_cast<double>(weighted.dense[i]) -
                                         static_cast<double>(plain.dense[i])));
  }
  CHECK(difference < 1e-6);
  CHECK(effect > 1e-4);
}

TEST_CASE("trainer: weights and groups need not be there to predict") {
  esp::TrainerOptions o = quick_options();
  o.sample_weight = "weight";
  o.group = "user";
  esp::Trainer<Bottom> trainer(o);
  trainer.fit(made_up(200, 1), made_up(200, 2));
  esp::Table bare = made_up_table(50, 3);
  const esp::Predictions whole = trainer.predict(esp::Dataset(bare));
  for (const char* name : {"weight", "click", "watch"}) bare.remove(name);
  const esp::Predictions p = trainer.predict(esp::Dataset(bare));
  CHECK(same_bits(p.of("click"), whole.of("click")));
  CHECK(p.losses.empty());
  // Evaluation needs no sample weights; grouped metrics need the groups.
  esp::Table unweighted = made_up_table(50, 3);
  unweighted.remove("weight");
  CHECK(trainer.evaluate(esp::Dataset(unweighted)).tasks[0].labelled == 50);
  unweighted.remove("user");
  CHECK(message_of([&] {
          static_cast<void>(trainer.evaluate(esp::Dataset(unweighted)));
        }).find("no column 'user'") != std::string::npos);
  CHECK(trainer.evaluate(made_up(100, 4)).value("click", "gauc") > 0);
}

TEST_CASE("trainer: labels are not looked at to predict, whatever stands in them") {
  esp::Trainer<Bottom> trainer(quick_options());
  trainer.fit(made_up(200, 1));
  esp::Table bad = made_up_table(50, 3);
  const esp::Predictions expected = trainer.predict(esp::Dataset(bad));
  bad.remove("click");
  bad.remove("watch");
  bad.add("click", std::vector<double>(50, -1.0));
  bad.add("watch", std::vector<std::string>(50, "?"));
  const esp::Dataset unlabelled(std::move(bad));
  CHECK(same_bits(trainer.predict(unlabelled).of("click"), expected.of("click")));
  CHECK(same_bits(trainer.predict(unlabelled).of("watch"), expected.of("watch")));
  CHECK(message_of([&] {
          static_cast<void>(trainer.evaluate(unlabelled));
        }).find("label 'click' of task 'click' is -1") != std::string::npos);
}

TEST_CASE("trainer: what a callback keeps of an epoch stays, and so does what temporaries give") {
  std::vector<esp::EpochInfo> seen;
  esp::TrainerOptions o = quick_options();
  o.callbacks.emplace_back([&](const esp::EpochInfo& info) { seen.push_back(info); });
  esp::Trainer<Bottom> trainer(o);
  const esp::Dataset valid = made_up(100, 2);
  trainer.fit(made_up(200, 1), valid);
  REQUIRE(seen.size() == 3);
  for (std::size_t epoch = 0; epoch < 3; ++epoch) {
    const double auc = trainer.history().rows()[epoch].value("valid/click/auc");
    CHECK(seen[epoch].validation->value("click", "auc") == auc);
  }
  const std::vector<float>& clicks = trainer.predict(valid).of("click");
  CHECK(same_bits(clicks, trainer.predict(valid).values[0]));
  const esp::MetricValue& auc = trainer.evaluate(valid).at("click", "auc");
  CHECK(auc.name == "auc");
  CHECK(auc.value == trainer.evaluate(valid).value("click", "auc"));
}

TEST_CASE(
    "trainer: a second fit goes on from the weights, vocabularies and normalisation there are") {
  esp::TrainerOptions o = quick_options();
  o.epochs = 6;
  const esp::Dataset train = made_up(600, 1), other = made_up(300, 9), valid = made_up(300, 2);
  esp::Trainer<Bottom> trainer(o);
  trainer.fit(train, valid);
  const esp::Parameters<float> once = trainer.parameters();
  const esp::FeaturesState features = trainer.features().state();
  const double before = trainer.evaluate(valid).value("watch", "rmse");
  trainer.fit(other, valid);
  CHECK(trainer.features().state().vocabularies == features.vocabularies);
  CHECK(trainer.features().state().means == features.means);
  CHECK_FALSE(same_bits(once, trainer.parameters()));
  CHECK(trainer.evaluate(valid).value("watch", "rmse") < 1.2 * before);
  CHECK(trainer.history().rows().size() <= 6);

  // The same from a saved model: load() and fit() equal the second fit().
  const TemporaryFolder folder;
  esp::Trainer<Bottom> again(o);
  again.fit(train, valid);
  again.save(folder / "m.safetensors");
  esp::Trainer<Bottom> tuned(o);
  tuned.load(folder / "m.safetensors");
  CHECK(same_bits(tuned.parameters(), once));
  tuned.fit(other, valid);
  CHECK(same_bits(tuned.parameters(), trainer.parameters()));
}

TEST_CASE("trainer: a fit that is refused changes nothing") {
  esp::TrainerOptions o = quick_options();
  esp::Trainer<Bottom> trainer(o);
  esp::Table bad = made_up_table(50, 2);
  bad.remove("click");
  bad.add(esp::Column::number("click", std::vector<double>(50, 7.0)));
  const std::string refused = message_of([&] { trainer.fit(made_up(200, 1), esp::Dataset(bad)); });
  CHECK(refused.find("label 'click' of task 'click'") != std::string::npos);
  CHECK(message_of([&] { static_cast<void>(trainer.parameters()); }) ==
        "the model has no weights yet: call fit() or load() first");
  // The vocabulary comes from the data that was fitted, not from the data that was rejected.
  esp::Table two = made_up_table(200, 1);
  two.remove("user");
  two.add(esp::Column::text("user", std::vector<std::string>(200, "only")));
  trainer.fit(esp::Dataset(two));
  CHECK(trainer.features().state().vocabularies[0] == std::vector<std::string>{"only"});
  const esp::Parameters<float> kept = trainer.parameters();
  CHECK(message_of([&] { trainer.fit(esp::Dataset(bad)); }) != "accepted");
  CHECK(same_bits(kept, trainer.parameters()));
}

TEST_CASE("trainer: splits that cannot be learnt from") {
  esp::Trainer<Bottom> trainer(quick_options());
  CHECK(message_of([&] { trainer.fit(esp::Dataset()); }) == "the training split is empty");
  CHECK(message_of([&] { trainer.fit(made_up(10, 1).head(0)); }) ==
        "the training split is empty: it has none of the 10 rows of made-up");
  CHECK(message_of([&] { trainer.fit(made_up(0, 1)); }) ==
        "the training split is empty: made-up has no rows");
  esp::Table table = made_up_table(50, 2);
  table.remove("click");
  CHECK(message_of([&] { trainer.fit(esp::Dataset(table)); }) ==
        "made-up: no column 'click'; there are 'x', 'y', 'user', 'tags', 'watch', 'weight'. It is "
        "the label of task 'click': "
        "derive it with Table::derive, of a file in the third argument of read_csv<Model>");
  CHECK(message_of([&] { static_cast<void>(trainer.predict(made_up(10, 1))); }) ==
        "the model has no weights yet: call fit() or load() first");
  CHECK(message_of([&] { static_cast<void>(trainer.evaluate(made_up(10, 1))); }) ==
        "the model has no weights yet: call fit() or load() first");
  CHECK(message_of([&] { trainer.save("nowhere.safetensors"); }) ==
        "the model has no weights yet: call fit() or load() first");
}

TEST_CASE("trainer: a batch larger than the data is all of it") {
  esp::TrainerOptions all = quick_options(), more = all;
  all.batch_size = 90;
  more.batch_size = (std::numeric_limits<esp::Index>::max)();
  esp::Trainer<Bottom> a(all), b(more);
  a.fit(made_up(90, 1), made_up(200, 2));
  b.fit(made_up(90, 1), made_up(200, 2));
  CHECK(same_bits(a.parameters(), b.parameters()));
}
