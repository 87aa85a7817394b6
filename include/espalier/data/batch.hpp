// SPDX-License-Identifier: Apache-2.0
// `Batch<T>`: the input of one step. Does not own its memory; `BatchBuffer` (data/batch_buffer.hpp)
// does.
#pragma once

#include <cstdint>
#include <span>

#include "espalier/core/view.hpp"

namespace espalier {

/// The table rows of one categorical field for all samples of a batch.
///   Single-valued: `offsets` is null and sample j has row ids[j].
///   Multi-valued: sample j has the rows ids[offsets[j]] … ids[offsets[j + 1] − 1], possibly none.
///   The first offset is 0. A sequence has at most as many as its field's Last tells.
struct IdColumn {
  const std::int32_t* ids = nullptr;
  const std::int32_t* offsets = nullptr;
};

template <class T>
struct Batch {
  Index size = 0;
  View<const T> numeric;          ///< (numeric inputs in field order) × size; never NaN
  std::span<const IdColumn> ids;  ///< one per categorical, hashed or bucket field, in field order
  View<const T> labels;           ///< size × tasks, contiguous per task; NaN if missing
  const T* weights = nullptr;     ///< one per sample; null: all 1
};

}  // namespace espalier
