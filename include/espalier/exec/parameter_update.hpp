// SPDX-License-Identifier: Apache-2.0
// `ParameterUpdate<T>`: updates parameters from gradients. Has the optimiser and its state,
// parameter groups, frozen parameters and the average of parameters.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/exec/freeze_mask.hpp"
#include "espalier/exec/optimizer_state.hpp"
#include "espalier/exec/parameter_average.hpp"
#include "espalier/exec/parameters.hpp"
#include "espalier/exec/sparse_gradients.hpp"
#include "espalier/kernels/cpu/simd.hpp"
#include "espalier/optim/clip.hpp"
#include "espalier/optim/optimizer.hpp"
#include "espalier/optim/pack.hpp"
#include "espalier/optim/parameter_group.hpp"
#include "espalier/passes/microbatches.hpp"

namespace espalier {

/// Updates dense parameters by chunk and tables by shard; threads may process these in any order.
template <class T>
class ParameterUpdate {
 public:
  using Shard = typename SparseGradients<T>::Shard;

  ESPALIER_COLD explicit ParameterUpdate(const PlanView& plan)
      : freeze_mask_(plan, {}),
        learnt_(plan.sizes.parameters),
        values_(plan.sizes.parameter_values) {}

  /// Sets the optimiser, and resets its state. `freeze`: patterns with * for names of tensors and
  /// tables. `average`: keeps a moving average of the parameters, starting at their current values.
  ESPALIER_COLD void prepare(const PlanView& plan, const Parameters<T>& parameters,
                             const Optimizer& optimizer, std::span<const std::string> freeze,
                             std::span<const ParameterGroup> groups,
                             const std::optional<ExponentialAverage>& average) {
    rules_ = group_rules(optimizer, groups);
    freeze_mask_ = FreezeMask(plan, freeze, groups);
    state_ = OptimizerState<T>(parameters, plan.sizes.parameters, optimizer);
    average_ = average ? ParameterAverage<T>(parameters, *average) : ParameterAverage<T>();
  }

  [[nodiscard]] const FreezeMask& freeze_mask() const { return freeze_mask_; }
  [[nodiscard]] ParameterAverage<T>& average() { return average_; }
  [[nodiscard]] OptimizerState<T>& state() { return state_; }
  [[nodiscard]] std::span<const FreezeMask::Chunk> chunks() const { return freeze_mask_.chunks(); }

  /// Sums the first `count` accumulators' gradients of a chunk into the first accumulator, in
  /// order, and clears the others.
  static void sum_accumulators(const FreezeMask::Chunk& chunk, std::span<Buffer<T>> accumulators,
                               Index count) {
    const Index n = chunk.end - chunk.begin, whole = n / pack_size<T> * pack_size<T>;
    T* parts[Microbatches::max_accumulators]{};
    for (Index accumulator = 0; accumulator < count; ++accumulator) {
      parts[accumulator] = accumulators[static_cast<std::size_t>(accumulator)].data() + chunk.begin;
    }
    for (Index j = 0; j < whole && count > 1; j += pack_size<T>) {
      Pack<T> total = load_pack(parts[0] + j);
      for (Index accumulator = 1; accumulator < count; ++accumulator) {
        total += load_pack(parts[accumulator] + j);
        store_pack(parts[accumulator] + j, Pack<T>{});
      }
      store_pack(parts[0] + j, total);
    }
    for (Index j = whole; j < n; ++j) {
      for (Index accumulator = 1; accumulator < count; ++accumulator)
        parts[0][j] += std::exchange(parts[accumulator][j], T{0});
    }
  }

  /// Σ g² of a chunk or shard; 0 if it is frozen.
  [[nodiscard]] static double squared_norm(const FreezeMask::Chunk& chunk, const T* gradient) {
    return chunk.is_frozen() ? 0 : sum_of_squares(gradient + chunk.begin, chunk.end - chunk.begin);
  }
  [[nodiscard]] double squared_norm(const Shard& shard) const {
    return freeze_mask_.table_frozen(shard.table)
               ? 0
               : sum_of_squares(shard.sums.data(), shard.count() * shard.width);
  }

  /// Updates a chunk of `parameters` with `gradient`, both of which cover all dense parameters;
  /// clears the gradient.
  void update(const FreezeMask::Chunk& chunk, T* parameters, T* gradient, const UpdateStep& step) {
    const Index n = chunk.end - chunk.begin;
    if (!chunk.is_frozen()) {
      T* states[max_optimizer_states]{};
      for (int s = 0; s < state_.count; ++s)
        states[s] = state_.dense[static_cast<std::size_t>(s)].data() + chunk.begin;
      const GroupRule& rule = rules_[static_cast<std::size_t>(chunk.group)];
      rule.optimizer.update(parameters + chunk.begin, gradient + chunk.begin, states, n,
                            of_group(rule, step));
      average_.follow(chunk.begin, chunk.end, parameters, step.step);
    }
    std::fill_n(gradient + chunk.begin, n, T{0});
  }

  /// Updates a shard's rows of `table`.
  void update(const Shard& shard, T* table, const UpdateStep& step) {
    const int group = freeze_mask_.table_group(shard.table);
    if (group == FreezeMask::frozen) return;
    T* states[max_optimizer_states]{};
    for (int s = 0; s < state_.count; ++s) {
      states[s] =
          state_.tables[static_cast<std::size_t>(s)][static_cast<std::size_t>(shard.table)].data();
    }
    const GroupRule& rule = rules_[static_cast<std::size_t>(group)];
    average_.catch_up(shard, table, step.step);
    rule.optimizer.update_rows(table, states, shard.rows.data(), shard.sums.data(), shard.count(),
                               shard.width, of_group(rule, step));
    average_.follow(shard, table, step.step);
  }

  /// Updates the average of state among the dense parameters, such as running statistics.
  void follow_state(const T* parameters, const UpdateStep& step) {
    average_.follow(learnt_, values_, parameters, step.step);
  }

 private:
  [[nodiscard]] static UpdateStep of_group(const GroupRule& rule, UpdateStep step) {
    step.rate *= rule.rate;
    return step;
  }

  FreezeMask freeze_mask_;
  Index learnt_ = 0, values_ = 0;  ///< sizes of dense parameters, without and with state
  std::vector<GroupRule> rules_;
  OptimizerState<T> state_;
  ParameterAverage<T> average_;
};

}  // namespace espalier
