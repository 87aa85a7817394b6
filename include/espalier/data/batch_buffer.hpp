// SPDX-License-Identifier: Apache-2.0
// `BatchBuffer<T>`: owns the memory of a batch and gathers samples of encoded data into it.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <functional>
#include <numeric>
#include <span>
#include <vector>

#include "espalier/data/batch.hpp"
#include "espalier/data/encoded.hpp"

namespace espalier {

/// Gathers from the data that it was constructed for, or from other data encoded by the same
/// features. Does not allocate after construction, unless other data have longer multi-valued cells
/// or a batch repeats samples.
template <class T>
class BatchBuffer {
 public:
  BatchBuffer(const EncodedData& data, Index capacity)
      : capacity_(capacity),
        numeric_(static_cast<std::size_t>(data.numeric_rows * capacity)),
        labels_(static_cast<std::size_t>(data.tasks * capacity)),
        weights_(data.weights.empty() ? 0 : static_cast<std::size_t>(capacity)),
        column_step_(capacity + 16),
        single_ids_(static_cast<std::size_t>(data.single_fields * column_step_)),
        fields_(data.ids.size()),
        columns_(data.ids.size()) {
    for (std::size_t f = 0; f < fields_.size(); ++f) {
      if (data.ids[f].offsets.empty()) continue;
      fields_[f].ids.reserve(most_values(data.ids[f].offsets, static_cast<std::size_t>(capacity)));
      fields_[f].offsets.resize(static_cast<std::size_t>(capacity) + 1);
    }
  }

  BatchBuffer(const BatchBuffer&) = delete;  // batch() refers to this object's memory
  BatchBuffer& operator=(const BatchBuffer&) = delete;
  BatchBuffer(BatchBuffer&&) = default;
  BatchBuffer& operator=(BatchBuffer&&) = default;

  /// Copies the samples `rows` of `data`; at most capacity() of them.
  void gather(const EncodedData& data, std::span<const std::int32_t> rows) {
    const auto n = static_cast<Index>(rows.size());
    assert(n <= capacity() && data.ids.size() == fields_.size());
    const auto height = static_cast<std::size_t>(data.numeric_rows);
    for (std::size_t j = 0; j < rows.size() && height > 0; ++j) {
      const float* from = data.numeric.data() + static_cast<std::size_t>(rows[j]) * height;
      T* to = numeric_.data() + j * height;
      for (std::size_t i = 0; i < height; ++i) to[i] = static_cast<T>(from[i]);
    }
    gather_singles(data, rows);
    const std::int32_t* single = single_ids_.data();
    for (std::size_t f = 0; f < fields_.size(); ++f) {
      const EncodedData::Ids& from = data.ids[f];
      if (from.offsets.empty()) {
        columns_[f].ids = single;
        single += column_step_;
        continue;
      }
      EncodedData::Ids& to = fields_[f];
      to.ids.clear();
      for (std::size_t j = 0; j < rows.size(); ++j) {
        to.offsets[j] = static_cast<std::int32_t>(to.ids.size());
        const auto row = static_cast<std::size_t>(rows[j]);
        for (auto k = from.offsets[row]; k < from.offsets[row + 1]; ++k)
          to.ids.push_back(from.ids[static_cast<std::size_t>(k)]);
      }
      to.offsets[rows.size()] = static_cast<std::int32_t>(to.ids.size());
      columns_[f] = {to.ids.data(), to.offsets.data()};
    }
    for (Index k = 0; k < data.tasks; ++k) {
      const float* from = data.labels.data() + k * data.samples;
      T* to = labels_.data() + k * n;
      for (std::size_t j = 0; j < rows.size(); ++j) to[j] = static_cast<T>(from[rows[j]]);
    }
    for (std::size_t j = 0; j < rows.size() && !weights_.empty(); ++j) {
      weights_[j] = static_cast<T>(data.weights[static_cast<std::size_t>(rows[j])]);
    }
    batch_.size = n;
    batch_.numeric = {numeric_.data(), data.numeric_rows, n, data.numeric_rows};
    batch_.ids = columns_;
    batch_.labels = {labels_.data(), n, data.tasks, n};
    batch_.weights = weights_.empty() ? nullptr : weights_.data();
  }

  /// Maximum number of samples per batch.
  [[nodiscard]] Index capacity() const { return capacity_; }

  /// The batch gathered last. Valid until the next gather() and while this object lives.
  [[nodiscard]] const Batch<T>& batch() const { return batch_; }

 private:
  /// Transposes the ids from samples to one column per field, a few samples at a time so that they
  /// stay in the L1 cache; prefetches the next ones.
  void gather_singles(const EncodedData& data, std::span<const std::int32_t> rows) {
    constexpr std::size_t at_once = 16;
    const Index width = data.single_fields;
    const auto ids_of = [&](std::size_t j) { return data.single_ids.data() + rows[j] * width; };
    for (std::size_t begin = 0; begin < rows.size(); begin += at_once) {
      const std::size_t end = (std::min)(begin + at_once, rows.size());
      for (std::size_t j = end; j < (std::min)(end + at_once, rows.size()); ++j)
        prefetch_row(ids_of(j), width);
      for (Index f = 0; f < width; ++f) {
        std::int32_t* to = single_ids_.data() + f * column_step_;
        for (std::size_t j = begin; j < end; ++j) to[j] = ids_of(j)[f];
      }
    }
  }

  /// Maximum number of values of a multi-valued field over any `samples` samples: the sum of the
  /// longest cells.
  static std::size_t most_values(const std::vector<std::int32_t>& offsets, std::size_t samples) {
    std::vector<std::int32_t> lengths(offsets.size());
    std::adjacent_difference(offsets.begin(), offsets.end(), lengths.begin());
    const auto end =
        lengths.begin() + static_cast<std::ptrdiff_t>((std::min)(samples, lengths.size()));
    std::nth_element(lengths.begin(), end, lengths.end(), std::greater<>());
    return static_cast<std::size_t>(std::accumulate(lengths.begin(), end, std::int64_t{0}));
  }

  Index capacity_;
  std::vector<T> numeric_, labels_, weights_;
  /// One cache line more than the capacity, which is mostly a power of two, so that columns map to
  /// different cache sets.
  Index column_step_;
  std::vector<std::int32_t> single_ids_;
  std::vector<EncodedData::Ids> fields_;
  std::vector<IdColumn> columns_;
  Batch<T> batch_;
};

}  // namespace espalier
