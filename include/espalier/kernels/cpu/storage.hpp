// SPDX-License-Identifier: Apache-2.0
// `Storage<T, Cpu>`: a model's parameters in the form that the CPU's kernels read.
#pragma once

#include "espalier/core/config.hpp"
#include "espalier/kernels/bfloat16.hpp"
#include "espalier/kernels/cpu/device.hpp"

namespace espalier {

/// Specialised for each device. Refers to the parameters; does not own them.
template <class T, class Device>
struct Storage;

template <class T>
struct Storage<T, Cpu> {
  const T* parameters = nullptr;  ///< dense parameters
  const T* const* tables = nullptr;
  const Index* table_rows = nullptr;  ///< of `tables`; set in training
  /// Null, or packed copies of the weight matrices, each at its offset.
  const T* packed_weights = nullptr;
  /// Null, or weight matrices as bf16, which are then not in `parameters`.
  const BFloat16* bf16_matrices = nullptr;
  /// Null, or tables as bf16, used instead of `tables`.
  const BFloat16* const* bf16_tables = nullptr;

  /// The weight matrix at `offset`, which only matrix products may read.
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
