// SPDX-License-Identifier: Apache-2.0
// `PackedWeights<T>`: packed copies of weight matrices, for inference of one sample, which is bound
// by reading them.
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

/// Packed by pack_weights() into panels of 48 or 32 rows, column-major, so that a product with one
/// column reads memory in order. Packs all weight matrices of the plan, or none if two layers use
/// the same values as matrices of different shapes. Takes as much memory as the dense parameters;
/// these must not change afterwards.
template <class T, class Device = Cpu>
class PackedWeights {
 public:
  static constexpr std::string_view name = "packed_weights";

  PackedWeights() = default;

  /// `parameters`: all `count` dense parameters.
  ESPALIER_COLD PackedWeights(const PlanView& plan, std::span<const OperationTraits> traits,
                              const T* parameters, std::size_t count) {
    const std::vector<WeightMatrix> matrices = weight_matrices(plan.nodes, traits);
    const auto any_of = [&](const auto& holds) {
      return std::any_of(matrices.begin(), matrices.end(), holds);
    };
    const bool worth =
        any_of([](const WeightMatrix& m) { return packed_rows(Device{}, m.rows) > 0; });
    const bool differ = any_of([&](const WeightMatrix& a) {
      return any_of([&](const WeightMatrix& b) { return a.overlaps(b) && !a.same(b); });
    });
    if (!worth || differ) {
      why_ = worth ? "two layers use the same values as matrices of different shapes"
                   : "no matrix has enough rows for a panel";
      return;
    }
    packed_ = Buffer<T>(count);
    for (const WeightMatrix& m : matrices)
      pack_weights(Device{}, parameters + m.offset, m.rows, m.columns, packed_.data() + m.offset);
    why_ = message({"matrices: ", static_cast<Index>(matrices.size()),
                    ", bytes: ", static_cast<Index>(bytes())});
  }

  /// Records the pass in the schedule and hands the packed weights to `storage`.
  ESPALIER_COLD void apply(ExecutionSchedule<T, Device>& schedule,
                           Storage<T, Device>& storage) const {
    if (packed_.size() > 0) storage.packed_weights = packed_.data();
    schedule.notes.push_back({name, packed_.size() > 0, why_});
  }

  [[nodiscard]] std::size_t bytes() const { return packed_.size() * sizeof(T); }

 private:
  Buffer<T> packed_;  ///< same layout as the dense parameters
  std::string why_;
};

}  // namespace espalier
