// SPDX-License-Identifier: Apache-2.0
// `DeviceBatch`: copies of batches in device memory.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "espalier/core/error.hpp"
#include "espalier/data/batch.hpp"
#include "espalier/kernels/cuda/runtime.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier::cuda {

/// Batches of one schema, of at most `capacity` samples. Their place in device memory stays the
/// same, as recorded graphs need, until a batch has more values of a pooled field than before.
class DeviceBatch {
 public:
  DeviceBatch(const PlanView& plan, Index capacity) : capacity_(capacity) {
    for (const FieldInfo& field : plan.schema.fields) {
      if (field.is_numeric()) {
        numeric_rows_ += field.width;
      } else {
        Field& made = fields_.emplace_back();
        made.name = field.name;
        made.pooled = field.pool != Pool::none;
      }
    }
    tasks_ = static_cast<Index>(plan.tasks.size());
    const auto samples = static_cast<std::size_t>(capacity);
    numeric_ = Memory<float>(static_cast<std::size_t>(numeric_rows_) * samples, "numeric inputs");
    labels_ = Memory<float>(static_cast<std::size_t>(tasks_) * samples, "labels");
    weights_ = Memory<float>(samples, "sample weights");
    for (Field& field : fields_) {
      field.ids =
          Memory<std::int32_t>(samples, "values of field '" + std::string(field.name) + "'");
      if (field.pooled) field.offsets = Memory<std::int32_t>(samples + 1, "offsets of a field");
    }
    reserve_staging();
    columns_.resize(fields_.size());
  }

  /// Makes room for the values of a batch. Returns whether memory was moved: recorded graphs are
  /// then of no use.
  bool reserve(const Batch<float>& batch) {
    bool moved = false;
    for (std::size_t f = 0; f < fields_.size(); ++f) {
      Field& field = fields_[f];
      const std::size_t values = values_of(batch, f);
      if (values <= field.ids.size()) continue;
      field.ids = Memory<std::int32_t>((std::max)(values, 2 * field.ids.size()),
                                       "values of field '" + std::string(field.name) + "'");
      moved = true;
    }
    if (moved) reserve_staging();
    return moved;
  }

  /// Puts copies of the batch on the stream; `batch` may change when it returns. Waits for the
  /// copies of the batch before the last.
  void copy(const Batch<float>& batch, Stream* stream) {
    std::byte* const bytes = staging_.next();
    std::size_t at = 0;
    const auto put = [&](void* to, const void* from, std::size_t count) {
      if (count == 0) return;
      std::memcpy(bytes + at, from, count);
      copy_to_device(stream, to, bytes + at, count);
      at += (count + 63) / 64 * 64;
    };
    const auto samples = static_cast<std::size_t>(batch.size);
    if (numeric_rows_ > 0 && batch.numeric.stride != numeric_rows_)
      throw ConfigError("a batch's numeric inputs must be contiguous to be copied to a GPU");
    put(numeric_.data(), batch.numeric.data,
        static_cast<std::size_t>(numeric_rows_) * samples * sizeof(float));
    for (Index k = 0; k < (std::min)(tasks_, batch.labels.cols); ++k)
      put(labels_.data() + k * batch.size, batch.labels.column(k), samples * sizeof(float));
    if (batch.weights != nullptr) put(weights_.data(), batch.weights, samples * sizeof(float));
    for (std::size_t f = 0; f < fields_.size(); ++f) {
      put(fields_[f].ids.data(), batch.ids[f].ids, values_of(batch, f) * sizeof(std::int32_t));
      if (fields_[f].pooled)
        put(fields_[f].offsets.data(), batch.ids[f].offsets, (samples + 1) * sizeof(std::int32_t));
    }
    staging_.sent(stream);
  }

  /// A batch of that many samples in device memory; `weighted`: with sample weights.
  [[nodiscard]] Batch<float> of(Index samples, bool weighted) {
    for (std::size_t f = 0; f < fields_.size(); ++f)
      columns_[f] = {fields_[f].ids.data(),
                     fields_[f].pooled ? fields_[f].offsets.data() : nullptr};
    Batch<float> batch;
    batch.size = samples;
    batch.numeric = {numeric_.data(), numeric_rows_, samples, numeric_rows_};
    batch.ids = columns_;
    batch.labels = {labels_.data(), samples, tasks_, samples};
    batch.weights = weighted ? weights_.data() : nullptr;
    return batch;
  }

  [[nodiscard]] Index capacity() const { return capacity_; }
  /// Values of a field for which there is room.
  [[nodiscard]] Index room(std::size_t field) const {
    return static_cast<Index>(fields_[field].ids.size());
  }

 private:
  struct Field {
    std::string_view name;
    bool pooled = false;
    Memory<std::int32_t> ids, offsets;
  };

  [[nodiscard]] std::size_t values_of(const Batch<float>& batch, std::size_t field) const {
    return static_cast<std::size_t>(fields_[field].pooled ? batch.ids[field].offsets[batch.size]
                                                          : batch.size);
  }

  void reserve_staging() {
    std::size_t values = 0, pieces = 2 + static_cast<std::size_t>(tasks_);
    values += numeric_.size() + labels_.size() + weights_.size();
    for (const Field& field : fields_) {
      values += field.ids.size() + field.offsets.size();
      pieces += 2;
    }
    staging_.settle();
    staging_ = Staging(values * 4 + pieces * 64);
  }

  Index capacity_ = 0, numeric_rows_ = 0, tasks_ = 0;
  std::vector<Field> fields_;
  Memory<float> numeric_, labels_, weights_;
  std::vector<IdColumn> columns_;
  Staging staging_;
};

}  // namespace espalier::cuda
