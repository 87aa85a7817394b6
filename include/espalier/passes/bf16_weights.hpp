// SPDX-License-Identifier: Apache-2.0
// Layout of weight matrices stored as bf16, and a pass that makes a schedule read them.
#pragma once

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

  Bf16Layout(const PlanView& plan, std::span<const OperationTraits> traits, Index parameters);

  /// Ranges in the order of the parameters.
  [[nodiscard]] std::span<const Range> ranges() const { return ranges_; }
  /// Number of values in the buffer of matrices, with padding, and of values that stay float.
  [[nodiscard]] Index matrices() const {
    return ranges_.empty() ? 0 : ranges_.back().place + ranges_.back().size();
  }
  [[nodiscard]] Index kept() const { return kept_; }

  /// Sets the parameter offsets of a node of the plan to this layout.
  void redirect(Node& node, const OperationTraits& traits) const;

 private:
  [[nodiscard]] Index place_of(Index offset) const;
  [[nodiscard]] Index kept_at(Index offset) const;

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

#if ESPALIER_DEFINE
#include "espalier/passes/bf16_weights_definitions.hpp"
#endif
