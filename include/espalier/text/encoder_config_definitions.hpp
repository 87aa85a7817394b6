// SPDX-License-Identifier: Apache-2.0
// Definitions of encoder_config.hpp.
#pragma once

#include "espalier/text/encoder_config.hpp"

#include <cstdint>
#include <string>
#include <string_view>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/file.hpp"
#include "espalier/core/json.hpp"
#include "espalier/text/json_member.hpp"

namespace espalier {

namespace encoder_config_detail {

/// Larger than any encoder's; products of two fit into 53 bits.
inline constexpr std::int64_t most_depth = 1000, most_width = 1 << 16, most_rows = 1 << 24;
inline constexpr std::uint64_t most_bytes = 1 << 20;

[[nodiscard]] ESPALIER_COLD inline EncoderActivation activation_of(const JsonMember& name) {
  if (name.missing() || name.is("gelu")) return EncoderActivation::gelu;
  if (name.is("gelu_new")) return EncoderActivation::gelu_tanh;
  if (name.is("relu")) return EncoderActivation::relu;
  name.fail("\"gelu\", \"gelu_new\" or \"relu\"");
}

}  // namespace encoder_config_detail

ESPALIER_COLD ESPALIER_INLINE EncoderConfig parse_encoder_config(std::string_view text,
                                                                 std::string_view what) {
  namespace detail = encoder_config_detail;
  const Json root = Json::parse(text, what);
  const JsonMember file(what, root);
  static_cast<void>(file.object());
  if (!file["model_type"].is("bert")) file["model_type"].fail("\"bert\"");
  const JsonMember positions = file["position_embedding_type"];
  if (!positions.missing() && !positions.is("absolute")) positions.fail("\"absolute\"");
  for (const char* const option : {"is_decoder", "add_cross_attention"}) {
    if (file[option].boolean(false)) file[option].fail("false: an encoder");
  }
  EncoderConfig config;
  config.width = file["hidden_size"].integer(1, detail::most_width);
  config.depth = file["num_hidden_layers"].integer(1, detail::most_depth);
  config.heads = file["num_attention_heads"].integer(1, detail::most_width);
  config.feed_forward = file["intermediate_size"].integer(1, detail::most_width);
  config.positions = file["max_position_embeddings"].integer(2, detail::most_rows);
  config.tokens = file["vocab_size"].integer(1, detail::most_rows);
  const JsonMember types = file["type_vocab_size"], epsilon = file["layer_norm_eps"];
  config.types = types.missing() ? 2 : types.integer(1, detail::most_width);
  if (!epsilon.missing()) config.epsilon = epsilon.number(0, 1);
  config.activation = detail::activation_of(file["hidden_act"]);
  if (config.width % config.heads != 0) {
    file["num_attention_heads"].fail(message({"a divisor of hidden_size, ", config.width}));
  }
  return config;
}

ESPALIER_COLD ESPALIER_INLINE EncoderConfig read_encoder_config(const std::string& folder) {
  const std::string path = folder + "/config.json";
  const InputFile file(path);
  if (file.size() > encoder_config_detail::most_bytes) {
    throw_error<DataError>(
        {path, ": ", file.size(), " bytes, expected at most ", encoder_config_detail::most_bytes});
  }
  return parse_encoder_config(read_file(path), path);
}

}  // namespace espalier
