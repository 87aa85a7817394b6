// SPDX-License-Identifier: Apache-2.0
// Layout of weight matrices stored as bf16, and a pass that makes a schedule read them.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/kernels/bfloat16.hpp"
#include "espalier/ops/weight_matrices.hpp"
#include "espalier/passes/schedule.hpp"

namespace espalier {

/// Name of the pass in `without` lists.
inline constexpr std::string_view bf16_pass = "bf16";

/// Weight matrices that only matrix products read move to a separate buffer. Each contiguous range
/// of them starts at a cache line. The remaining parameters are compacted.
class Bf16Layout {
 public:
  /// A contiguous range of the plan's parameters that consists of matrices.
  struct Range {
    Index begin = 0, end = 0;
    Index place = 0;        ///< offset in the buffer of matrices
    Index kept_before = 0;  ///< number of values before it that stay float

    [[nodiscard]] Index size() const { return end - begin; }
  };

  Bf16Layout() = default;

  ESPALIER_COLD Bf16Layout(const PlanView& plan, std::span<const OperationTraits> traits,
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

  /// Ranges in the order of the parameters.
  [[nodiscard]] std::span<const Range> ranges() const { return ranges_; }
  /// Number of values in the buffer of matrices, with padding, and of values that stay float.
  [[nodiscard]] Index matrices() const {
    return ranges_.empty() ? 0 : ranges_.back().place + ranges_.back().size();
  }
  [[nodiscard]] Index kept() const { return kept_; }

  /// Sets the parameter offsets of a node of the plan to this layout.
  ESPALIER_COLD void redirect(Node& node, const OperationTraits& traits) const {
    for (std::size_t p = 0; p < node.parameters.size(); ++p) {
      Extent& e = node.parameters[p];
      if (e.exists())
        e.offset = is_matrix(traits, node, p) ? place_of(e.offset) : kept_at(e.offset);
    }
  }

 private:
  [[nodiscard]] Index place_of(Index offset) const {
    const auto r = std::find_if(ranges_.begin(), ranges_.end(),
                                [&](const Range& x) { return offset < x.end; });
    return r->place + offset - r->begin;
  }
  [[nodiscard]] Index kept_at(Index offset) const {
    Index removed = 0;
    for (const Range& r : ranges_) {
      assert(offset < r.begin || offset >= r.end);
      if (r.begin < offset) removed += r.size();
    }
    return offset - removed;
  }

  std::vector<Range> ranges_;
  Index kept_ = 0;
};

/// Makes the nodes of a forward schedule read their parameters in a Bf16Layout.
template <class T, class Device = Cpu>
class Bf16Weights {
 public:
  Bf16Weights() = default;
  Bf16Weights(const Bf16Weights&) = delete;  // steps refer to its nodes
  Bf16Weights& operator=(const Bf16Weights&) = delete;

  ESPALIER_COLD void apply(ExecutionSchedule<T, Device>& schedule,
                           std::span<const OperationTraits> traits, const Bf16Layout& layout) {
    copy_nodes(schedule, nodes_);
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      layout.redirect(nodes_[i], traits[static_cast<std::size_t>(schedule.steps[i].place)]);
    schedule.notes.push_back({bf16_pass, true,
                              message({"values of matrices: ", layout.matrices(),
                                       ", of what stays float: ", layout.kept()})});
  }

 private:
  std::vector<Node> nodes_;  ///< one per step
};

}  // namespace espalier
