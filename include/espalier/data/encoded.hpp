// SPDX-License-Identifier: Apache-2.0
// `EncodedData`: a dataset as numbers, from which batches are gathered.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/label_scale.hpp"

namespace espalier {

/// A dataset that Features encoded.
struct EncodedData {
  /// The table rows of a multi-valued field, with samples + 1 offsets. If `offsets` is empty, the
  /// field is single-valued and its ids are in `single_ids`.
  struct Ids {
    std::vector<std::int32_t> ids;
    std::vector<std::int32_t> offsets;
  };

  Index samples = 0;
  Index numeric_rows = 0;
  std::vector<float> numeric;  ///< numeric_rows × samples, column-major
  std::vector<Ids> ids;        ///< per categorical, hashed or bucket field
  Index single_fields = 0;
  /// single_fields × samples, column-major: the ids of a sample are contiguous. Batches are
  /// gathered in shuffled order; otherwise each id would need its own cache line.
  std::vector<std::int32_t> single_ids;
  Index tasks = 0;
  /// Samples × tasks, contiguous per task; NaN if missing; scaled by label_scales.
  std::vector<float> labels;
  std::vector<LabelScale> label_scales;  ///< per task, or empty: how labels were scaled
  std::vector<float> weights;            ///< per sample, or empty: all 1
  /// Per sample, or empty: group of the sample, for grouped metrics.
  std::vector<std::int32_t> groups;

  [[nodiscard]] Index size() const { return samples; }

  /// Copies the ids of one categorical field; one per sample if it is single-valued.
  [[nodiscard]] std::vector<std::int32_t> column(std::size_t field) const {
    if (!ids[field].offsets.empty()) return ids[field].ids;
    std::size_t place = 0;
    for (std::size_t f = 0; f < field; ++f) place += ids[f].offsets.empty() ? 1U : 0U;
    std::vector<std::int32_t> out;
    const auto step = static_cast<std::size_t>(single_fields);
    for (std::size_t at = place; at < single_ids.size(); at += step) out.push_back(single_ids[at]);
    return out;
  }

  /// How the labels of a task were scaled.
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
