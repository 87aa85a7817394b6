// SPDX-License-Identifier: Apache-2.0
// `GradientCoordinates`: the input of gradient methods that need the gradients themselves, not only
// their inner products.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

#include "espalier/core/config.hpp"

namespace espalier {

/// `size` consecutive coordinates of the gradient of each task that is present in the batch.
template <class T>
struct GradientCoordinates {
  /// One row per task; writable.
  std::span<T* const> rows;
  /// Index of each row's task among the learning tasks; ascending.
  std::span<const std::size_t> tasks;
  std::size_t size = 0;
  /// Index of the first coordinate. A coordinate has the same index in every step and in every
  /// division into blocks.
  std::uint64_t first = 0;
  /// Key of this step's random numbers.
  std::uint64_t key = 0;
  /// One array of `size` numbers per row, initially 0: what the method keeps from step to step.
  /// Empty if nothing can be kept: for rows of tables.
  std::span<double* const> memory{};
};

/// A gradient method with `needs_coordinates = true` also has
///
///     template <class T>
///     void rewrite(const GradientCoordinates<T>& gradients) const;
///     static constexpr bool remembers = true;                        // optional: uses `memory`
///
/// rewrite() is called before the Gramian is computed and replaces each task's gradient with the
/// method's own. After that it works like any other method: weights() receives the Gramian of the
/// rewritten gradients, and the step follows Σ_k out_k g_k. Blocks are rewritten concurrently on
/// several threads, and the division into blocks may vary: the result for a coordinate must depend
/// only on its values, its memory, its index and the key. Must not allocate.
template <class M>
concept CoordinateMethod = requires(const M m, const GradientCoordinates<float>& single,
                                    const GradientCoordinates<double>& twice) {
  requires M::needs_coordinates;
  m.rewrite(single);
  m.rewrite(twice);
};

}  // namespace espalier
