// SPDX-License-Identifier: Apache-2.0
// Next-item prediction: what is learnt, what is reported, and what is refused.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "espalier/exec/item_ranks.hpp"
#include "espalier/sequences.hpp"
#include "support/message_of.hpp"
#include "support/parameter_values.hpp"
#include "support/temporary_folder.hpp"

namespace esp = espalier;
using esp::Index;
using espalier_test::message_of;
using espalier_test::values_of;

namespace {

using Seen = esp::Categorical<"seen", 16, esp::Last<8>>;
template <class... Parts>
struct Sequential
    : esp::MultiTaskModel<esp::Inputs<esp::Sequence<Seen, Parts...>>,
                          esp::SharedBottom<esp::Layers<>>,
                          esp::Task<"next", esp::NextItem<"seen">, esp::Label<"item">>> {};

using Causal = esp::Transformer<esp::Heads<2>, esp::Causal>;
struct Sasrec : Sequential<Causal, esp::NextStep<>, esp::LastStep> {};
struct SampledSasrec
    : esp::MultiTaskModel<
          esp::Inputs<esp::Sequence<Seen, Causal, esp::NextStep<esp::Weight{1}, esp::Sampled{12}>,
                                    esp::LastStep>>,
          esp::SharedBottom<esp::Layers<>>,
          esp::Task<"next", esp::NextItem<"seen", esp::Sampled{12}>, esp::Label<"item">>> {};
struct Means : Sequential<esp::MeanOfSteps> {};

/// Walks over 30 items: (item · 7 + 3) mod 30 follows an item, or, in one of ten cases, any. The
/// last item is the label.
esp::Dataset walks(Index rows, std::uint64_t seed) {
  esp::Random random(seed);
  std::vector<std::string> seen, next;
  for (Index i = 0; i < rows; ++i) {
    std::uint64_t item = random.below(30);
    std::string cell;
    const std::uint64_t length = 1 + random.below(8);
    for (std::uint64_t u = 0; u < length; ++u) {
      cell += (u == 0 ? "i" : "|i") + std::to_string(item);
      item = random.bernoulli(0.1) ? random.below(30) : (item * 7 + 3) % 30;
    }
    seen.push_back(cell);
    next.push_back("i" + std::to_string(item));
  }
  esp::Table table;
  table.add("seen", seen);
  table.add("item", next);
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
double mrr() {
  esp::Trainer<M> trainer(options());
  trainer.fit(walks(1500, 1), walks(300, 3));
  return trainer.evaluate(walks(500, 2)).value("next", "mrr");
}

}  // namespace

TEST_CASE("NextItem: what follows the last item is learnt, with all and with sampled items") {
  CHECK(mrr<Sasrec>() > 0.85);
  CHECK(mrr<SampledSasrec>() > 0.85);
  CHECK(mrr<Means>() < 0.7);
}

TEST_CASE("NextItem: the same bits for any number of threads") {
  const esp::Dataset train = walks(300, 1);
  esp::TrainerOptions o = options();
  o.epochs = 2;
  o.threads = 1;
  esp::Trainer<SampledSasrec> one(o);
  one.fit(train);
  o.threads = 3;
  esp::Trainer<SampledSasrec> three(o);
  three.fit(train);
  CHECK(values_of(one.parameters()) == values_of(three.parameters()));
}

TEST_CASE("NextItem: a saved model names the items that come next") {
  const espalier_test::TemporaryFolder folder;
  const std::string path = folder / "model.safetensors";
  esp::Trainer<Sasrec> trainer(options());
  trainer.fit(walks(1500, 1));
  trainer.save(path);
  const esp::Predictor<Sasrec> predictor(path);
  const auto next = esp::next_items(predictor, "next", {{"seen", "i2|i17"}}, 3);
  REQUIRE(next.size() == 3);
  CHECK(next[0].item == "i2");  // 17 · 7 + 3 = 122
  CHECK(next[0].score >= next[1].score);
  CHECK(next[1].score >= next[2].score);
  const std::vector<std::string> seen{"i2", "i17"};
  const auto others = esp::next_items(predictor, "next", {{"seen", "i2|i17"}}, 1000, seen);
  CHECK(others.size() == 28);
  CHECK(others[0].item == next[1].item);

  CHECK(message_of([&] {
          static_cast<void>(esp::next_items(predictor, "buy", {{"seen", "i2"}}, 3));
        }) == "no task 'buy' with the loss NextItem in the model");
  CHECK(message_of([&] {
          static_cast<void>(esp::next_items(predictor, "next", {{"seen", "i2"}}, 0));
        }) == "next_items: 0 items, expected 1 or more");
  const esp::Predictor<Sasrec> half(path, esp::Precision::Bf16);
  CHECK(message_of([&] {
          static_cast<void>(esp::next_items(half, "next", {{"seen", "i2"}}, 3));
        }) == "next_items: expected a predictor in Precision::Fp32");
}

TEST_CASE(
    "NextItem: labels are rows of the table, unknown items are missed, missing ones ignored") {
  const auto data = [](std::vector<std::string> seen, std::vector<std::string> item) {
    esp::Table table;
    table.add("seen", seen);
    table.add("item", item);
    return esp::Dataset(std::move(table));
  };
  // The label d is in no sequence, and in the vocabulary all the same.
  const esp::Dataset train = data({"a|b", "b|a|b", "c", "b"}, {"b", "c", "d", "b"});
  esp::Features features(esp::plan_of<Means>().schema);
  features.fit(train);
  CHECK(features.state().vocabularies[0] == std::vector<std::string>{"b", "a", "c", "d"});
  const esp::EncodedData encoded = features.encode(data({"a", "b", "c"}, {"d", "", "x"}));
  const std::span<const float> labels = encoded.label(0);
  CHECK(labels[0] == 4);
  CHECK(std::isnan(labels[1]));
  CHECK(labels[2] == 0);

  esp::TrainerOptions o = options();
  o.monitor = "next/ndcg@10";
  o.epochs = 1;
  esp::Trainer<Means> trainer(o);
  trainer.fit(train, train);
  const esp::Report all = trainer.evaluate(data({"a", "b", "c"}, {"d", "", "x"}));
  CHECK(all.tasks[0].labelled == 2);
  CHECK(all.value("next", "recall@10") == 0.5);
}

TEST_CASE("item_ranks: by product, ties by row, against sorting") {
  constexpr Index rows = 301, width = 5, n = 150;
  esp::Random random(4);
  std::vector<float> table(rows * width), vectors(n * width), labels(n);
  for (float& x : table) x = static_cast<float>(random.below(3));  // many ties
  for (float& x : vectors) x = static_cast<float>(random.below(3)) - 1;
  for (float& y : labels) y = static_cast<float>(random.below(rows));
  labels[3] = std::nanf("");
  labels[4] = 0;
  const std::vector<float> ranks =
      esp::item_ranks({vectors.data(), width, n, width}, labels, table.data(), rows);
  // Without every third item.
  std::vector<std::int32_t> thirds, offsets{0};
  for (Index j = 0; j < n; ++j) {
    for (std::int32_t r = 0; r < rows; r += 3) thirds.push_back(r);
    offsets.push_back(static_cast<std::int32_t>(thirds.size()));
  }
  const esp::IdColumn without{thirds.data(), offsets.data()};
  const std::vector<float> of_others =
      esp::item_ranks({vectors.data(), width, n, width}, labels, table.data(), rows, {&without, 1});
  for (std::size_t j = 0; j < ranks.size(); ++j) {
    if (std::isnan(labels[j])) {
      CHECK(std::isnan(ranks[j]));
      continue;
    }
    const auto score = [&](std::size_t r) {
      float sum = 0;
      for (std::size_t i = 0; i < width; ++i) sum += table[r * width + i] * vectors[j * width + i];
      return sum;
    };
    const auto own = static_cast<std::size_t>(labels[j]);
    double rank = own == 0 ? std::numeric_limits<double>::infinity() : 1, other = rank;
    for (std::size_t r = 1; r < rows; ++r) {
      const bool before = score(r) > score(own) || (score(r) == score(own) && r < own);
      rank += before ? 1 : 0;
      other += before && r % 3 != 0 ? 1 : 0;
    }
    CHECK(static_cast<double>(ranks[j]) == rank);
    CHECK(static_cast<double>(of_others[j]) == other);
  }
}

TEST_CASE("NextItem: runs with checkpoints resume, and do not with other drawn items") {
  const espalier_test::TemporaryFolder folder;
  esp::TrainerOptions o = options();
  o.epochs = 2;
  o.checkpoint = folder / "m.safetensors";
  esp::Trainer<SampledSasrec> trainer(o);
  trainer.fit(walks(200, 1), walks(50, 2));
  o.resume = true;
  esp::Trainer<SampledSasrec> again(o);
  CHECK(again.fit(walks(200, 1), walks(50, 2)).epochs == 2);
  esp::Trainer<Sasrec> other(o);
  CHECK(message_of([&] { other.fit(walks(200, 1), walks(50, 2)); }).find("drawn items") !=
        std::string::npos);
}

TEST_CASE("NextItem: NewItems leaves out what the row's sequences have") {
  using Age = esp::Numeric<"age">;
  struct New : esp::MultiTaskModel<
                   esp::Inputs<Age, esp::Categorical<"tag", 4>, esp::Sequence<Seen>>,
                   esp::SharedBottom<esp::MlpOf<esp::Activation::tanh, 16>>,
                   esp::Task<"next", esp::NextItem<"seen", esp::NewItems{}>, esp::Label<"item">>> {
  };
  struct Any
      : esp::MultiTaskModel<esp::Inputs<Age, esp::Categorical<"tag", 4>, esp::Sequence<Seen>>,
                            esp::SharedBottom<esp::MlpOf<esp::Activation::tanh, 16>>,
                            esp::Task<"next", esp::NextItem<"seen">, esp::Label<"item">>> {};
  const auto with_more = [](std::uint64_t seed) {
    esp::Table table = walks(200, seed).table();
    table.add("age", std::vector<double>(200, 1.0));
    table.add("tag", std::vector<std::string>(200, "t"));
    return esp::Dataset(std::move(table));
  };
  esp::TrainerOptions o = options();
  o.epochs = 1;
  esp::Trainer<New> of_new(o);
  esp::Trainer<Any> of_any(o);
  of_new.fit(with_more(1));
  of_any.fit(with_more(1));
  // The same training; ranks without the items of the row are better.
  CHECK(values_of(of_new.parameters()) == values_of(of_any.parameters()));
  CHECK(of_new.evaluate(with_more(2)).value("next", "mrr") >
        of_any.evaluate(with_more(2)).value("next", "mrr"));
}
