// SPDX-License-Identifier: Apache-2.0
// Inputs that are means over the training split (target encoding): computed out of fold in
// training, saved, served without a ServingState, on any number of threads.
#include <doctest/doctest.h>

#include "data/helpers.hpp"
#include "espalier/core/file.hpp"
#include "espalier/data/load.hpp"
#include "espalier/deploy/predictor.hpp"
#include "support/made_up.hpp"
#include "support/rewritten.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier_test;

namespace {

using User = esp::By<"user">;
using In = esp::Inputs<
    esp::Numeric<"x">, esp::MeanOf<"click", User, esp::Folds<5>>, esp::CountOf<User, esp::Folds<5>>,
    esp::Bucketed<esp::MeanOf<"watch", esp::By<"user", "tags">, esp::Folds<4>, esp::Smoothing<2>>,
                  6, 3>>;
struct Means : esp::MultiTaskModel<In, esp::SharedBottom<esp::Mlp<8>>, Click, Watch> {};

using MixedInputs =
    esp::JoinedInputs<In, esp::Inputs<esp::MeanOf<"click", esp::By<"tags">, esp::Before<"day">>>>;
struct Mixed : esp::MultiTaskModel<MixedInputs, esp::SharedBottom<esp::Mlp<8>>, Click, Watch> {};

std::vector<esp::NamedValue> row_of(const esp::Table& table, esp::Index row) {
  std::vector<esp::NamedValue> values{{"x", table.numbers("x")[static_cast<std::size_t>(row)]}};
  for (const char* name : {"user", "tags"}) {
    if (const std::string_view text = table.column(name).at(row); !text.empty())
      values.emplace_back(name, text);
  }
  if (table.has("day"))
    values.emplace_back("day", table.numbers("day")[static_cast<std::size_t>(row)]);
  return values;
}

/// 400 rows with random labels; `rows_a_key` rows share a key.
esp::Dataset noise(int rows_a_key) {
  esp::Random random(5);
  std::vector<std::string> key;
  std::vector<double> click;
  for (int i = 0; i < 400; ++i) {
    key.push_back(std::to_string(i / rows_a_key));
    click.push_back(random.bernoulli(0.5) ? 1 : 0);
  }
  esp::Table table;
  table.add("key", key);
  table.add("click", click);
  return esp::Dataset(std::move(table));
}

}  // namespace

TEST_CASE(
    "means of the training split: saved, loaded and served without a state, a row as a table") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  const std::string path = folder / "model.safetensors";
  esp::Trainer<Means> trainer(quick_options());
  trainer.fit(made_up(400, 1, 0.1), made_up(100, 2));
  trainer.save(path);
  const esp::Predictor<Means> predictor(path);
  esp::Table later = made_up_table(150, 3);
  later.remove("click");
  later.remove("watch");
  const esp::EncodedData data = predictor.features().encode_inputs(esp::Dataset(later));
  CHECK(data.numeric == trainer.features().encode_inputs(esp::Dataset(later)).numeric);
  CHECK(data.single_ids == trainer.features().encode_inputs(esp::Dataset(later)).single_ids);
  const esp::Predictions all = predictor.predict(esp::Dataset(later));
  for (esp::Index i = 0; i < later.rows(); ++i) {
    const std::vector<float> one = predictor.predict_row(row_of(later, i));
    for (std::size_t k = 0; k < 2; ++k) {
      CHECK(static_cast<double>(one[k]) ==
            doctest::Approx(static_cast<double>(all.values[k][static_cast<std::size_t>(i)]))
                .epsilon(1e-5));
    }
  }
  // An unknown user gets the global mean and a count of 0, which a strict predictor rejects.
  const esp::EncodedData unknown =
      predictor.features().encode(std::vector<esp::NamedValue>{{"user", "new"}});
  CHECK(std::abs(unknown.numeric[1]) < 0.3F);
  const esp::Predictor<Means> strict(path, esp::PredictorOptions{.strict = true});
  CHECK_NOTHROW(
      static_cast<void>(strict.predict_row({{"x", 0.0}, {"user", "u1"}, {"tags", "new"}})));
  CHECK(failure<esp::ConfigError>([&] {
          static_cast<void>(strict.predict_row({{"x", 0.0}, {"user", "new"}, {"tags", "a"}}));
        }).starts_with("input 'count_by_user' is 0, far outside of what the training split has: "));
  // Loading and saving again gives the same file.
  esp::Trainer<Means> again(quick_options());
  again.load(path);
  again.save(folder / "again.safetensors");
  CHECK(esp::read_file(folder / "again.safetensors") == esp::read_file(path));
}

TEST_CASE("means of the training split: with means of earlier days in one model") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  const std::string path = folder / "model.safetensors";
  esp::Table table = made_up_table(600, 1);
  table.derive("day", [](esp::Index row) { return row / 100; });
  esp::add_history<Mixed>(table);
  CHECK(table.has("mean_click_by_tags"));
  CHECK_FALSE(table.has("mean_click_by_user"));
  const auto [train, valid, test] = esp::Dataset(table).split_by_time("day", 4, 5);
  esp::Trainer<Mixed> trainer(quick_options());
  trainer.fit(train, valid);
  trainer.save(path);
  const esp::Predictor<Mixed> predictor(path);
  esp::ServingState state = predictor.initial_state();
  const esp::EncodedData data = predictor.features().encode_inputs(test);
  for (std::size_t i = 0; i < 100; ++i) {
    const esp::Index at = test.rows()[i];
    const std::vector<esp::NamedValue> row = row_of(table, at);
    const esp::EncodedData one = predictor.features().encode(row, {}, &state.history());
    for (std::size_t k = 0; k < 4; ++k) CHECK(one.numeric[k] == data.numeric[4 * i + k]);
    state.observe(row, std::vector<esp::NamedValue>{
                           {"click", table.numbers("click")[static_cast<std::size_t>(at)]}});
  }
  CHECK(failure<esp::ConfigError>([&] {
          static_cast<void>(predictor.predict_row(row_of(table, 0)));
        }).starts_with("row: 'mean_click_by_tags' is not given, which knows of the rows before"));
}

TEST_CASE("means of the training split: labels drawn by nothing cannot be learnt by them") {
  using Key = esp::MeanOf<"click", esp::By<"key">, esp::Folds<5>, esp::Smoothing<1>>;
  struct OfKey : esp::MultiTaskModel<esp::Inputs<Key>, esp::SharedBottom<esp::Mlp<16>>, Click> {};
  for (const int rows_a_key : {1, 2}) {
    esp::TrainerOptions o = quick_options();
    o.epochs = 20;
    esp::Trainer<OfKey> trainer(o);
    trainer.fit(noise(rows_a_key));
    // log 2 is 0.693; means that include the row's own label give a loss below 0.1.
    CHECK(trainer.history().rows().back().value("train/loss") > 0.67);
  }
}

TEST_CASE("means of the training split: a later fit learns them anew, of its own split") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  esp::Trainer<Means> trainer(quick_options());
  const esp::Dataset first = made_up(400, 1), second = made_up(300, 7), valid = made_up(100, 2);
  trainer.fit(first, valid);
  const esp::EncodedData before = trainer.features().encode_inputs(valid);
  const std::vector<double> means = trainer.features().state().means;
  trainer.fit(first, valid);
  CHECK(trainer.features().encode_inputs(valid).numeric == before.numeric);
  trainer.fit(second, valid);
  CHECK(trainer.features().encode_inputs(valid).numeric != before.numeric);
  CHECK(trainer.features().state().means == means);
  const auto& groups = trainer.features().state().targets->groups();
  CHECK(groups[0].sums.find(0)[0] == 300);
}

TEST_CASE(
    "means of the training split: the same bits on any number of threads, and when a run is "
    "resumed") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  const auto run = [&](int threads, int epochs, const std::string& checkpoint) {
    esp::TrainerOptions o = quick_options();
    o.threads = threads;
    o.epochs = epochs;
    o.patience = 0;
    o.resume = !checkpoint.empty();
    if (o.resume) o.checkpoint = folder / checkpoint;
    esp::Trainer<Means> trainer(o);
    trainer.fit(made_up(400, 1, 0.1), made_up(100, 2));
    return trainer.parameters();
  };
  const esp::Parameters<float> one = run(1, 4, "");
  CHECK(same_bits(one, run(5, 4, "")));
  static_cast<void>(run(2, 2, "resumed.safetensors"));
  CHECK(same_bits(one, run(2, 4, "resumed.safetensors")));
}

TEST_CASE("means of the training split: a file of other folds, without them, or malformed") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  const std::string path = folder / "model.safetensors", changed = folder / "changed.safetensors";
  esp::Trainer<Means> trainer(quick_options());
  trainer.fit(made_up(200, 1));
  trainer.save(path);
  using Ten = esp::Inputs<esp::Numeric<"x">, esp::MeanOf<"click", User, esp::Folds<10>>>;
  struct Other : esp::MultiTaskModel<Ten, esp::SharedBottom<esp::Mlp<8>>, Click, Watch> {};
  CHECK(failure<esp::CheckpointError>([&] { const esp::Predictor<Other> other(path); }) ==
        path +
            ": made for another model: the file has input 'mean_click_by_user': numeric × 1, "
            "standardize, by 'user' of the training split, 5 "
            "folds, smoothing 20; this model has input 'mean_click_by_user': numeric × 1, "
            "standardize, by 'user' of the training split, 10 folds, "
            "smoothing 20");
  const auto refused = [&](const auto& change) {
    Contents contents(path);
    change(contents);
    contents.write(changed);
    const std::string error =
        failure<esp::CheckpointError>([&] { const esp::Predictor<Means> predictor(changed); });
    CHECK(error.starts_with(changed + ": "));
    return error.substr((std::min)(error.size(), changed.size() + 2));
  };
  CHECK(refused([](Contents& c) { c.metadata.erase("targets"); }).find("'targets'") !=
        std::string::npos);
  CHECK(refused([](Contents& c) { c.metadata["targets"] = R"({"version":2,"groups":[]})"; }) ==
        "its means over the training split are of version 2, expected of version 1");
  CHECK(refused([](Contents& c) { c.metadata["targets"] = R"({"version":1,"groups":[]})"; }) ==
        "its means over the training split are 0 groups, expected 2 groups");
  CHECK(refused([](Contents& c) {
          c.metadata["targets"] = R"({"version":1,"groups":[{"about":"x"},{"about":"y"}]})";
        }) ==
        "its means over the training split are x, expected by 'user' in 5 folds: rows, 'click'");
  CHECK(refused([](Contents& c) {
          c.metadata["targets"] = R"({"version":1})";
        }).starts_with("metadata 'targets': "));
  CHECK(refused([](Contents& c) {
          std::vector<std::uint64_t> keys(
              static_cast<std::size_t>(c.tensors.at("targets/0/keys").shape[0]));
          for (std::size_t i = 0; i < keys.size(); ++i) keys[i] = i + 1;
          c.set("targets/0/keys", keys);
        }) == "tensors 'targets/0/…' lack the key 0 or have a sum that is not finite");
  CHECK(refused([](Contents& c) {
          c.tensors.erase("targets/1/values");
        }).find("'targets/1/values'") != std::string::npos);
}
