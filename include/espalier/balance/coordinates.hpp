// SPDX-License-Identifier: Apache-2.0
// What gradient methods see that need the gradients themselves, and not only their products.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

#include "espalier/core/config.hpp"

namespace espalier {

/// `size` neighbouring coordinates of the gradient of each task that is present in the batch.
template <class T>
struct GradientCoordinates {
  std::span<T* const> rows;            ///< one a task; may be written
  std::span<const std::size_t> tasks;  ///< which of the tasks that learn each row is; rises
  std::size_t size = 0;
  std::uint64_t first = 0;  ///< number of the first coordinate: of any block in any step the same
  std::uint64_t key = 0;    ///< of this step's random numbers
  /// One a row, `size` numbers each, 0 at first: what the method keeps from step to step. Empty
  /// where nothing can be kept: rows of tables.
  std::span<double* const> memory{};
};

/// A gradient method with `needs_coordinates = true` has besides
///
///     template <class T>
///     void rewrite(const GradientCoordinates<T>& gradients) const;
///     static constexpr bool remembers = true;                        // optional: uses `memory`
///
/// and is asked, before the Gramian is taken, to put its own gradient of each task in the place of
/// the given one. From there on it is a method as any other: weights() sees the Gramian of what
/// rewrite() left, and the step follows Σ_k out_k g_k. Blocks are rewritten at the same time on
/// several threads, in any cut: what comes of a coordinate depends on nothing but its values, its
/// number and the key. It does not allocate.
template <class M>
concept CoordinateMethod = requires(const M m, const GradientCoordinates<float>& single,
                                    const GradientCoordinates<double>& twice) {
  requires M::needs_coordinates;
  m.rewrite(single);
  m.rewrite(twice);
};

}  // namespace espalier
