// SPDX-License-Identifier: Apache-2.0
// Definitions of encoder_checkpoint.hpp.
#pragma once

#include "espalier/model/encoder_checkpoint.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/file.hpp"
#include "espalier/core/sort.hpp"
#include "espalier/kernels/float16.hpp"
#include "espalier/model/safetensors.hpp"
#include "espalier/text/encoder_config.hpp"
#include "espalier/text/json_member.hpp"

namespace espalier {

namespace encoder_checkpoint_detail {

/// The path of the weights in a folder. Throws CheckpointError if they are in another form.
[[nodiscard]] ESPALIER_COLD inline std::string weights_path(const std::string& folder) {
  const std::string path = folder + "/model.safetensors";
  if (file_exists(path)) return path;
  if (file_exists(path + ".index.json")) {
    throw_error<CheckpointError>(
        {folder, ": the weights are in several files, expected one, model.safetensors"});
  }
  if (file_exists(folder + "/pytorch_model.bin")) {
    throw_error<CheckpointError>(
        {folder,
         ": expected model.safetensors, found only pytorch_model.bin, a pickle, which can "
         "run any code when it is read: save the model with safe_serialization=True"});
  }
  throw_error<CheckpointError>({folder, ": expected model.safetensors, found none"});
}

/// Old files, converted from TensorFlow, call weight and bias of a normalisation gamma and beta.
[[nodiscard]] ESPALIER_COLD inline std::string old_name(const std::string& name) {
  for (const auto& [now, before] :
       {std::pair<std::string_view, std::string_view>{".LayerNorm.weight", ".LayerNorm.gamma"},
        {".LayerNorm.bias", ".LayerNorm.beta"}}) {
    if (name.ends_with(now)) {
      return std::string(name, 0, name.size() - now.size()).append(before);
    }
  }
  return name;
}

/// Whether a name without prefix is that of a buffer that holds no weights.
[[nodiscard]] ESPALIER_COLD inline bool is_buffer(std::string_view name) {
  return name == "embeddings.position_ids" || name == "embeddings.token_type_ids";
}

/// The tensors of a file by name: a hostile file may have a million.
class TensorIndex {
 public:
  ESPALIER_COLD explicit TensorIndex(const std::vector<TensorInfo>& tensors)
      : tensors_(tensors), order_(tensors.size()) {
    for (std::size_t i = 0; i < order_.size(); ++i) order_[i] = i;
    sort_indices(order_,
                 [&](std::size_t a, std::size_t b) { return tensors[a].name < tensors[b].name; });
  }

  /// The place in the file; the number of tensors if there is no such name.
  [[nodiscard]] ESPALIER_COLD std::size_t find(std::string_view name) const {
    const auto found = std::partition_point(order_.begin(), order_.end(),
                                            [&](std::size_t i) { return tensors_[i].name < name; });
    const bool there = found != order_.end() && tensors_[*found].name == name;
    return there ? *found : tensors_.size();
  }

 private:
  const std::vector<TensorInfo>& tensors_;
  std::vector<std::size_t> order_;
};

/// Widens 16-bit values that fill the second half of `values`. In place: value i ends where no
/// later one begins.
ESPALIER_COLD inline void widen(std::span<float> values, Dtype dtype) {
  const std::size_t half = values.size() * sizeof(std::uint16_t);
  auto* const bytes = reinterpret_cast<std::byte*>(values.data());
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, bytes + half + i * sizeof bits, sizeof bits);
    const float wide = dtype == Dtype::f16
                           ? float_of_half(bits)
                           : std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U);
    std::memcpy(bytes + i * sizeof wide, &wide, sizeof wide);
  }
}

}  // namespace encoder_checkpoint_detail

ESPALIER_COLD ESPALIER_INLINE std::vector<EncoderTensor> encoder_tensors(const EncoderConfig& c) {
  std::vector<EncoderTensor> all;
  const auto add = [&](const std::string& name, Shape shape) {
    all.push_back({name, std::move(shape)});
  };
  const auto normalisation = [&](const std::string& where) {
    add(where + ".LayerNorm.weight", {c.width});
    add(where + ".LayerNorm.bias", {c.width});
  };
  const auto dense = [&](const std::string& where, std::int64_t outputs, std::int64_t inputs) {
    add(where + ".weight", {outputs, inputs});
    add(where + ".bias", {outputs});
  };
  add("embeddings.word_embeddings.weight", {c.tokens, c.width});
  add("embeddings.position_embeddings.weight", {c.positions, c.width});
  add("embeddings.token_type_embeddings.weight", {c.types, c.width});
  normalisation("embeddings");
  for (std::int64_t layer = 0; layer < c.depth; ++layer) {
    const std::string where = message({"encoder.layer.", layer});
    for (const char* const part : {"query", "key", "value"}) {
      dense(where + ".attention.self." + part, c.width, c.width);
    }
    dense(where + ".attention.output.dense", c.width, c.width);
    normalisation(where + ".attention.output");
    dense(where + ".intermediate.dense", c.feed_forward, c.width);
    dense(where + ".output.dense", c.width, c.feed_forward);
    normalisation(where + ".output");
  }
  return all;
}

ESPALIER_COLD ESPALIER_INLINE EncoderCheckpoint::EncoderCheckpoint(const std::string& folder)
    : config_(read_encoder_config(folder)),
      file_(encoder_checkpoint_detail::weights_path(folder)),
      tensors_(encoder_tensors(config_)) {
  namespace detail = encoder_checkpoint_detail;
  const std::vector<TensorInfo>& all = file_.tensors();
  const detail::TensorIndex by_name(all);
  std::vector<bool> used(all.size(), false);
  const bool prefixed = by_name.find("bert." + tensors_.front().name) < all.size();
  const std::string prefix = prefixed ? "bert." : "";
  for (const EncoderTensor& tensor : tensors_) {
    std::size_t at = by_name.find(prefix + tensor.name);
    if (at == all.size()) at = by_name.find(prefix + detail::old_name(tensor.name));
    // Without it, at() throws.
    const TensorInfo& info = at < all.size() ? all[at] : file_.at(prefix + tensor.name);
    if (info.shape != tensor.shape) {
      throw_error<CheckpointError>({path(), ": tensor '", info.name, "' has shape ",
                                    to_string(info.shape), ", expected ", to_string(tensor.shape),
                                    " by config.json"});
    }
    if (info.dtype != Dtype::f32 && info.dtype != Dtype::f16 && info.dtype != Dtype::bf16) {
      throw_error<CheckpointError>({path(), ": tensor '", info.name, "' is ",
                                    dtype_name(info.dtype), ", expected F32, F16 or BF16"});
    }
    used[at] = true;
    infos_.push_back(info);
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (used[i] || !all[i].name.starts_with(prefix)) continue;  // a head
    const std::string_view name = std::string_view(all[i].name).substr(prefix.size());
    if (!name.starts_with("embeddings.") && !name.starts_with("encoder.")) continue;
    if (detail::is_buffer(name)) continue;
    throw_error<CheckpointError>({path(), ": tensor ", in_quotes(all[i].name),
                                  " has no place in an encoder of ", config_.depth,
                                  " layers, which config.json describes"});
  }
}

ESPALIER_INLINE std::size_t EncoderCheckpoint::index(std::string_view name) const {
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    if (tensors_[i].name == name) return i;
  }
  throw_error<CheckpointError>({path(), ": an encoder has no tensor '", name, "'"});
}

ESPALIER_INLINE void EncoderCheckpoint::read(std::string_view name, std::span<float> out) const {
  const TensorInfo& info = infos_[index(name)];
  if (out.size() != info.elements()) {
    throw_error<CheckpointError>({path(), ": tensor '", info.name, "' has ", info.elements(),
                                  " values, expected ", out.size()});
  }
  const std::span<std::byte> bytes = std::as_writable_bytes(out);
  file_.read_bytes(info, bytes.last(static_cast<std::size_t>(info.bytes())));
  if (info.dtype != Dtype::f32) encoder_checkpoint_detail::widen(out, info.dtype);
}

ESPALIER_INLINE std::vector<float> EncoderCheckpoint::values(std::string_view name) const {
  std::vector<float> out(static_cast<std::size_t>(infos_[index(name)].elements()));
  read(name, out);
  return out;
}

}  // namespace espalier
