// SPDX-License-Identifier: Apache-2.0
// `Reducer<T>`: sums over ranks: several executors, each with a part of every batch, train one
// model.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "espalier/core/config.hpp"

namespace espalier {

/// Gradients are summed over all ranks before parameters are updated; so are label weights and
/// losses before, because losses are means over the whole batch. All ranks call the same functions
/// in the same order, with equal numbers of values where required. All ranks must get bit-identical
/// results, added in the order of the ranks. Functions may throw; an implementation must handle
/// ranks that do not arrive.
template <class T>
class Reducer {
 public:
  virtual ~Reducer() = default;

  [[nodiscard]] virtual int rank() const = 0;
  [[nodiscard]] virtual int ranks() const = 0;

  /// Element-wise sum over the ranks; equal numbers of values on all ranks.
  virtual void sum(std::span<double> values) = 0;
  /// The same for a gradient: of all dense parameters, in total or of one task, or of a
  /// representation. Any number of values.
  virtual void sum_gradient(std::span<T> gradient) = 0;
  /// Concatenates rows of a table and the sums of their gradients, in the order of the ranks.
  /// Numbers of rows may differ.
  virtual void gather(std::span<const std::int32_t> rows, std::span<const T> sums,
                      std::vector<std::int32_t>& all_rows, std::vector<T>& all_sums) = 0;
};

}  // namespace espalier
