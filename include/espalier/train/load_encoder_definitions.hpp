// SPDX-License-Identifier: Apache-2.0
// Definitions of load_encoder.hpp.
#pragma once

#include "espalier/train/load_encoder.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/decimal.hpp"
#include "espalier/core/error.hpp"
#include "espalier/text/tokenizer_file.hpp"
#include "espalier/text/word_piece_tokenizer.hpp"

namespace espalier {

namespace load_encoder_detail {

/// The tensors of a checkpoint that make one tensor of the model, one below the other.
using Parts = std::vector<std::string>;

/// For the name of a tensor within the encoder: the tensors that it is made of; empty if unknown.
[[nodiscard]] ESPALIER_COLD inline Parts parts_of(std::string_view name) {
  const std::size_t end = name.rfind('/');
  const std::string what(name.substr(end + 1));
  const std::string_view path = name.substr(0, end);
  const std::string norm = what == "gain" ? ".weight" : ".bias";
  if (path == "positions0") return {"embeddings.position_embeddings.weight"};
  if (path == "layer_norm0") return {"embeddings.LayerNorm" + norm};
  constexpr std::string_view layer = "transformer0/layer";
  if (!path.starts_with(layer)) return {};
  const std::size_t slash = path.find('/', layer.size());
  if (slash == std::string_view::npos) return {};
  const std::string of =
      "encoder.layer." + std::string(path.substr(layer.size(), slash - layer.size()));
  const std::string_view part = path.substr(slash + 1);
  if (part == "attention/qkv") {
    const std::string self = of + ".attention.self.";
    return {self + "query." + what, self + "key." + what, self + "value." + what};
  }
  if (part == "attention/out") return {of + ".attention.output.dense." + what};
  if (part == "dense0") return {of + ".intermediate.dense." + what};
  if (part == "dense1") return {of + ".output.dense." + what};
  if (part == "layer_norm0") return {of + ".attention.output.LayerNorm" + norm};
  if (part == "layer_norm1") return {of + ".output.LayerNorm" + norm};
  return {};
}

[[nodiscard]] inline Index size_of(const EncoderTensor& tensor) {
  Index size = 1;
  for (const auto n : tensor.shape) size *= static_cast<Index>(n);
  return size;
}

[[nodiscard]] ESPALIER_COLD inline const EncoderTensor& tensor_named(
    const EncoderCheckpoint& encoder, std::string_view field, std::string_view name) {
  for (const EncoderTensor& tensor : encoder.tensors())
    if (tensor.name == name) return tensor;
  throw_error<CheckpointError>({encoder.path(), ": no tensor '", name, "', which the text '", field,
                                "' of the model has: expected an encoder of Depth<",
                                static_cast<Index>(encoder.config().depth), ">"});
}

/// Fills a tensor of the model.
ESPALIER_COLD inline void fill(const EncoderCheckpoint& encoder, std::string_view field,
                               const ParameterInfo& tensor, const Parts& parts,
                               std::span<float> to) {
  const bool positions = parts[0] == "embeddings.position_embeddings.weight";
  std::vector<float> values;
  for (const std::string& part : parts) {
    static_cast<void>(tensor_named(encoder, field, part));
    const std::vector<float> more = encoder.values(part);
    values.insert(values.end(), more.begin(), more.end());
  }
  // Texts may be shorter than the encoder's positions.
  const bool fits =
      positions ? values.size() >= to.size() && encoder.config().width == Index{tensor.columns}
                : values.size() == to.size();
  if (!fits) {
    throw_error<CheckpointError>(
        {encoder.path(), ": tensor '", parts[0], "' has ", values.size(), " values, and '",
         tensor.name.view(), "' of the model ", to.size(),
         ": expected an encoder of the shape that the type says (its config.json: width ",
         static_cast<Index>(encoder.config().width), ", depth ",
         static_cast<Index>(encoder.config().depth), ", feed-forward ",
         static_cast<Index>(encoder.config().feed_forward), ", ",
         static_cast<Index>(encoder.config().positions), " positions)"});
  }
  std::copy_n(values.begin(), to.size(), to.begin());
  if (!positions) return;
  const std::vector<float> types = encoder.values("embeddings.token_type_embeddings.weight");
  const auto width = static_cast<std::size_t>(tensor.columns);
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += types[i % width];
}

}  // namespace load_encoder_detail

ESPALIER_COLD ESPALIER_INLINE void copy_encoder(const EncoderCheckpoint& encoder,
                                                const PlanView& plan, std::string_view field,
                                                Parameters<float>& parameters) {
  using namespace load_encoder_detail;
  const EncoderConfig& config = encoder.config();
  const std::string prefix = "sequence/" + std::string(field) + "/bert0/";
  const std::string last = "transformer0/layer" + std::to_string(encoder.config().depth - 1) + "/";
  bool has_last = false;
  for (const ParameterInfo& tensor : plan.tensors) {
    const std::string_view name = tensor.name.view();
    const std::size_t at = name.find(prefix);
    if (at == std::string_view::npos) continue;
    const std::string_view within = name.substr(at + prefix.size());
    has_last = has_last || within.starts_with(last);
    const Parts parts = parts_of(within);
    if (parts.empty())
      throw_error<CheckpointError>({encoder.path(), ": nothing for tensor '", name, "'"});
    fill(encoder, field, tensor, parts,
         parameters.dense.span().subspan(static_cast<std::size_t>(tensor.offset),
                                         static_cast<std::size_t>(tensor.size())));
  }
  if (!has_last) {
    throw_error<CheckpointError>({encoder.path(), ": has ",
                                  static_cast<Index>(encoder.config().depth), " layers, the text '",
                                  field, "' of the model fewer"});
  }
  for (const Node& node : plan.nodes) {
    const std::string_view name = node.name.view();
    if (name.find(prefix) == std::string_view::npos) continue;
    const bool attends = name.ends_with("/attention");
    if (attends && config.heads != node.groups) {
      throw_error<CheckpointError>({encoder.path(), ": config.json has ",
                                    static_cast<Index>(config.heads), " heads, the text '", field,
                                    "' of the model ", static_cast<Index>(node.groups)});
    }
    if (node.epsilon > 0 && std::abs(node.epsilon - config.epsilon) > 1e-3 * config.epsilon) {
      throw_error<CheckpointError>({encoder.path(), ": config.json has layer_norm_eps ",
                                    decimal(config.epsilon, 6), ", the text '", field,
                                    "' of the model ", decimal(node.epsilon, 6)});
    }
    const Activation expected =
        config.activation == EncoderActivation::relu ? Activation::relu : Activation::gelu;
    if (name.ends_with("/dense0") &&
        (node.activation != expected || config.activation == EncoderActivation::gelu_tanh)) {
      throw_error<CheckpointError>(
          {encoder.path(), ": the activation of config.json (hidden_act) is not ",
           activation_name(node.activation), ", which the text '", field, "' of the model has"});
    }
  }
  const std::vector<float> words = encoder.values("embeddings.word_embeddings.weight");
  for (std::size_t t = 0; t < plan.tables.size(); ++t) {
    const TableInfo& table = plan.tables[t];
    if (!table.name.view().ends_with("embedding/" + std::string(field))) continue;
    const auto width = static_cast<std::size_t>(table.width);
    const auto rows = static_cast<std::size_t>(parameters.table_rows[t]);
    if (encoder.config().width != Index{table.width} || words.size() < (rows - 1) * width) {
      throw_error<CheckpointError>({encoder.path(), ": word embeddings of ",
                                    static_cast<Index>(encoder.config().tokens), " tokens × ",
                                    static_cast<Index>(encoder.config().width), ", and the text '",
                                    field, "' of the model has ", rows - 1, " × ", width});
    }
    std::fill_n(parameters.tables[t].data(), width, 0.0F);
    std::copy_n(words.begin(), (rows - 1) * width, parameters.tables[t].data() + width);
  }
}

ESPALIER_COLD ESPALIER_INLINE void load_encoder(PlanTrainer& trainer, std::string_view field,
                                                const std::string& folder) {
  auto tokenizer = std::make_shared<const WordPieceTokenizer>(load_word_piece(folder));
  auto encoder = std::make_shared<const EncoderCheckpoint>(folder);
  if (static_cast<std::int64_t>(tokenizer->tokens().size()) > encoder->config().tokens) {
    throw_error<CheckpointError>({folder, ": its tokenizer has ", tokenizer->tokens().size(),
                                  " tokens, its word embeddings ",
                                  static_cast<Index>(encoder->config().tokens)});
  }
  trainer.start_text(
      field, std::move(tokenizer),
      [encoder, name = std::string(field), plan = trainer.plan()](Parameters<float>& parameters) {
        copy_encoder(*encoder, plan, name, parameters);
      });
}

}  // namespace espalier
