// SPDX-License-Identifier: Apache-2.0
// `EncodedData`: a dataset as numbers, ready to be cut into batches.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "espalier/core/config.hpp"

namespace espalier {

/// What features make of a dataset. A sample is a column.
struct EncodedData {
  /// The rows of one categorical field's table: one a sample, or, with offsets (samples + 1 of them), several.
  struct Ids {
    std::vector<std::int32_t> ids;
    std::vector<std::int32_t> offsets;
  };

  Index samples = 0;
  Index numeric_rows = 0;
  std::vector<float> numeric;   ///< numeric_rows × samples
  std::vector<Ids> ids;         ///< per categorical field
  Index tasks = 0;
  std::vector<float> labels;    ///< samples × tasks: a task's labels are contiguous; NaN where missing
  std::vector<float> weights;   ///< per sample, or empty: all one
  std::vector<std::int32_t> groups;  ///< per sample, or empty: whose sample it is, for grouped metrics

  [[nodiscard]] Index size() const { return samples; }

  /// The labels of one task.
  [[nodiscard]] std::span<const float> label(std::size_t task) const {
    const auto n = static_cast<std::size_t>(samples);
    return std::span<const float>(labels).subspan(task * n, n);
  }
};

}  // namespace espalier
