// SPDX-License-Identifier: Apache-2.0
// `ParameterRange`: ranges of dense parameters, shared or owned by one task, in chunks for threads.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "espalier/exec/freeze_mask.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

/// A range of parameters with one owner: all tasks or a single one.
struct ParameterRange {
  Index begin = 0;
  Index end = 0;
  bool shared = true;
  bool frozen = false;
  int group = 0;    ///< group of layers, for diagnosis
  Index place = 0;  ///< index of its first value among the shared values
};

/// Returns ranges in the order of the buffer: adjacent tensors of one kind are joined, then cut
/// into chunks. `mixed`: includes parameters of single tasks. `groups`: one per tensor, or empty.
[[nodiscard]] ESPALIER_COLD inline std::vector<ParameterRange> parameter_ranges(
    const PlanView& plan, const FreezeMask& freeze_mask, bool mixed,
    std::span<const int> groups = {}) {
  constexpr Index chunk_size = 8192, gap = 16;  // alignment pads less
  std::vector<ParameterRange> ranges, chunks;
  for (std::size_t i = 0; i < plan.tensors.size(); ++i) {
    const ParameterInfo& t = plan.tensors[i];
    if (!t.trainable) continue;
    const ParameterRange range{t.offset, t.offset + t.size(), t.task == shared_by_tasks,
                               freeze_mask.tensor_frozen(t.offset), groups.empty() ? 0 : groups[i]};
    if (!range.shared && !mixed) continue;
    const bool joins = !ranges.empty() && ranges.back().shared == range.shared &&
                       ranges.back().frozen == range.frozen && ranges.back().group == range.group &&
                       range.begin - ranges.back().end < gap;
    if (joins) {
      ranges.back().end = range.end;
    } else {
      ranges.push_back(range);
    }
  }
  Index place = 0;
  for (const ParameterRange& range : ranges) {
    for (Index begin = range.begin; begin < range.end; begin += chunk_size) {
      const Index end = (std::min)(begin + chunk_size, range.end);
      chunks.push_back({begin, end, range.shared, range.frozen, range.group, place});
      if (range.shared) place += end - begin;
    }
  }
  return chunks;
}

}  // namespace espalier
