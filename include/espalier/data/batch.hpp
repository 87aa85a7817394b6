// SPDX-License-Identifier: Apache-2.0
// `Batch<T>`: what one step reads. It owns nothing; `BatchBuffer` (data/batch_buffer.hpp) does.
#pragma once

#include <cstdint>
#include <span>

#include "espalier/core/view.hpp"

namespace espalier {

/// The embedding rows of one categorical field for every sample of a batch.
/// Single-valued: `offsets` is null and sample j has row ids[j].
/// Multi-valued: sample j has the rows ids[offsets[j]] … ids[offsets[j + 1] − 1]; there may be none.
struct IdColumn {
  const std::int32_t* ids = nullptr;
  const std::int32_t* offsets = nullptr;
};

template <class T>
struct Batch {
  Index size = 0;
  View<const T> numeric;          ///< (all numeric inputs, in the order of the fields) × size; never NaN
  std::span<const IdColumn> ids;  ///< one per categorical or hashed field, in the order of the fields
  View<const T> labels;           ///< size × tasks: a task's labels are contiguous; NaN where missing
  const T* weights = nullptr;     ///< one per sample, or null: all one
};

}  // namespace espalier
