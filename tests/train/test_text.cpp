// SPDX-License-Identifier: Apache-2.0
// Text inputs: vectors of an encoder against the reference, training, saving, and what is refused.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/atomic_file.hpp"
#include "espalier/model/safetensors.hpp"
#include "espalier/text.hpp"
#include "support/message_of.hpp"
#include "support/parameter_values.hpp"
#include "support/temporary_folder.hpp"

namespace esp = espalier;
using espalier_test::message_of;

namespace {

constexpr std::string_view config = R"({"model_type": "bert", "vocab_size": 12, "hidden_size": 8,
"num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 20,
"max_position_embeddings": 16, "type_vocab_size": 2, "layer_norm_eps": 1e-12,
"hidden_act": "gelu"})";

/// The folder of the encoder of tests/golden/bert.py.
class Encoder {
 public:
  explicit Encoder(std::string_view config_text = config) {
    esp::write_file_atomically(folder_ / "config.json", config_text);
    esp::write_file_atomically(
        folder_ / "vocab.txt",
        "[PAD]\n[UNK]\n[CLS]\n[SEP]\nthe\ncat\ndog\nsees\n##s\na\nbird\n.\n");
    const esp::EncoderConfig shape = esp::parse_encoder_config(config_text, "config");
    esp::SafetensorsWriter writer;
    std::size_t t = 0;
    for (const esp::EncoderTensor& tensor : esp::encoder_tensors(shape)) {
      std::size_t size = 1;
      for (const auto n : tensor.shape) size *= static_cast<std::size_t>(n);
      const double one = tensor.name.ends_with("LayerNorm.weight") ? 1 : 0;
      std::vector<float> values;
      for (std::size_t i = 0; i < size; ++i) {
        const double angle = 0.7 * static_cast<double>(i) + static_cast<double>(t);
        values.push_back(static_cast<float>(one + 0.3 * std::sin(angle)));
      }
      writer.add_own<float>(tensor.name, tensor.shape, values);
      ++t;
    }
    writer.write(folder_ / "model.safetensors");
  }
  [[nodiscard]] std::string path() const { return folder_.path(); }
  [[nodiscard]] std::string operator/(const std::string& name) const { return folder_ / name; }

 private:
  espalier_test::TemporaryFolder folder_{espalier_test::TemporaryFolder::Where::in_memory};
};

using Small = esp::Bert<esp::Depth<2>, esp::Width<8>, esp::Heads<2>, esp::FeedForward<20>>;

/// Its prediction is the text's vector.
template <class Pooling, class Bert = Small>
struct Vector : esp::MultiTaskModel<esp::Inputs<esp::Text<"text", Bert, esp::Length<8>, Pooling>>,
                                    esp::SharedBottom<esp::Layers<>>,
                                    esp::Task<"next", esp::NextItem<"text">>> {};

constexpr esp::Layers<esp::Dense<8>> tower{};
struct Sentiment
    : esp::MultiTaskModel<
          esp::Inputs<esp::Text<"text", Small, esp::Length<8>>, esp::Numeric<"age">>,
          esp::SharedBottom<esp::Mlp<8>>, esp::Task<"good", esp::BinaryCrossEntropy, tower>,
          esp::Task<"stars", esp::MeanSquaredError, tower>> {};

esp::Dataset texts(const std::vector<std::string>& text) {
  esp::Table table;
  table.add("text", text);
  table.add("next", std::vector<std::string>(text.size(), "cat"));
  return esp::Dataset(std::move(table));
}

esp::Dataset reviews(esp::Index rows, std::uint64_t seed) {
  esp::Random random(seed);
  const char* words[] = {"the", "cat", "dogs", "sees", "a", "bird", "unseen"};
  std::vector<std::string> text;
  std::vector<double> age, good, stars;
  for (esp::Index i = 0; i < rows; ++i) {
    std::string& t = text.emplace_back();
    bool cat = false;
    for (std::uint64_t n = 2 + random.below(3); n > 0; --n) {
      const auto w = random.below(7);
      cat = cat || w == 1;
      t += std::string(t.empty() ? "" : " ") + words[w];
    }
    age.push_back(random.normal());
    good.push_back(cat ? 1 : 0);
    stars.push_back(cat ? 5 : 2);
  }
  esp::Table table;
  table.add("text", text);
  table.add("age", age);
  table.add("good", good);
  table.add("stars", stars);
  return esp::Dataset(std::move(table));
}

esp::TrainerOptions options(int epochs) {
  esp::TrainerOptions o;
  o.epochs = epochs;
  o.batch_size = 32;
  o.optimizer = esp::AdamW{.learning_rate = 3e-3};
  o.progress = esp::ShowProgress::never;
  o.threads = 2;
  return o;
}

constexpr double golden[][8] = {
#include "train/bert_golden.inc"
};

template <class Pooling>
double worst(std::size_t row) {
  const Encoder encoder;
  esp::TrainerOptions o = options(1);
  o.freeze = {"*"};
  esp::Trainer<Vector<Pooling>> trainer(o);
  esp::load_encoder(trainer, "text", encoder.path());
  const std::vector<std::string> text{"cat sees", "", "Dog dog cat a bird."};
  trainer.fit(texts({"cat sees", "the", "dog"}));
  const std::vector<float> found = trainer.predict(texts(text)).of("next");
  double most = 0;
  for (std::size_t j : {0U, 2U}) {
    for (std::size_t i = 0; i < 8; ++i) {
      const double apart = std::abs(static_cast<double>(found[j * 8 + i]) - golden[2 * j + row][i]);
      if (!(apart <= most)) most = apart;  // NaN counts
    }
  }
  return most;
}

}  // namespace

TEST_CASE("Text: vectors of the encoder are the reference's") {
  CHECK(worst<esp::FirstStep>(0) < 1e-5);
  CHECK(worst<esp::MeanOfSteps>(1) < 1e-5);
}

TEST_CASE("Text: fine-tuning learns, and a saved model predicts the same from raw texts") {
  const Encoder encoder;
  esp::Trainer<Sentiment> trainer(options(25));
  esp::load_encoder(trainer, "text", encoder.path());
  trainer.fit(reviews(400, 1));
  const esp::Dataset test = reviews(100, 2);
  CHECK(trainer.evaluate(test).value("good", "auc") > 0.95);

  const espalier_test::TemporaryFolder folder;
  trainer.save(folder / "m.safetensors");
  const esp::Predictor<Sentiment> predictor(folder / "m.safetensors");
  CHECK(predictor.predict(test).of("good") == trainer.predict(test).of("good"));
  const std::vector<float> one = predictor.predict_row({{"text", "The cat sees"}, {"age", 0.0}}),
                           other = predictor.predict_row({{"text", "the  CAT sees"}, {"age", 0.0}});
  CHECK(one == other);  // the tokenizer's rules were saved
  CHECK(one != predictor.predict_row({{"text", "the bird sees"}, {"age", 0.0}}));
}

TEST_CASE("Text: only towers learn if the encoder is frozen") {
  const Encoder encoder;
  esp::TrainerOptions o = options(2);
  o.freeze = {"sequence/text/*", "embedding/text"};
  esp::Trainer<Sentiment> trainer(o);
  esp::load_encoder(trainer, "text", encoder.path());
  trainer.fit(reviews(100, 1));
  const esp::EncoderCheckpoint checkpoint(encoder.path());
  const std::vector<float> words = checkpoint.values("embeddings.word_embeddings.weight");
  const auto& table = trainer.parameters().tables[0];
  CHECK(std::vector<float>(table.begin() + 8, table.begin() + 8 + 96) == words);
}

TEST_CASE("Text: a resumed run needs no encoder and goes on with the same bits") {
  const Encoder encoder;
  const espalier_test::TemporaryFolder folder;
  esp::TrainerOptions o = options(4);
  o.checkpoint = folder / "whole.safetensors";
  esp::Trainer<Sentiment> whole(o);
  esp::load_encoder(whole, "text", encoder.path());
  whole.fit(reviews(100, 1));
  o.checkpoint = folder / "parts.safetensors";
  o.callbacks = {[](esp::EpochInfo& e) { e.stop = e.epoch == 2; }};
  esp::Trainer<Sentiment> first(o);
  esp::load_encoder(first, "text", encoder.path());
  first.fit(reviews(100, 1));
  o.callbacks = {};
  esp::Trainer<Sentiment> loaded(o);
  loaded.load(folder / "parts.safetensors");
  CHECK(loaded.predict(reviews(20, 2)).of("good") == first.predict(reviews(20, 2)).of("good"));
  CHECK(message_of([&] { esp::load_encoder(loaded, "text", encoder.path()); }) ==
        "an encoder is loaded before the first fit() or load(), not after");
}

TEST_CASE("Text: tokens behind the vocabulary stay special ones in a saved model") {
  esp::SpecialTokens special;
  special.in_text = {{"covid", 6}, {"[SEP]", 3}};
  const esp::WordPieceTokenizer tokenizer(esp::WordPiece(
      esp::TokenVocabulary({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "co", "##vid"}), {}, special));
  REQUIRE(tokenizer.tokens().size() == 7);
  const auto restored = esp::WordPieceTokenizer::restore(tokenizer.tokens(), tokenizer.settings());
  for (const char* text : {"COVID co", "covid", "co vid", "a [SEP] b", "covid19"}) {
    std::vector<std::int32_t> a, b;
    tokenizer.append(text, 8, a);
    restored->append(text, 8, b);
    CHECK(a == b);
  }
  CHECK(restored->settings() == tokenizer.settings());
  CHECK(message_of([&] {
          static_cast<void>(esp::WordPieceTokenizer::restore({"a"}, tokenizer.settings()));
        }) == "tokenizer of the model: a vocabulary of 6 tokens, expected 1 to 1");
}

TEST_CASE("Text: what does not fit is refused, naming the first difference") {
  const Encoder encoder;
  const auto message = [](auto& trainer, const std::string& folder, const char* field = "text") {
    return message_of([&] { esp::load_encoder(trainer, field, folder); });
  };
  const std::string file = encoder / "model.safetensors";
  esp::Trainer<Vector<esp::FirstStep>> plain(options(1));
  CHECK(message(plain, encoder.path(), "txt") == "no text 'txt' among the inputs of the model");
  CHECK(
      message_of([&] { plain.fit(texts({"cat"})); }) ==
      "text 'text' has no encoder: load_encoder(trainer, \"text\", folder) reads one before fit()");
  using esp::Depth, esp::Width, esp::Heads, esp::FeedForward;
  esp::Trainer<Vector<esp::FirstStep, esp::Bert<Depth<2>, Width<8>, Heads<4>, FeedForward<20>>>>
      heads(options(1));
  CHECK(message(heads, encoder.path()) ==
        file + ": config.json has 2 heads, the text 'text' of the model 4");
  esp::Trainer<Vector<esp::FirstStep, esp::Bert<Depth<1>, Width<8>, Heads<2>, FeedForward<20>>>>
      shallow(options(1));
  CHECK(message(shallow, encoder.path()) ==
        file + ": has 2 layers, the text 'text' of the model 1");
  esp::Trainer<Vector<esp::FirstStep, esp::Bert<Depth<3>, Width<8>, Heads<2>, FeedForward<20>>>>
      deep(options(1));
  CHECK(message(deep, encoder.path()) ==
        file +
            ": no tensor 'encoder.layer.2.attention.self.query.weight', which the text 'text' of "
            "the model has: expected an encoder of Depth<2>");
  esp::Trainer<Vector<esp::FirstStep, esp::Bert<Depth<2>, Width<8>, Heads<2>>>> wide(options(1));
  CHECK(message(wide, encoder.path())
            .find("tensor 'encoder.layer.0.intermediate.dense.weight' has "
                  "160 values") != std::string::npos);
  std::string other(config);
  other.replace(other.find("1e-12"), 5, "1e-05");
  const Encoder of_other_epsilon(other);
  esp::Trainer<Vector<esp::FirstStep>> epsilon(options(1));
  CHECK(message(epsilon, of_other_epsilon.path()).find("layer_norm_eps 1e-05") !=
        std::string::npos);
  // The wrong folder is forgotten.
  esp::load_encoder(epsilon, "text", encoder.path());
  epsilon.fit(texts({"cat", "dog sees"}));
}
