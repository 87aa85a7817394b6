// SPDX-License-Identifier: Apache-2.0
// `EncoderCheckpoint`: the weights of a pre-trained BERT-family encoder, checked against its
// config.json.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/model/safetensors.hpp"
#include "espalier/text/encoder_config.hpp"

namespace espalier {

/// A tensor of an encoder: its name and the shape that follows from the configuration.
struct EncoderTensor {
  std::string name;
  Shape shape;
};

/// The tensors of an encoder, from the embeddings to the last layer, by the names that the
/// reference (PyTorch) gives them, without the prefix "bert.": "embeddings.word_embeddings.weight",
/// "encoder.layer.0.attention.self.query.weight", …. Matrices of layers are (outputs × inputs), row
/// by row, which is (inputs × outputs) column by column; embeddings are (rows × width).
[[nodiscard]] std::vector<EncoderTensor> encoder_tensors(const EncoderConfig& config);

/// A folder with config.json and model.safetensors. All tensors are checked when it is opened;
/// their values are read on request. The file stays open. Not thread-safe.
class EncoderCheckpoint {
 public:
  /// Throws IoError if a file cannot be read; DataError for what parse_encoder_config() refuses;
  /// CheckpointError, naming the first tensor, if one is missing, has another shape than the
  /// configuration says or a type other than F32, F16 and BF16, or is left over; also if there is
  /// only a pytorch_model.bin, or the weights are in several files. The names of all tensors may
  /// begin with "bert."; poolers and heads are ignored.
  explicit EncoderCheckpoint(const std::string& folder);

  [[nodiscard]] const EncoderConfig& config() const noexcept { return config_; }
  [[nodiscard]] const std::string& path() const noexcept { return file_.path(); }
  /// In the order of encoder_tensors().
  [[nodiscard]] const std::vector<EncoderTensor>& tensors() const noexcept { return tensors_; }

  /// Reads a tensor into `out`, as floats whatever its type. Throws CheckpointError if there is no
  /// such tensor, or if `out` is not as large as it.
  void read(std::string_view name, std::span<float> out) const;

  /// Returns the values of a tensor.
  [[nodiscard]] std::vector<float> values(std::string_view name) const;

 private:
  [[nodiscard]] std::size_t index(std::string_view name) const;

  EncoderConfig config_;
  SafetensorsFile file_;
  std::vector<EncoderTensor> tensors_;
  std::vector<TensorInfo> infos_;  ///< in the order of `tensors_`
};

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/model/encoder_checkpoint_definitions.hpp"
#endif
