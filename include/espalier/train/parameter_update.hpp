// SPDX-License-Identifier: Apache-2.0
// `ParameterUpdate<T>`: what learns from gradients: the optimiser, what it remembers, and which parameters it leaves alone.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/kernels/cpu/simd.hpp"
#include "espalier/optim/clip.hpp"
#include "espalier/optim/optimizer.hpp"
#include "espalier/optim/pack.hpp"
#include "espalier/train/optimizer_state.hpp"
#include "espalier/train/parameters.hpp"
#include "espalier/train/slicing.hpp"
#include "espalier/train/sparse_gradients.hpp"
#include "espalier/train/trainable.hpp"

namespace espalier {

/// Dense parameters learn chunk by chunk, tables shard by shard: pieces that threads may take in any order.
template <class T>
class ParameterUpdate {
 public:
  using Shard = typename SparseGradients<T>::Shard;

  ESPALIER_COLD explicit ParameterUpdate(const PlanView& plan) : trainable_(plan, {}) {}

  /// From now on by this optimiser, without its past; `freeze`: patterns with *, on tensor and table names.
  ESPALIER_COLD void prepare(const PlanView& plan, const Parameters<T>& parameters,
                             const Optimizer& optimizer, std::span<const std::string> freeze) {
    optimizer_ = optimizer;
    trainable_ = Trainable(plan, freeze);
    state_ = OptimizerState<T>(parameters, plan.sizes.parameters, *optimizer_);
  }

  [[nodiscard]] const Trainable& trainable() const { return trainable_; }
  [[nodiscard]] OptimizerState<T>& state() { return state_; }
  [[nodiscard]] std::span<const Trainable::Chunk> chunks() const { return trainable_.chunks(); }

  /// Sums the first `count` lanes' gradients of a chunk into the first lane, in order, and clears the others.
  static void sum_lanes(const Trainable::Chunk& chunk, std::span<Buffer<T>> lanes, Index count) {
    const Index n = chunk.end - chunk.begin, whole = n / pack_size<T> * pack_size<T>;
    T* parts[Slicing::max_lanes]{};
    for (Index lane = 0; lane < count; ++lane) {
      parts[lane] = lanes[static_cast<std::size_t>(lane)].data() + chunk.begin;
    }
    for (Index j = 0; j < whole && count > 1; j += pack_size<T>) {
      Pack<T> total = load_pack(parts[0] + j);
      for (Index lane = 1; lane < count; ++lane) {
        total += load_pack(parts[lane] + j);
        store_pack(parts[lane] + j, Pack<T>{});
      }
      store_pack(parts[0] + j, total);
    }
    for (Index j = whole; j < n; ++j) {
      for (Index lane = 1; lane < count; ++lane) parts[0][j] += std::exchange(parts[lane][j], T{0});
    }
  }

  /// Σ g² of what a chunk or a shard is to learn from: of what is frozen, 0.
  [[nodiscard]] static double squared_norm(const Trainable::Chunk& chunk, const T* gradient) {
    return chunk.frozen ? 0 : sum_of_squares(gradient + chunk.begin, chunk.end - chunk.begin);
  }
  [[nodiscard]] double squared_norm(const Shard& shard) const {
    return trainable_.table_frozen(shard.table)
               ? 0
               : sum_of_squares(shard.sums.data(), shard.count() * shard.width);
  }

  /// One step of a chunk of `parameters` by `gradient`, both of all dense parameters; clears the gradient.
  void update(const Trainable::Chunk& chunk, T* parameters, T* gradient, const UpdateStep& step) {
    const Index n = chunk.end - chunk.begin;
    if (!chunk.frozen) {
      T* states[OptimizerState<T>::max_states]{};
      for (int s = 0; s < state_.count; ++s)
        states[s] = state_.dense[static_cast<std::size_t>(s)].data() + chunk.begin;
      optimizer_->update(parameters + chunk.begin, gradient + chunk.begin, states, n, step);
    }
    std::fill_n(gradient + chunk.begin, n, T{0});
  }

  /// One step of a shard's rows of its table.
  void update(const Shard& shard, T* table, const UpdateStep& step) {
    if (trainable_.table_frozen(shard.table)) return;
    T* states[OptimizerState<T>::max_states]{};
    for (int s = 0; s < state_.count; ++s) {
      states[s] =
          state_.tables[static_cast<std::size_t>(s)][static_cast<std::size_t>(shard.table)].data();
    }
    optimizer_->update_rows(table, states, shard.rows.data(), shard.sums.data(), shard.count(),
                            shard.width, step);
  }

 private:
  Trainable trainable_;
  std::optional<Optimizer> optimizer_;
  OptimizerState<T> state_;
};

}  // namespace espalier
