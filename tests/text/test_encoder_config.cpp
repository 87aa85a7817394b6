// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "espalier/core/file.hpp"
#include "espalier/core/json.hpp"
#include "espalier/text/encoder_config.hpp"
#include "support/message_of.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier;
using espalier_test::message_of;
using espalier_test::TemporaryFolder;

namespace {

Json good() {
  return Json::parse(R"({"model_type":"bert","hidden_size":384,"num_hidden_layers":6,
    "num_attention_heads":12,"intermediate_size":1536,"max_position_embeddings":512,
    "type_vocab_size":2,"vocab_size":30522,"layer_norm_eps":1e-12,"hidden_act":"gelu",
    "position_embedding_type":"absolute","is_decoder":false,"architectures":["BertModel"]})");
}

std::string error(std::string_view key, Json value) {
  const std::string text = good().set(key, std::move(value)).dump();
  return message_of([&] { static_cast<void>(parse_encoder_config(text, "c.json")); });
}

}  // namespace

TEST_CASE("a config.json gives the shape of an encoder") {
  EncoderConfig expected{384, 6, 12, 1536, 512, 2, 30522, 1e-12, EncoderActivation::gelu};
  CHECK(parse_encoder_config(good().dump(), "c.json") == expected);
  const auto with = [](std::string_view key, const Json& value) {
    return parse_encoder_config(good().set(key, value).dump(), "c.json");
  };
  CHECK(with("hidden_act", "gelu_new").activation == EncoderActivation::gelu_tanh);
  CHECK(with("hidden_act", "relu").activation == EncoderActivation::relu);
  CHECK(with("hidden_act", Json()).activation == EncoderActivation::gelu);
  CHECK(with("type_vocab_size", Json()).types == 2);
  CHECK(with("type_vocab_size", 1).types == 1);
  CHECK(with("layer_norm_eps", 1e-5).epsilon == 1e-5);
  CHECK(with("layer_norm_eps", Json()).epsilon == 1e-12);
}

TEST_CASE("other models and sizes that cannot be are refused, naming the member") {
  CHECK(error("model_type", "roberta") ==
        "c.json: model_type: expected \"bert\", found \"roberta\"");
  CHECK(error("model_type", Json()) == "c.json: model_type: expected \"bert\", found null");
  CHECK(error("hidden_act", "swish") ==
        "c.json: hidden_act: expected \"gelu\", \"gelu_new\" or \"relu\", found \"swish\"");
  CHECK(error("hidden_size", 0) ==
        "c.json: hidden_size: expected an integer from 1 to 65536, found 0");
  CHECK(error("hidden_size", 1e15) ==
        "c.json: hidden_size: expected an integer from 1 to 65536, found 1000000000000000");
  CHECK(error("num_hidden_layers", 1e6) ==
        "c.json: num_hidden_layers: expected an integer from 1 to 1000, found 1000000");
  CHECK(error("vocab_size", "30522") ==
        "c.json: vocab_size: expected an integer from 1 to 16777216, found \"30522\"");
  CHECK(error("intermediate_size", 1.5) ==
        "c.json: intermediate_size: expected an integer from 1 to 65536, found 1.5");
  CHECK(error("max_position_embeddings", Json()) ==
        "c.json: max_position_embeddings: expected an integer from 2 to 16777216, found null");
  CHECK(error("num_attention_heads", 7) ==
        "c.json: num_attention_heads: expected a divisor of hidden_size, 384, found 7");
  CHECK(error("layer_norm_eps", -1) ==
        "c.json: layer_norm_eps: expected a number from 0 to 1, found -1");
  CHECK(error("position_embedding_type", "relative_key") ==
        "c.json: position_embedding_type: expected \"absolute\", found \"relative_key\"");
  CHECK(error("is_decoder", true) == "c.json: is_decoder: expected false: an encoder, found true");
  const auto parse = [](std::string_view text) {
    return message_of([&] { static_cast<void>(parse_encoder_config(text, "c.json")); });
  };
  CHECK(parse("[]") == "c.json: expected an object, found []");
  CHECK(parse("{\"model_type\":").starts_with("c.json: byte "));
  CHECK(parse("").starts_with("c.json: byte 0: "));
}

TEST_CASE("a config.json is read from a folder") {
  const TemporaryFolder folder;
  CHECK_THROWS_AS(static_cast<void>(read_encoder_config(folder.path())), IoError);
  write_file_atomically(folder / "config.json", good().dump());
  CHECK(read_encoder_config(folder.path()).depth == 6);
  write_file_atomically(folder / "config.json", std::string((1 << 20) + 1, ' '));
  CHECK(message_of([&] { static_cast<void>(read_encoder_config(folder.path())); }) ==
        folder / "config.json" + ": 1048577 bytes, expected at most 1048576");
}
