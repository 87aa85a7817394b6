// SPDX-License-Identifier: Apache-2.0
// `OperationTraits`: what passes may know of an operation without knowing which it is.
#pragma once

#include <cstddef>

#include "espalier/core/config.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

/// `count` matrices, rows × columns each, one behind the other: all of a node's parameters of that number.
struct WeightMatrices {
  std::size_t parameter = 0;
  int count = 0;
  Index rows = 0, columns = 0;
};

struct OperationTraits {
  /// Reads the batch, and no block.
  bool is_input = false;
  /// Set: the matrices that it reads by Context::matrix, and by nothing else. Inference may keep them in another form.
  WeightMatrices (*matrices)(const Node&) = nullptr;
  /// Set: leaves of a node only the rows of its output that are in `part`, if it can be cut there; it then costs what that part alone
  /// would. False: it cannot, and is as it was.
  bool (*slice_rows)(const PlanView&, Node&, const Block& part) = nullptr;
  /// Set: it is an auxiliary loss of the gates of several tasks or of all; leaves of a node what is task `task`'s of `tasks`.
  void (*keep_task)(Node&, int task, int tasks) = nullptr;
};

/// An operation has those that it defines, under the same names.
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
