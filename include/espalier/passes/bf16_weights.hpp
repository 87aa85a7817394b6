// SPDX-License-Identifier: Apache-2.0
// bf16: where matrices of weights lie once they are kept as bf16, and a schedule that reads them there.
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

/// The name under which `without` leaves it out.
inline constexpr std::string_view bf16_pass = "bf16";

/// Matrices that products alone read move to a buffer of their own, each range of neighbours to the begin of a cache line; what is left
/// closes up.
class Bf16Layout {
 public:
  /// Of the plan's parameters: neighbouring matrices.
  struct Range {
    Index begin = 0, end = 0;
    Index place = 0;        ///< within the matrices
    Index kept_before = 0;  ///< values that stay float and lie before it

    [[nodiscard]] Index size() const { return end - begin; }
  };

  Bf16Layout() = default;

  ESPALIER_COLD Bf16Layout(const PlanView& plan, std::span<const OperationTraits> traits, Index parameters) {
    for (const WeightMatrix& m : weight_matrices(plan.nodes, traits)) ranges_.push_back({m.offset, m.end()});
    std::sort(ranges_.begin(), ranges_.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
    std::size_t made = 0;
    for (const Range& r : ranges_) {
      if (made > 0 && r.begin <= ranges_[made - 1].end) {  // a neighbour, or read by several nodes
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

  /// In the order of the parameters.
  [[nodiscard]] std::span<const Range> ranges() const { return ranges_; }
  /// Values of all matrices, and of what stays float.
  [[nodiscard]] Index matrices() const { return ranges_.empty() ? 0 : ranges_.back().place + ranges_.back().size(); }
  [[nodiscard]] Index kept() const { return kept_; }

  /// Lets a node of the plan find its parameters.
  ESPALIER_COLD void redirect(Node& node, const OperationTraits& traits) const {
    for (std::size_t p = 0; p < node.parameters.size(); ++p) {
      Extent& e = node.parameters[p];
      if (e.exists()) e.offset = is_matrix(traits, node, p) ? place_of(e.offset) : kept_at(e.offset);
    }
  }

 private:
  [[nodiscard]] Index place_of(Index offset) const {
    const auto r = std::find_if(ranges_.begin(), ranges_.end(), [&](const Range& x) { return offset < x.end; });
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

/// The nodes of a forward schedule, reading from such a layout.
template <class T, class Device = Cpu>
class Bf16Weights {
 public:
  Bf16Weights() = default;
  Bf16Weights(const Bf16Weights&) = delete;  // steps refer to its nodes
  Bf16Weights& operator=(const Bf16Weights&) = delete;

  ESPALIER_COLD void apply(ExecutionSchedule<T, Device>& schedule, std::span<const OperationTraits> traits, const Bf16Layout& layout) {
    copy_nodes(schedule, nodes_);
    for (std::size_t i = 0; i < nodes_.size(); ++i) layout.redirect(nodes_[i], traits[static_cast<std::size_t>(schedule.steps[i].place)]);
    schedule.notes.push_back({bf16_pass, true, message({"values of matrices: ", layout.matrices(), ", of what stays float: ", layout.kept()})});
  }

 private:
  std::vector<Node> nodes_;  ///< one a step
};

}  // namespace espalier
