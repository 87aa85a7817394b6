// SPDX-License-Identifier: Apache-2.0
// `EncodedData`: a dataset as numbers, ready to be cut into batches.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/label_scale.hpp"

namespace espalier {

/// What features make of a dataset. A sample is a column.
struct EncodedData {
  /// The rows of a multi-valued field's table. Without offsets (samples + 1 of them) the field is single-valued, and its
  /// ids are in `single_ids`.
  struct Ids {
    std::vector<std::int32_t> ids;
    std::vector<std::int32_t> offsets;
  };

  Index samples = 0;
  Index numeric_rows = 0;
  std::vector<float> numeric;   ///< numeric_rows × samples
  std::vector<Ids> ids;         ///< per categorical field
  Index single_fields = 0;
  /// single_fields × samples. A sample's are neighbours: batches are gathered in the order of a shuffle, and a line of the
  /// cache for each id would be fetched for nothing.
  std::vector<std::int32_t> single_ids;
  Index tasks = 0;
  std::vector<float> labels;    ///< samples × tasks: a task's labels are contiguous; NaN where missing; as they are learnt
  std::vector<LabelScale> label_scales;  ///< per task, or empty: what was made of labels
  std::vector<float> weights;   ///< per sample, or empty: all one
  std::vector<std::int32_t> groups;  ///< per sample, or empty: whose sample it is, for grouped metrics

  [[nodiscard]] Index size() const { return samples; }

  /// The ids of one categorical field: a single-valued one's are copied out, one a sample.
  [[nodiscard]] std::vector<std::int32_t> column(std::size_t field) const {
    if (!ids[field].offsets.empty()) return ids[field].ids;
    std::size_t place = 0;
    for (std::size_t f = 0; f < field; ++f) place += ids[f].offsets.empty() ? 1U : 0U;
    std::vector<std::int32_t> out;
    const auto step = static_cast<std::size_t>(single_fields);
    for (std::size_t at = place; at < single_ids.size(); at += step) out.push_back(single_ids[at]);
    return out;
  }

  /// What was made of a task's labels.
  [[nodiscard]] LabelScale label_scale(std::size_t task) const {
    return label_scales.empty() ? LabelScale{} : label_scales[task];
  }

  /// The labels of one task.
  [[nodiscard]] std::span<const float> label(std::size_t task) const {
    const auto n = static_cast<std::size_t>(samples);
    return std::span<const float>(labels).subspan(task * n, n);
  }
};

}  // namespace espalier
