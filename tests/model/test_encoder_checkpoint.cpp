// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/file.hpp"
#include "espalier/model/encoder_checkpoint.hpp"
#include "support/message_of.hpp"
#include "support/rewritten.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier;
using espalier_test::Contents;
using espalier_test::message_of;
using espalier_test::TemporaryFolder;

namespace {

constexpr std::string_view config_text = R"({"model_type":"bert","hidden_size":4,
  "num_hidden_layers":2,"num_attention_heads":2,"intermediate_size":6,"max_position_embeddings":8,
  "type_vocab_size":2,"vocab_size":10})";

/// Value `i` of tensor `t`: exact in every type.
float value(std::size_t t, std::size_t i) { return static_cast<float>((7 * t + i) % 100) - 50; }

/// The 16 bits of a small integer.
std::uint16_t half(float x) {
  if (x == 0) return 0;
  const auto bits = std::bit_cast<std::uint32_t>(x);
  return static_cast<std::uint16_t>((bits >> 16U & 0x8000U) |
                                    ((bits & 0x7FFFFFFFU) - 0x38000000U) >> 13U);
}

/// A folder with a small encoder.
class Encoder {
 public:
  explicit Encoder(Dtype dtype = Dtype::f32, const std::string& prefix = "", bool old = false) {
    write_file_atomically(folder_ / "config.json", std::string(config_text));
    SafetensorsWriter writer;
    const std::vector<EncoderTensor> all = encoder_tensors(config());
    for (std::size_t t = 0; t < all.size(); ++t) {
      std::string name = prefix + all[t].name;
      const std::size_t norm = name.find("LayerNorm.");
      if (old && norm != name.npos) {
        name = name.substr(0, norm) + "LayerNorm." + (name.ends_with("weight") ? "gamma" : "beta");
      }
      std::size_t count = 1;
      for (const std::int64_t length : all[t].shape) count *= static_cast<std::size_t>(length);
      add(writer, name, dtype, all[t].shape, t, count);
    }
    writer.add_own<float>(prefix + "pooler.dense.weight", {1}, {1});
    writer.add_own<float>("cls.predictions.bias", {2}, {1, 2});
    writer.add_own<std::int64_t>(prefix + "embeddings.position_ids", {1, 2}, {0, 1});
    writer.write(weights());
  }

  [[nodiscard]] static EncoderConfig config() {
    return parse_encoder_config(config_text, "config.json");
  }
  [[nodiscard]] std::string weights() const { return folder_ / "model.safetensors"; }
  [[nodiscard]] std::string path() const { return folder_.path(); }
  [[nodiscard]] std::string operator/(const std::string& name) const { return folder_ / name; }

  /// The message of opening the folder, without the name of the file of weights.
  [[nodiscard]] std::string error() const {
    std::string text = message_of([&] { static_cast<void>(EncoderCheckpoint(folder_.path())); });
    const std::string start = weights() + ": ";
    return text.starts_with(start) ? text.substr(start.size()) : text;
  }

 private:
  static void add(SafetensorsWriter& writer, const std::string& name, Dtype dtype,
                  const Shape& shape, std::size_t t, std::size_t count) {
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = value(t, i);
    if (dtype == Dtype::f32) return writer.add_own<float>(name, shape, values);
    static std::vector<std::vector<std::uint16_t>> kept;  // until the file is written
    std::vector<std::uint16_t>& bits = kept.emplace_back(count);
    for (std::size_t i = 0; i < count; ++i) {
      bits[i] = dtype == Dtype::f16
                    ? half(values[i])
                    : static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(values[i]) >> 16U);
    }
    writer.add(name, dtype, shape, std::as_bytes(std::span(bits)));
  }

  TemporaryFolder folder_{TemporaryFolder::Where::in_memory};
};

/// Changes the tensors of a file.
void change(const Encoder& encoder, auto&& edit) {
  Contents contents(encoder.weights());
  edit(contents);
  contents.write(encoder.weights());
}

}  // namespace

TEST_CASE("an encoder's weights are floats, whatever their type, prefix and age") {
  for (const Dtype dtype : {Dtype::f32, Dtype::f16, Dtype::bf16}) {
    for (const std::string prefix : {"", "bert."}) {
      for (const bool old : {false, true}) {
        const Encoder encoder(dtype, prefix, old);
        const EncoderCheckpoint checkpoint(encoder.path());
        CHECK(checkpoint.config() == Encoder::config());
        CHECK(checkpoint.path() == encoder.weights());
        REQUIRE(checkpoint.tensors().size() == 5 + 2 * 16);
        bool same = true;
        for (std::size_t t = 0; t < checkpoint.tensors().size(); ++t) {
          const std::vector<float> found = checkpoint.values(checkpoint.tensors()[t].name);
          for (std::size_t i = 0; i < found.size(); ++i) same &= found[i] == value(t, i);
        }
        CHECK(same);
      }
    }
  }
}

TEST_CASE("the tensors of an encoder have the reference's names and shapes") {
  const std::vector<EncoderTensor> all = encoder_tensors(Encoder::config());
  const auto shape = [&](std::string_view name) {
    for (const EncoderTensor& tensor : all) {
      if (tensor.name == name) return tensor.shape;
    }
    return Shape{-1};
  };
  CHECK(shape("embeddings.word_embeddings.weight") == Shape{10, 4});
  CHECK(shape("embeddings.position_embeddings.weight") == Shape{8, 4});
  CHECK(shape("embeddings.token_type_embeddings.weight") == Shape{2, 4});
  CHECK(shape("embeddings.LayerNorm.bias") == Shape{4});
  CHECK(shape("encoder.layer.1.attention.self.value.weight") == Shape{4, 4});
  CHECK(shape("encoder.layer.1.attention.output.dense.bias") == Shape{4});
  CHECK(shape("encoder.layer.1.attention.output.LayerNorm.weight") == Shape{4});
  CHECK(shape("encoder.layer.0.intermediate.dense.weight") == Shape{6, 4});
  CHECK(shape("encoder.layer.0.output.dense.weight") == Shape{4, 6});
  CHECK(shape("encoder.layer.0.output.LayerNorm.bias") == Shape{4});
}

TEST_CASE("a tensor that is missing, left over or of another shape or type is named") {
  const std::string name = "encoder.layer.1.output.dense.bias";
  {
    const Encoder encoder;
    change(encoder, [&](Contents& c) { c.tensors.erase(name); });
    CHECK(encoder.error() == "expected a tensor '" + name + "', found none");
  }
  {
    const Encoder encoder(Dtype::f32, "bert.");
    change(encoder, [&](Contents& c) { c.set<float>("bert." + name, {1, 2, 3}); });
    CHECK(encoder.error() ==
          "tensor 'bert." + name + "' has shape [3], expected [4] by config.json");
  }
  {
    const Encoder encoder;
    change(encoder, [&](Contents& c) { c.set<double>(name, {1, 2, 3, 4}); });
    CHECK(encoder.error() == "tensor '" + name + "' is F64, expected F32, F16 or BF16");
  }
  {
    const Encoder encoder;
    change(encoder, [&](Contents& c) { c.set<float>("encoder.layer.2.output.dense.bias", {1}); });
    CHECK(encoder.error() ==
          "tensor \"encoder.layer.2.output.dense.bias\" has no place in an encoder of 2 layers, "
          "which "
          "config.json describes");
  }
  {
    const Encoder encoder;
    change(encoder, [&](Contents& c) { c.tensors.erase("embeddings.word_embeddings.weight"); });
    CHECK(encoder.error() == "expected a tensor 'embeddings.word_embeddings.weight', found none");
  }
}

TEST_CASE("files that are missing, cut off or of another kind give one sentence") {
  const Encoder encoder;
  std::string bytes = read_file(encoder.weights());
  write_file_atomically(encoder.weights(), std::string_view(bytes).substr(0, bytes.size() - 1));
  CHECK(encoder.error().find("cut off") != std::string::npos);
  write_file_atomically(encoder.weights(), std::string_view(bytes).substr(0, 100));
  CHECK(encoder.error().starts_with("cut off: the header ends at byte "));
  write_file_atomically(encoder.weights(), "");
  CHECK(encoder.error() == "not a safetensors file: it is empty");
  std::string long_header = bytes;
  std::fill_n(long_header.begin(), 8, '\xFF');
  write_file_atomically(encoder.weights(), long_header);
  CHECK(encoder.error().starts_with("not a safetensors file: "));
  std::filesystem::remove(encoder.weights());
  CHECK(encoder.error() == encoder.path() + ": expected model.safetensors, found none");
  write_file_atomically(encoder / "pytorch_model.bin", "x");
  CHECK(encoder.error() ==
        encoder.path() +
            ": expected model.safetensors, found only pytorch_model.bin, a pickle, which can run "
            "any code when it is read: save the model with safe_serialization=True");
  write_file_atomically(encoder / "model.safetensors.index.json", "{}");
  CHECK(encoder.error() == encoder.path() +
                               ": the weights are in several files, expected one, "
                               "model.safetensors");
  std::filesystem::remove(encoder / "config.json");
  CHECK(encoder.error().starts_with("cannot open " + (encoder / "config.json")));
}

TEST_CASE("a damaged value is found, and a buffer of another size") {
  const Encoder encoder;
  std::string bytes = read_file(encoder.weights());
  char& last = bytes[bytes.size() - 13];  // of the encoder: 12 bytes of pooler and head follow
  last = static_cast<char>(last ^ 1);
  write_file_atomically(encoder.weights(), bytes);
  const EncoderCheckpoint checkpoint(encoder.path());
  std::string found = "accepted";
  for (const EncoderTensor& tensor : checkpoint.tensors()) {
    const std::string error =
        message_of([&] { static_cast<void>(checkpoint.values(tensor.name)); });
    if (error != "accepted") found = error;
  }
  CHECK(found.starts_with(encoder.weights() + ": "));
  std::vector<float> small(3);
  CHECK(message_of([&] { checkpoint.read("embeddings.LayerNorm.bias", small); }) ==
        encoder.weights() + ": tensor 'embeddings.LayerNorm.bias' has 4 values, expected 3");
  CHECK(message_of([&] { checkpoint.read("pooler.dense.weight", small); }) ==
        encoder.weights() + ": an encoder has no tensor 'pooler.dense.weight'");
}
