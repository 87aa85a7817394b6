// SPDX-License-Identifier: Apache-2.0
// `Storage<T, Cpu>`: a model's parameters as the CPU's kernels read them.
#pragma once

#include "espalier/core/config.hpp"
#include "espalier/kernels/bfloat16.hpp"
#include "espalier/kernels/cpu/device.hpp"

namespace espalier {

/// Specialised for each device. Refers to the parameters; owns nothing.
template <class T, class Device>
struct Storage;

template <class T>
struct Storage<T, Cpu> {
  const T* parameters = nullptr;  ///< dense
  const T* const* tables = nullptr;
  const T* packed_weights = nullptr;             ///< or null: packed copies of weight matrices, each at its offset
  const BFloat16* bf16_matrices = nullptr;       ///< or null: weight matrices, which are then not in `parameters`
  const BFloat16* const* bf16_tables = nullptr;  ///< or null: used instead of `tables`

  /// A weight matrix that only products read.
  [[nodiscard]] Stored<T> matrix(Index offset) const {
    if (bf16_matrices != nullptr) return Stored<T>(bf16_matrices + offset);
    return {parameters + offset, packed_weights == nullptr ? nullptr : packed_weights + offset};
  }
  [[nodiscard]] Stored<T> table(int index) const {
    if (bf16_tables != nullptr) return Stored<T>(bf16_tables[index]);
    return tables[index];
  }
};

}  // namespace espalier
