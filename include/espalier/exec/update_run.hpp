// SPDX-License-Identifier: Apache-2.0
// `UpdateRun<T>`: the steps from a batch's gradients to updated parameters.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/exec/batch_run.hpp"
#include "espalier/exec/parameter_update.hpp"
#include "espalier/optim/clip.hpp"
#include "espalier/passes/schedule.hpp"

namespace espalier {

/// Sums gradients over accumulators, reduces them over ranks if there are several, clips them, and
/// updates parameters. Pieces are shards of tables and chunks of the dense parameters; threads
/// process them in any order. Without clipping and reduction, a piece is summed and updated in one
/// step, while it is in the cache.
template <class T>
class UpdateRun {
 public:
  ESPALIER_COLD explicit UpdateRun(BatchRun<T>& of) : run_(of), update_(of.program.plan) {
    make_schedules();
  }

  UpdateRun(const UpdateRun&) = delete;  // steps refer to it
  UpdateRun& operator=(const UpdateRun&) = delete;

  /// See ParameterUpdate.
  ESPALIER_COLD void prepare(const Optimizer& optimizer, std::span<const std::string> freeze,
                             std::span<const ParameterGroup> groups,
                             const std::optional<ExponentialAverage>& average) {
    update_.prepare(run_.program.plan, run_.parameters, optimizer, freeze, groups, average);
    make_schedules();
  }

  /// Must be called after BatchRun::reducer changes.
  ESPALIER_COLD void make_schedules() {
    pieces_ = run_.sparse.shards() + static_cast<Index>(update_.chunks().size());
    norms_.assign(static_cast<std::size_t>(pieces_), 0.0);
    plain_ = make_schedule(false);
    clipped_ = make_schedule(true);
  }

  [[nodiscard]] const ParameterUpdate<T>& update() const { return update_; }
  [[nodiscard]] ParameterUpdate<T>& update() { return update_; }
  [[nodiscard]] const ExecutionSchedule<T>& schedule(bool clip) const {
    return clip ? clipped_ : plain_;
  }

  /// `max_norm` > 0 clips the global norm. Returns the norm before clipping, or 0 without clipping.
  double run(const UpdateStep& step, double max_norm) {
    step_ = step;
    max_norm_ = max_norm;
    const bool clip = max_norm > 0;
    run_.run(schedule(clip));
    return clip ? std::sqrt(squared_norm_) : 0;
  }

 private:
  using Scope = typename Step<T>::Scope;

  [[nodiscard]] ESPALIER_COLD ExecutionSchedule<T> make_schedule(bool clip) {
    ExecutionSchedule<T> made;
    const auto add = [&](Scope scope, std::string_view name) -> Step<T>& {
      Step<T>& step = made.steps.emplace_back();
      step.scope = scope;
      step.phase = Phase::update;
      step.name = name;
      step.state = this;
      step.pieces = scope == Scope::pieces ? pieces_ : 0;
      return step;
    };
    const auto pieces = [&](std::string_view name, auto work) {
      add(Scope::pieces, name).piece = [](void* state, Index, Index piece, int,
                                          const WholeBatch<T>&) {
        decltype(work){}(*static_cast<UpdateRun*>(state), piece);
      };
    };
    const auto once = [&](std::string_view name, auto work) {
      add(Scope::once, name).once = [](void* state, Index) {
        decltype(work){}(*static_cast<UpdateRun*>(state));
      };
    };
    const bool reduce = run_.reducer != nullptr;
    if (reduce) {
      pieces("sum accumulators", [](UpdateRun& u, Index piece) { u.sum(piece); });
      once("reduce", [](UpdateRun& u) { u.reduce(); });
      if (clip) pieces("norms", [](UpdateRun& u, Index piece) { u.take_norm(piece); });
    } else if (clip) {
      pieces("sum accumulators, norms", [](UpdateRun& u, Index piece) {
        u.sum(piece);
        u.take_norm(piece);
      });
    }
    if (clip) once("clip", [](UpdateRun& u) { u.clip(); });
    if (clip || reduce) {
      pieces("learn", [](UpdateRun& u, Index piece) { u.learn(piece); });
    } else {
      pieces("sum accumulators, learn", [](UpdateRun& u, Index piece) {
        u.sum(piece);
        u.learn(piece);
      });
    }
    once("follow state",
         [](UpdateRun& u) { u.update_.follow_state(u.run_.parameters.dense.data(), u.step_); });
    return made;
  }

  // Shards come first, then chunks.
  [[nodiscard]] bool is_shard(Index piece) const { return piece < run_.sparse.shards(); }
  [[nodiscard]] const FreezeMask::Chunk& chunk(Index piece) const {
    return update_.chunks()[static_cast<std::size_t>(piece - run_.sparse.shards())];
  }

  void sum(Index piece) {
    if (is_shard(piece)) return run_.collect(piece);
    const FreezeMask::Chunk& c = chunk(piece);
    ParameterUpdate<T>::sum_accumulators(c, run_.accumulators,
                                         run_.accumulators_with(c.begin, c.end));
  }
  void learn(Index piece) {
    if (is_shard(piece)) {
      const auto& shard = run_.sparse.shard(piece);
      update_.update(shard, run_.parameters.tables[static_cast<std::size_t>(shard.table)].data(),
                     step_);
    } else {
      update_.update(chunk(piece), run_.parameters.dense.data(), run_.accumulators[0].data(),
                     step_);
    }
  }
  void take_norm(Index piece) {
    norms_[static_cast<std::size_t>(piece)] =
        is_shard(piece)
            ? update_.squared_norm(run_.sparse.shard(piece))
            : ParameterUpdate<T>::squared_norm(chunk(piece), run_.accumulators[0].data());
  }
  void clip() {
    squared_norm_ = 0;
    for (const double norm : norms_) squared_norm_ += norm;
    step_.gradient_scale *= clip_factor(squared_norm_, max_norm_);
  }
  /// Sums gradients over all ranks.
  void reduce() {
    run_.reducer->sum_gradient(
        {run_.accumulators[0].data(), static_cast<std::size_t>(run_.plan().sizes.parameters)});
    for (Index i = 0; i < run_.sparse.shards(); ++i) {
      const auto& shard = run_.sparse.shard(i);
      run_.reducer->gather(
          shard.rows, {shard.sums.data(), static_cast<std::size_t>(shard.count() * shard.width)},
          all_rows_, all_sums_);
      run_.sparse.replace(i, all_rows_, all_sums_);
    }
  }

  BatchRun<T>& run_;
  ParameterUpdate<T> update_;
  ExecutionSchedule<T> plain_, clipped_;
  Index pieces_ = 0;
  UpdateStep step_;  ///< of this update; its scale includes clipping
  double max_norm_ = 0, squared_norm_ = 0;
  std::vector<double> norms_;           ///< Σ g² of each piece
  std::vector<std::int32_t> all_rows_;  ///< of one shard, on all ranks
  std::vector<T> all_sums_;
};

}  // namespace espalier
