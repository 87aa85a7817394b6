// SPDX-License-Identifier: Apache-2.0
// `load_encoder()`: a Text input of a trainer starts from a pre-trained encoder.
#pragma once

#include <string>
#include <string_view>

#include "espalier/core/config.hpp"
#include "espalier/model/encoder_checkpoint.hpp"
#include "espalier/train/trainer.hpp"

namespace espalier {

/// Copies the weights of an encoder to the tensors and the table of a Text input. The vectors of
/// the first segment are added to those of the positions. Throws CheckpointError, naming the first
/// difference, if the model's encoder has another shape.
void copy_encoder(const EncoderCheckpoint& encoder, const PlanView& plan, std::string_view field,
                  Parameters<float>& parameters);
/// Only throws as copy_encoder() does.
void check_encoder(const EncoderCheckpoint& encoder, const PlanView& plan, std::string_view field);

/// Reads tokenizer and weights of a folder as model hubs give them (config.json, model.safetensors,
/// tokenizer.json or vocab.txt) for the Text input `field`; to be called before the first fit(),
/// which starts from them. Throws ConfigError if there is no such Text input, or if the trainer has
/// weights already; as load_word_piece() and EncoderCheckpoint do; and CheckpointError as
/// copy_encoder() does.
void load_encoder(PlanTrainer& trainer, std::string_view field, const std::string& folder);

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/train/load_encoder_definitions.hpp"
#endif
