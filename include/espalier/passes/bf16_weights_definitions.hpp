// SPDX-License-Identifier: Apache-2.0
// Definitions of bf16_weights.hpp.
#pragma once

#include "espalier/passes/bf16_weights.hpp"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <span>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/kernels/bfloat16.hpp"
#include "espalier/ops/weight_matrices.hpp"

namespace espalier {

ESPALIER_COLD ESPALIER_INLINE Bf16Layout::Bf16Layout(const PlanView& plan,
                                                     std::span<const OperationTraits> traits,
                                                     Index parameters) {
  for (const WeightMatrix& m : weight_matrices(plan.nodes, traits))
    ranges_.push_back({m.offset, m.end()});
  std::sort(ranges_.begin(), ranges_.end(),
            [](const Range& a, const Range& b) { return a.begin < b.begin; });
  std::size_t made = 0;
  for (const Range& r : ranges_) {
    if (made > 0 && r.begin <= ranges_[made - 1].end) {  // adjacent, or read by several nodes
      ranges_[made - 1].end = (std::max)(ranges_[made - 1].end, r.end);
    } else {
      ranges_[made++] = r;
    }
  }
  ranges_.resize(made);
  constexpr Index line = 64 / static_cast<Index>(sizeof(BFloat16));
  Index place = 0, last = 0;
  for (Range& r : ranges_) {
    r.place = place;
    place += (r.size() + line - 1) / line * line;
    kept_ += r.begin - last;
    r.kept_before = kept_;
    last = r.end;
  }
  kept_ += parameters - last;
}

ESPALIER_COLD ESPALIER_INLINE void Bf16Layout::redirect(Node& node,
                                                        const OperationTraits& traits) const {
  for (std::size_t p = 0; p < node.parameters.size(); ++p) {
    Extent& e = node.parameters[p];
    if (e.exists()) e.offset = is_matrix(traits, node, p) ? place_of(e.offset) : kept_at(e.offset);
  }
}

ESPALIER_INLINE Index Bf16Layout::place_of(Index offset) const {
  const auto r =
      std::find_if(ranges_.begin(), ranges_.end(), [&](const Range& x) { return offset < x.end; });
  return r->place + offset - r->begin;
}

ESPALIER_INLINE Index Bf16Layout::kept_at(Index offset) const {
  Index removed = 0;
  for (const Range& r : ranges_) {
    assert(offset < r.begin || offset >= r.end);
    if (r.begin < offset) removed += r.size();
  }
  return offset - removed;
}

}  // namespace espalier
