// SPDX-License-Identifier: Apache-2.0
// `Storage<T, Cpu>`: the parameters of a model as the CPU's kernels read them.
#pragma once

#include "espalier/core/config.hpp"
#include "espalier/kernels/bfloat16.hpp"
#include "espalier/kernels/cpu/device.hpp"

namespace espalier {

/// Each device has its own. It refers to the parameters, and owns nothing.
template <class T, class Device>
struct Storage;

template <class T>
struct Storage<T, Cpu> {
  const T* parameters = nullptr;  ///< dense
  const T* const* tables = nullptr;
  const T* panels = nullptr;                     ///< or null: matrices of products once more, in panels, each at its offset
  const BFloat16* narrow_matrices = nullptr;     ///< or null: these, and none among `parameters`
  const BFloat16* const* narrow_tables = nullptr;  ///< or null: these, and no `tables`

  /// A matrix of weights that is read by products alone.
  [[nodiscard]] Stored<T> matrix(Index offset) const {
    if (narrow_matrices != nullptr) return Stored<T>(narrow_matrices + offset);
    return {parameters + offset, panels == nullptr ? nullptr : panels + offset};
  }
  [[nodiscard]] Stored<T> table(int index) const {
    if (narrow_tables != nullptr) return Stored<T>(narrow_tables[index]);
    return tables[index];
  }
};

}  // namespace espalier
