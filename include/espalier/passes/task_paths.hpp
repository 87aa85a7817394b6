// SPDX-License-Identifier: Apache-2.0
// `BackwardPath`: the part of a plan that a gradient reaches, with accumulate flags for that part.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "espalier/ops/traits.hpp"
#include "espalier/plan/gradient_flow.hpp"
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

namespace detail {

/// Whether two blocks have a value in common. One may consist of some steps of the other.
[[nodiscard]] inline bool overlap(const Block& a, const Block& b) {
  if (!a.exists() || !b.exists() || a.base != b.base) return false;
  for (int s = 0; s < a.steps; ++s) {
    for (int t = 0; t < b.steps; ++t) {
      const int of_a = s * a.stride + a.row, of_b = t * b.stride + b.row;
      if (of_a < of_b + b.rows && of_b < of_a + a.rows) return true;
    }
  }
  return false;
}

/// The block's first contiguous run of rows whose gradients have been written.
template <class Words>
[[nodiscard]] Block run_of(const Written<Words>& written, const Block& b) {
  int first = 0;
  while (first < b.rows && !written.has(b, first)) ++first;
  int end = first;
  while (end < b.rows && written.has(b, end)) ++end;
  return b.slice(first, end - first);
}

/// Whether a path starts at the node. Reduces a term for several tasks' gates to the task's part.
[[nodiscard]] inline bool begins(Node& node, const OperationTraits& traits,
                                 const AuxiliaryLosses& from, std::size_t tasks) {
  if (traits.keep_task == nullptr) return from.task >= 0 && node.loss == from.task;
  if (!from.loads) return false;
  if (from.task < 0) return true;
  traits.keep_task(node, from.task, static_cast<int>(tasks));
  return node.loss == from.task;
}

}  // namespace detail

/// The path from the blocks `seeds` back to the blocks `boundary`; nodes that write a boundary
/// block are left out. As in plan/gradient_flow.hpp, which does this for all tasks at once, the
/// first writer of a gradient overwrites and later ones add. If a node's output gradient is only
/// partly written (joint nodes: the first layers of towers, the gates of all tasks), the node is
/// reduced to that part if it can be cut there, else the gradient is zeroed before the backward
/// pass. `traits`: one per node.
[[nodiscard]] inline BackwardPath backward_path(const PlanView& plan,
                                                std::span<const OperationTraits> traits,
                                                std::span<const Block> seeds,
                                                std::span<const Block> boundary = {},
                                                const AuxiliaryLosses& from = {}) {
  BackwardPath path;
  const auto is_zeroed = [&](const Block& b) {
    for (const Block& z : path.zeroed) {
      if (z.base == b.base) return true;
    }
    return false;
  };
  const auto zero = [&](Block whole) {
    whole.row = 0;
    whole.rows = whole.stride;
    path.zeroed.push_back(whole);
  };
  for (bool again = true; again;) {
    again = false;
    path.nodes.clear();
    path.places.clear();
    detail::Written<std::vector<std::uint64_t>> written{
        std::vector<std::uint64_t>(detail::written_words(plan.sizes.values))};
    for (const Block& seed : seeds) written.mark(seed);
    for (std::size_t i = plan.nodes.size(); i-- > 0 && !again;) {
      Node node = plan.nodes[i];
      const bool source = detail::begins(node, traits[i], from, plan.tasks.size());
      bool beyond = !node.out.gradient;
      for (const Block& b : boundary) beyond = beyond || detail::overlap(node.out, b);
      const int reached = beyond ? 0 : written.count(node.out);
      if (reached == 0 && !source) continue;
      if (!source && reached != node.out.rows * node.out.steps && !is_zeroed(node.out)) {
        const Block part = detail::run_of(written, node.out);
        if (part.rows * part.steps != reached || traits[i].slice_rows == nullptr ||
            !traits[i].slice_rows(plan, node, part)) {
          zero(node.out);
          again = true;
          break;
        }
      }
      for (int k = 0; k < 2 && !again; ++k) {
        const Block& in = k == 0 ? node.in : node.in2;
        if (!in.exists() || !in.gradient) continue;
        const int before = written.count(in);
        const bool partly = before != 0 && before != in.rows * in.steps;
        // An auxiliary loss adds to the gradients of its inputs, so they must be initialised.
        if ((partly || (source && before == 0)) && !is_zeroed(in)) {
          zero(in);
          again = true;
        } else {
          (k == 0 ? node.accumulate_in : node.accumulate_in2) = is_zeroed(in) || before != 0;
          written.mark(in);
        }
      }
      path.nodes.push_back(node);
      path.places.push_back(i);
    }
  }
  std::reverse(path.nodes.begin(), path.nodes.end());
  std::reverse(path.places.begin(), path.places.end());
  return path;
}

}  // namespace espalier
