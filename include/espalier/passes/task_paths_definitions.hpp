// SPDX-License-Identifier: Apache-2.0
// Definitions of task_paths.hpp.
#pragma once

#include "espalier/passes/task_paths.hpp"

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/ops/traits.hpp"
#include "espalier/plan/gradient_flow.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

namespace detail {

/// Whether two blocks have a value in common. One may consist of some steps of the other.
[[nodiscard]] inline bool overlap(const Block& a, const Block& b) {
  if (!a.exists() || !b.exists() || a.base != b.base) return false;
  for (int s = 0; s < a.steps.separate(); ++s) {
    for (int t = 0; t < b.steps.separate(); ++t) {
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
  if (traits.keep_task == nullptr)
    return from.task >= 0 && node.loss == from.task && !node.scores_rows;
  if (!from.loads) return false;
  if (from.task < 0) return true;
  traits.keep_task(node, from.task, static_cast<int>(tasks));
  return node.loss == from.task;
}

}  // namespace detail

ESPALIER_INLINE BackwardPath backward_path(const PlanView& plan,
                                           std::span<const OperationTraits> traits,
                                           std::span<const Block> seeds,
                                           std::span<const Block> boundary,
                                           const AuxiliaryLosses& from) {
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
      if (!source && reached != node.out.rows * node.out.steps.separate() && !is_zeroed(node.out)) {
        const Block part = detail::run_of(written, node.out);
        if (part.rows * part.steps.separate() != reached || traits[i].slice_rows == nullptr ||
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
        const bool partly = before != 0 && before != in.rows * in.steps.separate();
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
