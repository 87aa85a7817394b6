// SPDX-License-Identifier: Apache-2.0
// `BackwardPath`: the part of a plan that a gradient reaches, with accumulate flags for that part.
#pragma once

#include <span>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/ops/traits.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

/// The nodes that run backward if a gradient starts at some blocks, in the order of the plan.
struct BackwardPath {
  std::vector<Node> nodes;
  std::vector<std::size_t> places;  ///< index of each node in the plan
  std::vector<Block> zeroed;        ///< gradients to zero before the backward pass
};

/// Auxiliary losses at which a path starts, in addition to its seeds.
struct AuxiliaryLosses {
  int task = -1;  ///< those of this task; none if −1
  /// Also load-balancing terms of gates: the task's part, or the whole terms if task is −1.
  bool loads = false;
};

/// The path from the blocks `seeds` back to the blocks `boundary`; nodes that write a boundary
/// block are left out. As in plan/gradient_flow.hpp, which does this for all tasks at once, the
/// first writer of a gradient overwrites and later ones add. If a node's output gradient is only
/// partly written (joint nodes: the first layers of towers, the gates of all tasks), the node is
/// reduced to that part if it can be cut there, else the gradient is zeroed before the backward
/// pass. `traits`: one per node.
[[nodiscard]] BackwardPath backward_path(const PlanView& plan,
                                         std::span<const OperationTraits> traits,
                                         std::span<const Block> seeds,
                                         std::span<const Block> boundary = {},
                                         const AuxiliaryLosses& from = {});

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/passes/task_paths_definitions.hpp"
#endif
