// SPDX-License-Identifier: Apache-2.0
// `PackedWeights<T>`: matrices once more in panels, for inference of one sample, where reading them is what takes the time.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/buffer.hpp"
#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/ops/weight_matrices.hpp"
#include "espalier/passes/schedule.hpp"

namespace espalier {

/// A panel holds some rows side by side, so that a product with one column reads the matrix in one stream: see make_panels(). All
/// matrices of the plan, or none where two layers see the same values as matrices of different shapes. Takes the memory of the dense
/// parameters once more, which must stay as they are.
template <class T, class Device = Cpu>
class PackedWeights {
 public:
  static constexpr std::string_view name = "packed_weights";

  PackedWeights() = default;

  /// `parameters`: all dense ones, `count` of them.
  ESPALIER_COLD PackedWeights(const PlanView& plan, std::span<const OperationTraits> traits, const T* parameters, std::size_t count) {
    const std::vector<WeightMatrix> matrices = weight_matrices(plan.nodes, traits);
    const auto any_of = [&](const auto& holds) { return std::any_of(matrices.begin(), matrices.end(), holds); };
    const bool worth = any_of([](const WeightMatrix& m) { return panel_height(Device{}, m.rows) > 0; });
    const bool differ = any_of([&](const WeightMatrix& a) {
      return any_of([&](const WeightMatrix& b) { return a.overlaps(b) && !a.same(b); });
    });
    if (!worth || differ) {
      why_ = worth ? "two layers see the same values as matrices of different shapes" : "no matrix has rows enough for a panel";
      return;
    }
    panels_ = Buffer<T>(count);
    for (const WeightMatrix& m : matrices) make_panels(Device{}, parameters + m.offset, m.rows, m.columns, panels_.data() + m.offset);
    why_ = message({"matrices: ", static_cast<Index>(matrices.size()), ", bytes: ", static_cast<Index>(bytes())});
  }

  /// Tells a schedule; products find the panels in `storage`.
  ESPALIER_COLD void apply(ExecutionSchedule<T, Device>& schedule, Storage<T, Device>& storage) const {
    if (panels_.size() > 0) storage.panels = panels_.data();
    schedule.notes.push_back({name, panels_.size() > 0, why_});
  }

  [[nodiscard]] std::size_t bytes() const { return panels_.size() * sizeof(T); }

 private:
  Buffer<T> panels_;  ///< laid out as the dense parameters
  std::string why_;
};

}  // namespace espalier
