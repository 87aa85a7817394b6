// SPDX-License-Identifier: Apache-2.0
// Definitions of load_encoder.hpp.
#pragma once

#include "espalier/train/load_encoder.hpp"

#include <algorithm>
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
#include "espalier/model/description.hpp"
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

[[nodiscard]] inline std::size_t size_of(const EncoderTensor& tensor) {
  std::size_t size = 1;
  for (const auto n : tensor.shape) size *= static_cast<std::size_t>(n);
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

/// Throws CheckpointError if the parts do not make the tensor.
ESPALIER_COLD inline void check(const EncoderCheckpoint& encoder, std::string_view field,
                                const ParameterInfo& tensor, const Parts& parts) {
  const bool positions = parts[0] == "embeddings.position_embeddings.weight";
  std::size_t values = 0;
  for (const std::string& part : parts) values += size_of(tensor_named(encoder, field, part));
  const auto size = static_cast<std::size_t>(tensor.size());
  // Texts may be shorter than the encoder's positions.
  const bool fits =
      positions ? values >= size && encoder.config().width == tensor.columns : values == size;
  if (fits) return;
  throw_error<CheckpointError>(
      {encoder.path(), ": tensor '", parts[0], "' has ", values, " values, and '",
       tensor.name.view(), "' of the model ", size,
       ": expected an encoder of the shape that the type says (its config.json: width ",
       static_cast<Index>(encoder.config().width), ", depth ",
       static_cast<Index>(encoder.config().depth), ", feed-forward ",
       static_cast<Index>(encoder.config().feed_forward), ", ",
       static_cast<Index>(encoder.config().positions), " positions)"});
}

ESPALIER_COLD inline void fill(const EncoderCheckpoint& encoder, const Parts& parts, Index columns,
                               std::span<float> to) {
  std::vector<float> values;
  for (const std::string& part : parts) {
    const std::vector<float> more = encoder.values(part);
    values.insert(values.end(), more.begin(), more.end());
  }
  std::copy_n(values.begin(), to.size(), to.begin());
  if (parts[0] != "embeddings.position_embeddings.weight") return;
  const std::vector<float> types = encoder.values("embeddings.token_type_embeddings.weight");
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += types[i % static_cast<std::size_t>(columns)];
}

/// Calls visit(tensor, parts) for the tensors of the text's encoder.
template <class Visit>
void each_tensor(const EncoderCheckpoint& encoder, const PlanView& plan, std::string_view field,
                 Visit visit) {
  const std::string prefix = "sequence/" + std::string(field) + "/bert0/";
  for (const ParameterInfo& tensor : plan.tensors) {
    const std::string_view name = tensor.name.view();
    const std::size_t at = name.find(prefix);
    if (at == std::string_view::npos) continue;
    const Parts parts = parts_of(name.substr(at + prefix.size()));
    if (parts.empty())
      throw_error<CheckpointError>({encoder.path(), ": nothing for tensor '", name, "'"});
    visit(tensor, parts);
  }
}

}  // namespace load_encoder_detail

ESPALIER_COLD ESPALIER_INLINE void check_encoder(const EncoderCheckpoint& encoder,
                                                 const PlanView& plan, std::string_view field) {
  using namespace load_encoder_detail;
  const EncoderConfig& config = encoder.config();
  const std::string prefix = "sequence/" + std::string(field) + "/bert0/";
  const std::string last = prefix + "transformer0/layer" + std::to_string(config.depth - 1) + "/";
  bool has_last = false;
  const std::string layer = prefix + "transformer0/layer";
  Index layers = 0;  // of the model
  each_tensor(encoder, plan, field, [&](const ParameterInfo& tensor, const Parts& parts) {
    has_last = has_last || tensor.name.view().find(last) != std::string_view::npos;
    const bool starts_layer = tensor.name.view().find(layer) != std::string_view::npos &&
                              tensor.name.view().ends_with("/attention/qkv/weight");
    layers += starts_layer ? 1 : 0;
    check(encoder, field, tensor, parts);
  });
  if (!has_last) {
    throw_error<CheckpointError>({encoder.path(), ": has ", static_cast<Index>(config.depth),
                                  " layers, the text '", field, "' of the model ", layers});
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
}

ESPALIER_COLD ESPALIER_INLINE void copy_encoder(const EncoderCheckpoint& encoder,
                                                const PlanView& plan, std::string_view field,
                                                Parameters<float>& parameters) {
  using namespace load_encoder_detail;
  check_encoder(encoder, plan, field);
  each_tensor(encoder, plan, field, [&](const ParameterInfo& tensor, const Parts& parts) {
    fill(encoder, parts, tensor.columns,
         parameters.dense.span().subspan(static_cast<std::size_t>(tensor.offset),
                                         static_cast<std::size_t>(tensor.size())));
  });
  const std::vector<float> words = encoder.values("embeddings.word_embeddings.weight");
  for (std::size_t t = 0; t < plan.tables.size(); ++t) {
    const TableInfo& table = plan.tables[t];
    if (!table.name.view().ends_with("embedding/" + std::string(field))) continue;
    const auto width = static_cast<std::size_t>(table.width);
    const auto rows = static_cast<std::size_t>(parameters.table_rows[t]);
    if (words.size() < (rows - 1) * width) {
      throw_error<CheckpointError>(
          {encoder.path(), ": word embeddings of ", static_cast<Index>(encoder.config().tokens),
           " tokens, and the text '", field, "' of the model has ", rows - 1});
    }
    std::fill_n(parameters.tables[t].data(), width, 0.0F);
    std::copy_n(words.begin(), (rows - 1) * width, parameters.tables[t].data() + width);
  }
}

ESPALIER_COLD ESPALIER_INLINE void load_encoder(PlanTrainer& trainer, std::string_view field,
                                                const std::string& folder) {
  const auto is_field = [&](const FieldInfo& f) { return f.is_text() && f.name == field; };
  const auto fields = trainer.plan().schema.fields;
  if (std::none_of(fields.begin(), fields.end(), is_field))
    throw_error<ConfigError>({"no text '", field, "' among the inputs of the model"});
  WordPiece word_piece = load_word_piece(folder);
  auto encoder = std::make_shared<const EncoderCheckpoint>(folder);
  if (static_cast<std::int64_t>(word_piece.rows()) > encoder->config().tokens) {
    throw_error<CheckpointError>({folder, ": its tokenizer has ", word_piece.rows(),
                                  " tokens, its word embeddings ",
                                  static_cast<Index>(encoder->config().tokens)});
  }
  check_encoder(*encoder, trainer.plan(), field);
  trainer.start_text(
      field, std::make_shared<const WordPieceTokenizer>(std::move(word_piece)),
      [encoder, name = std::string(field), plan = trainer.plan()](Parameters<float>& parameters) {
        copy_encoder(*encoder, plan, name, parameters);
      });
}

}  // namespace espalier
