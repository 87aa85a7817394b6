// SPDX-License-Identifier: Apache-2.0
// `Reducer<T>`: how several executors, each with a part of every batch, learn as one.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "espalier/core/config.hpp"

namespace espalier {

/// Between "gradients are summed" and "parameters learn" stand the sums over all ranks: of gradients, and before them of the weights of
/// labels and of losses, which are means over the whole batch. All ranks call the same functions in the same order, with as many values
/// where it says so; each is given the same bits, added in the order of the ranks. A function may throw, and a rank that does not
/// arrive is its matter.
template <class T>
class Reducer {
 public:
  virtual ~Reducer() = default;

  [[nodiscard]] virtual int rank() const = 0;
  [[nodiscard]] virtual int ranks() const = 0;

  /// Σ over the ranks, place by place; as many values on each.
  virtual void sum(std::span<double> values) = 0;
  /// The same of a gradient: of all dense parameters, of one task by them, or by a representation. Any number of values.
  virtual void sum_gradient(std::span<T> gradient) = 0;
  /// What all ranks have, rank after rank: rows of a table, and the sums of their gradients. How many may differ.
  virtual void gather(std::span<const std::int32_t> rows, std::span<const T> sums, std::vector<std::int32_t>& all_rows,
                      std::vector<T>& all_sums) = 0;
};

}  // namespace espalier
