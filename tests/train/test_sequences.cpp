// SPDX-License-Identifier: Apache-2.0
// Training on sequences: what only their order tells is learnt by encoders of order, and by no
// other; saved models and single rows predict the same.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "espalier/core/random.hpp"
#include "espalier/sequences.hpp"
#include "espalier/train/label_checks.hpp"
#include "support/message_of.hpp"
#include "support/temporary_folder.hpp"

namespace esp = espalier;

namespace {

constexpr esp::Layers<esp::Dense<8, esp::Activation::tanh>> tower{};
using Click = esp::Task<"click", esp::BinaryCrossEntropy, tower>;
using Past = esp::Categorical<"past", 8, esp::Last<10>, esp::SharedTable<"item">>;

template <class... Parts>
struct Model
    : esp::MultiTaskModel<esp::Inputs<esp::Categorical<"item", 8>, esp::Sequence<Past, Parts...>>,
                          esp::SharedBottom<esp::MlpOf<esp::Activation::tanh, 16>>, Click> {};

/// Histories of 4 to 10 of the items a … h, each as often in both halves of the rows; a row is
/// clicked if `a` comes later than `b` in its history, which has each of the two once.
esp::Dataset ordered(esp::Index rows, std::uint64_t seed) {
  esp::Random random(seed);
  std::vector<std::string> item, past;
  std::vector<double> click;
  for (esp::Index i = 0; i < rows; ++i) {
    std::vector<char> history{'a', 'b'};
    const auto more = 2 + random.below(7);
    for (std::uint64_t k = 0; k < more; ++k)
      history.push_back(static_cast<char>('c' + random.below(6)));
    for (std::size_t k = history.size(); k > 1; --k)
      std::swap(history[k - 1], history[static_cast<std::size_t>(random.below(k))]);
    std::string& cell = past.emplace_back();
    std::size_t a = 0, b = 0;
    for (std::size_t k = 0; k < history.size(); ++k) {
      cell += (k == 0 ? "" : "|") + std::string(1, history[k]);
      (history[k] == 'a' ? a : history[k] == 'b' ? b : k) = k;
    }
    click.push_back(a > b ? 1 : 0);
    item.emplace_back(1, static_cast<char>('a' + random.below(8)));
  }
  esp::Table table;
  table.add("item", item);
  table.add("past", past);
  table.add("click", click);
  return esp::Dataset(std::move(table));
}

esp::TrainerOptions options() {
  esp::TrainerOptions o;
  o.epochs = 12;
  o.batch_size = 64;
  o.optimizer = esp::Adam{.learning_rate = 5e-3};
  o.progress = esp::ShowProgress::never;
  o.threads = 2;
  return o;
}

template <class M>
double auc() {
  esp::Trainer<M> trainer(options());
  trainer.fit(ordered(3000, 1));
  return trainer.evaluate(ordered(1000, 2)).value("click", "auc");
}

}  // namespace

TEST_CASE("sequences: encoders learn what only the order tells, means do not") {
  CHECK(auc<Model<>>() < 0.6);
  CHECK(auc<Model<esp::Gru<16>, esp::LastStep>>() > 0.95);
  CHECK(auc<Model<esp::Lstm<16>, esp::LastStep>>() > 0.95);
  CHECK(auc<Model<esp::Transformer<esp::Heads<2>>>>() > 0.95);
  CHECK(auc<Model<esp::Hstu<esp::Heads<2>>>>() > 0.95);
}

TEST_CASE("sequences: patterns for tables leave encoders alone") {
  const esp::PlanView plan =
      esp::plan_of<Model<esp::Transformer<>, esp::Gru<4>, esp::Target<"item">>>();
  const esp::FreezeMask tables(plan, std::vector<std::string>{"*embedding/*"});
  CHECK(tables.table_frozen(0));
  for (const esp::ParameterInfo& t : plan.tensors) {
    CAPTURE(t.name.view());
    CHECK(!tables.tensor_frozen(t.offset));
  }
  const esp::FreezeMask encoders(plan, std::vector<std::string>{"sequence/past/*"});
  CHECK(!encoders.table_frozen(0));
  CHECK(encoders.tensor_frozen(plan.tensors[0].offset));
}

TEST_CASE("sequences: cells with another separator are noted") {
  esp::Table table;
  table.add("item", std::vector<std::string>{"a", "b", "a"});
  table.add("past", std::vector<std::string>{"a,b", "a", "b,a,a"});
  table.add("click", std::vector<double>{0, 1, 0});
  const esp::Dataset data(std::move(table));
  using M = Model<>;
  esp::Features features(esp::plan_of<M>().schema);
  features.fit(data);
  CHECK(esp::sequence_notes(esp::plan_of<M>(), features.encode(data)) ==
        std::vector<std::string>{
            "sequence 'past': no row has more than one value; are they separated by '|'?"});
  features.fit(ordered(10, 1));
  CHECK(esp::sequence_notes(esp::plan_of<M>(), features.encode(ordered(10, 1))).empty());
}

TEST_CASE("sequences: a saved model predicts the same, row by row too") {
  using M = Model<esp::Transformer<esp::Heads<2>>, esp::Target<"item">>;
  const espalier_test::TemporaryFolder folder;
  esp::TrainerOptions o = options();
  o.epochs = 2;
  esp::Trainer<M> trainer(o);
  trainer.fit(ordered(500, 1), ordered(100, 3));
  trainer.save(folder / "model.safetensors");
  const esp::Predictor<M> predictor(folder / "model.safetensors");
  esp::Table table;
  const std::vector<std::string> item{"a", "b", "z", "c"}, past{"a|b|c", "", "z|y|a", "b"};
  table.add("item", item);
  table.add("past", past);
  const esp::Dataset data(std::move(table));
  const std::vector<float> trained = trainer.predict(data).of("click"),
                           served = predictor.predict(data).of("click");
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(served[i] == doctest::Approx(static_cast<double>(trained[i])).epsilon(1e-6));
    const std::vector<float> alone = predictor.predict_row({{"item", item[i]}, {"past", past[i]}});
    CHECK(alone[0] == doctest::Approx(static_cast<double>(served[i])).epsilon(1e-6));
  }
  // A user without a history is not refused; an unknown value that is not read, neither.
  const esp::Predictor<M> strict(folder / "model.safetensors", {.strict = true});
  CHECK(strict.predict_row({{"item", "a"}, {"past", ""}}) ==
        predictor.predict_row({{"item", "a"}, {"past", ""}}));
  CHECK(strict.predict_row({{"item", "a"}, {"past", "z|a|b|c|d|e|f|g|h|a|b"}}).size() == 1);
  CHECK(espalier_test::message_of([&] {
          static_cast<void>(strict.predict_row({{"item", "a"}, {"past", "a|z"}}));
        }).find("past") != std::string::npos);
  // A longer history: only its last values count.
  CHECK(predictor.predict_row({{"item", "a"}, {"past", "h|a|b|c|d|e|f|g|h|a|b"}}) ==
        predictor.predict_row({{"item", "a"}, {"past", "a|b|c|d|e|f|g|h|a|b"}}));

  using Longer = struct OtherModel
      : esp::MultiTaskModel<
            esp::Inputs<
                esp::Categorical<"item", 8>,
                esp::Sequence<esp::Categorical<"past", 8, esp::Last<11>, esp::SharedTable<"item">>,
                              esp::Transformer<esp::Heads<2>>, esp::Target<"item">>>,
            esp::SharedBottom<esp::MlpOf<esp::Activation::tanh, 16>>, Click> {};
  CHECK(espalier_test::message_of([&] {
          const esp::Predictor<Longer> other(folder / "model.safetensors");
        }).find("the last 10 values, split at '|'") != std::string::npos);
}
