// SPDX-License-Identifier: Apache-2.0
// `EncoderConfig`: the shape of a BERT-family encoder, as its config.json has it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "espalier/core/config.hpp"

namespace espalier {

/// The activation of an encoder's feed-forward part.
enum class EncoderActivation : std::uint8_t {
  gelu,       ///< x Φ(x) by erf
  gelu_tanh,  ///< "gelu_new": x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))
  relu,
};

/// The shape of an encoder, and the constants of its layers (Devlin et al., NAACL 2019).
struct EncoderConfig {
  std::int64_t width = 0;         ///< hidden_size
  std::int64_t depth = 0;         ///< num_hidden_layers
  std::int64_t heads = 0;         ///< num_attention_heads
  std::int64_t feed_forward = 0;  ///< intermediate_size
  std::int64_t positions = 0;     ///< max_position_embeddings, the longest text in tokens
  std::int64_t types = 0;         ///< type_vocab_size
  std::int64_t tokens = 0;        ///< vocab_size
  double epsilon = 1e-12;         ///< layer_norm_eps
  EncoderActivation activation = EncoderActivation::gelu;  ///< hidden_act

  [[nodiscard]] bool operator==(const EncoderConfig&) const = default;
};

/// Parses a config.json. `what` (the file's name) begins every message. Throws DataError, naming
/// the member and what was found, for what is not JSON, a model_type other than "bert", missing
/// sizes or sizes beyond any encoder, a width that the heads do not divide, an activation other
/// than gelu, gelu_new and relu, relative positions, and decoders. `types` is 2, `epsilon` 1e-12
/// and the activation gelu if they are missing, as in the reference.
[[nodiscard]] EncoderConfig parse_encoder_config(std::string_view text, std::string_view what);

/// Reads config.json of a folder. Throws IoError if it cannot be read; else as
/// parse_encoder_config().
[[nodiscard]] EncoderConfig read_encoder_config(const std::string& folder);

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/text/encoder_config_definitions.hpp"
#endif
