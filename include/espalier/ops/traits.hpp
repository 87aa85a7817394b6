// SPDX-License-Identifier: Apache-2.0
// `OperationTraits`: properties of an operation that passes use without knowing its type.
#pragma once

#include <cstddef>

#include "espalier/core/config.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

/// `count` contiguous matrices, rows × columns each: all of parameters[`parameter`] of a node.
struct WeightMatrices {
  std::size_t parameter = 0;
  int count = 0;
  Index rows = 0, columns = 0;
};

struct OperationTraits {
  /// Reads the batch and no block.
  bool is_input = false;
  /// If not null: returns the matrices that forward reads only with Context::matrix, so inference
  /// may store them in another format.
  WeightMatrices (*matrices)(const Node&) = nullptr;
  /// If not null: reduces a node to the rows `part` of its output, at the cost of that part alone.
  /// Returns false, and leaves the node unchanged, if it cannot be cut there.
  bool (*slice_rows)(const PlanView&, Node&, const Block& part) = nullptr;
  /// If not null: the operation is an auxiliary loss of gates that may belong to several or all
  /// tasks; reduces a node to the part of task `task` of `tasks`.
  void (*keep_task)(Node&, int task, int tasks) = nullptr;
};

/// Collects the traits that the operation defines under the same names.
template <class Op>
[[nodiscard]] constexpr OperationTraits traits_of() {
  OperationTraits traits;
  if constexpr (requires { Op::is_input; }) traits.is_input = Op::is_input;
  if constexpr (requires { &Op::matrices; }) traits.matrices = &Op::matrices;
  if constexpr (requires { &Op::slice_rows; }) traits.slice_rows = &Op::slice_rows;
  if constexpr (requires { &Op::keep_task; }) traits.keep_task = &Op::keep_task;
  return traits;
}

}  // namespace espalier
