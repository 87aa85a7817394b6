// SPDX-License-Identifier: Apache-2.0
// `TrainExecutor<T>`: runs the schedule of a plan over batches, and has the parameters learn.
#pragma once

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/threads.hpp"
#include "espalier/exec/batch_run.hpp"
#include "espalier/exec/parameter_update.hpp"
#include "espalier/exec/parameters.hpp"
#include "espalier/exec/reducer.hpp"
#include "espalier/ops/program.hpp"
#include "espalier/optim/clip.hpp"
#include "espalier/passes/deferred_weight_gradients.hpp"
#include "espalier/passes/projected_embeddings.hpp"
#include "espalier/passes/schedule.hpp"

namespace espalier {

/// One model in training on the CPU. Every call's result is the same, bit for bit, for any number of threads.
/// After the first batch of the largest size nothing allocates.
template <class T>
class TrainExecutor {
 public:
  using CpuProgram = Program<T, cpu::Device>;
  using Weigh = typename BatchRun<T>::Weigh;

  /// `vocabulary_rows`: rows of each vocabulary's tables. `without`: names of passes that are left out. Throws ConfigError.
  ESPALIER_COLD TrainExecutor(const CpuProgram& program, const std::vector<Index>& vocabulary_rows,
                              Index max_batch, int threads, cpu::Device device = {},
                              std::span<const std::string_view> without = {})
      : run_(program, vocabulary_rows, max_batch, threads, device), update_(program.plan) {
    make_norms();
    make_schedules(without);
  }

  TrainExecutor(const TrainExecutor&) = delete;  // schedules refer to the passes in it
  TrainExecutor& operator=(const TrainExecutor&) = delete;

  [[nodiscard]] const PlanView& plan() const { return run_.plan(); }
  [[nodiscard]] Parameters<T>& parameters() { return run_.parameters; }
  [[nodiscard]] const Parameters<T>& parameters() const { return run_.parameters; }
  [[nodiscard]] OptimizerState<T>& optimizer_state() { return update_.state(); }
  [[nodiscard]] const Trainable& trainable() const { return update_.trainable(); }
  [[nodiscard]] ThreadPool& pool() { return run_.pool; }
  [[nodiscard]] Index capacity() const { return run_.capacity; }
  /// What is run for batches of so many samples, at most capacity().
  [[nodiscard]] const ExecutionSchedule<T>& schedule(Index samples) const {
    assert(samples >= 1 && samples <= capacity());
    return schedules_[static_cast<std::size_t>(schedule_of_size_[static_cast<std::size_t>(samples)])].schedule;
  }

  /// Which optimiser learns, which tensors it leaves alone (`freeze`: patterns with *, on tensor and table names) or treats
  /// apart, and whether an average of the parameters is kept, from what they are now. Throws ConfigError.
  ESPALIER_COLD void prepare(const Optimizer& optimizer, std::span<const std::string> freeze,
                             std::span<const ParameterGroup> groups = {},
                             const std::optional<ExponentialAverage>& average = {}) {
    update_.prepare(run_.program.plan, run_.parameters, optimizer, freeze, groups, average);
    make_norms();
  }

  /// Moving average of the parameters, if it is kept.
  [[nodiscard]] ParameterAverage<T>& average() { return update_.average(); }

  /// The average after step `step`, where one is kept, becomes the parameters; from then on none is kept.
  ESPALIER_COLD void adopt_average(std::int64_t step) {
    average().settle(run_.parameters, step);
    swap_average();
    average() = {};
  }

  /// The parameters' average in their place, and they in its; again: back. Where none is kept, nothing.
  ESPALIER_COLD void swap_average() {
    if (!average().kept()) return;
    average().swap(run_.parameters);
    for (std::size_t t = 0; t < run_.tables.size(); ++t) run_.tables[t] = run_.parameters.tables[t].data();
  }

  /// This executor has a part of every batch, others have the rest: what forward_backward() returns and update() learns from is of the
  /// whole batch, as if one executor had it, but for the order of sums. All begin with the same parameters and are called with the
  /// same step, weights and key; each has one sample at least. It must outlive the executor, or be taken away with null. Throws
  /// ConfigError for a plan with an operation that needs the whole batch.
  ESPALIER_COLD void set_reducer(Reducer<T>* reducer) {
    if (reducer != nullptr && run_.segmented) {
      throw_error<ConfigError>({"model '", plan().model, "' has an operation that needs the whole batch (BatchNorm, BalancedLoad), of which each of ",
                                static_cast<Index>(reducer->ranks()), " executors has a part: expected a model without"});
    }
    run_.reducer = reducer;
    run_.samples_before = 0;
  }

  /// What each task's labels were divided by, for losses that have constants in the label's unit. 1 unless said.
  ESPALIER_COLD void set_label_deviations(const std::vector<T>& deviations) { run_.label_deviations = deviations; }

  /// For who runs a batch by other ways than forward_backward(), and leaves gradients where that does: in the lanes of the result,
  /// and its look-ups' gradients.
  /// Throws ConfigError where other ranks have parts of the batch: of gradients task by task there is no sum over them yet.
  BatchRun<T>& begin(const Batch<T>& batch, std::span<const double> weights, std::uint64_t key) {
    if (run_.reducer != nullptr) {
      throw ConfigError("each task's gradient is taken where one executor has the whole batch: expected no set_reducer(), or a way to balance by losses");
    }
    current_ = &plain_;
    run_.begin(batch, weights, key);
    return run_;
  }
  [[nodiscard]] BatchRun<T>& batch_run() { return run_; }

  /// Forward, losses and backward: leaves the gradient of Σ_k weight_k · loss_k, each loss a weighted mean over the
  /// task's labelled samples. `weigh` is called between forward and backward if given; otherwise `weights` hold.
  /// Returns the losses (NaN where the batch has no label of a task).
  std::span<const double> forward_backward(const Batch<T>& batch, std::span<const double> weights, std::uint64_t key,
                                           Weigh weigh = nullptr, void* weigh_context = nullptr) {
    run_.begin(batch, weights, key);
    run_.weigh = weigh;
    run_.weigh_context = weigh_context;
    current_ = weigh != nullptr ? &weighed_ : &schedule(batch.size);
    run_.run(*current_);
    if (weigh == nullptr) run_.sum_losses();
    return run_.losses;
  }

  /// One optimiser step with the gradients that forward_backward left, and no predict() since; clears them. `max_norm` > 0 clips the global
  /// norm. Returns the norm when clipping, else 0.
  double update(const UpdateStep& step, double max_norm = 0) {
    const std::span<const Trainable::Chunk> chunks = update_.chunks();
    const Index shards = run_.sparse.shards(), pieces = shards + static_cast<Index>(chunks.size());
    T* const gradient = run_.lanes[0].data();
    const bool clip = max_norm > 0;
    UpdateStep scaled = step;
    const auto learn = [&](Index piece) {
      if (piece < shards) {
        const auto& shard = run_.sparse.shard(piece);
        update_.update(shard, run_.parameters.tables[static_cast<std::size_t>(shard.table)].data(), scaled);
      } else {
        update_.update(chunks[static_cast<std::size_t>(piece - shards)], run_.parameters.dense.data(), gradient, scaled);
      }
    };
    const auto sum = [&](Index piece) {
      if (piece < shards) return collect(piece);
      const Trainable::Chunk& chunk = chunks[static_cast<std::size_t>(piece - shards)];
      ParameterUpdate<T>::sum_lanes(chunk, run_.lanes, lanes_of(chunk));
    };
    const bool apart = run_.reducer != nullptr;  // else a piece is summed and learnt while it is near
    if (apart) {
      run_.pool.run(pieces, [&](Index piece, int) { sum(piece); });
      reduce_gradients();
    }
    run_.pool.run(pieces, [&](Index piece, int) {
      if (!apart) sum(piece);
      if (!clip) return learn(piece);
      norms_[static_cast<std::size_t>(piece)] = piece < shards
          ? update_.squared_norm(run_.sparse.shard(piece))
          : ParameterUpdate<T>::squared_norm(chunks[static_cast<std::size_t>(piece - shards)], gradient);
    });
    update_.follow_state(run_.parameters.dense.data(), step);
    if (!clip) return 0;
    double squared = 0;
    for (Index piece = 0; piece < pieces; ++piece) squared += norms_[static_cast<std::size_t>(piece)];
    scaled.gradient_scale *= clip_factor(squared, max_norm);
    run_.pool.run(pieces, [&](Index piece, int) { learn(piece); });
    return std::sqrt(squared);
  }

  /// Inference: out[k] receives outputs × size predictions of task k, sample after sample. The weighted sums of the losses
  /// and of the labelled samples' weights are added to `loss_sums` and `weight_sums`, where those are not empty.
  void predict(const Batch<T>& batch, std::span<T* const> out, std::span<double> loss_sums = {},
               std::span<double> weight_sums = {}) {
    run_.batch = batch;
    run_.slicing = Slicing::of(batch.size);
    const bool with_losses = !loss_sums.empty();
    run_.pool.run(run_.slicing.lanes, [&](Index lane, int worker) {
      for (Index slice = run_.slicing.first_slice(lane); slice < run_.slicing.first_slice(lane + 1); ++slice) {
        Context<T, cpu::Device> c = run_.context(slice, worker, lane);
        c.training = false;
        c.auxiliary = nullptr;
        run_.forward(c, 0, static_cast<Index>(run_.program.operations.size()));
        for (std::size_t k = 0; k < plan().tasks.size(); ++k) {
          const TaskInfo& task = plan().tasks[k];
          const View<T> to{out[k] + c.first * task.outputs, task.outputs, c.count, task.outputs};
          run_.program.losses[k].predict(as_const(c.value(task.logits)), to);
        }
        if (with_losses) run_.all_losses(c);
      }
    });
    if (!with_losses) return;
    run_.sum_label_weights();
    for (std::size_t k = 0; k < run_.losses.size(); ++k) {
      for (Index s = 0; s < run_.slicing.slices; ++s) {
        loss_sums[k] += run_.slice_losses[static_cast<std::size_t>(s * run_.tasks) + k];
      }
      weight_sums[k] += run_.totals[k];
    }
  }

  /// The gradient of the dense parameters that forward_backward left, summed over lanes. For tests and diagnosis.
  void read_gradient(std::span<T> out) const {
    for (std::size_t i = 0; i < out.size(); ++i) {
      T sum = 0;
      for (Index lane = 0; lane < run_.slicing.lanes; ++lane) sum += run_.lanes[static_cast<std::size_t>(lane)][i];
      out[i] = sum;
    }
  }

  /// Forgets the gradients, dense and sparse.
  void clear_gradient() {
    for (Buffer<T>& lane : run_.lanes) lane.fill(T{0});
  }

  /// The sums of table gradients by row, after forward_backward. For tests and diagnosis.
  SparseGradients<T>& collect_sparse() {
    for (Index i = 0; i < run_.sparse.shards(); ++i) collect(i);
    return run_.sparse;
  }

  /// Fills every buffer of activations and their gradients with `value`: what is read before it is written shows.
  void poison(T value) {
    run_.poison(value);
    projected_.poison(value);
    deferred_.poison(value);
  }

 private:
  struct ScheduleOfSize {
    bool projected = false;       ///< what tells it from others
    std::vector<Index> deferred;
    ExecutionSchedule<T> schedule;
  };

  /// One for each way in which a batch may be run, made before the first.
  ESPALIER_COLD void make_schedules(std::span<const std::string_view> without) {
    for (const std::string_view name : without) {
      if (name != ProjectedEmbeddings<T>::name && name != DeferredWeightGradients<T>::name) {
        throw_error<ConfigError>({"without is '", name, "', expected a pass: ", ProjectedEmbeddings<T>::name, ", ",
                                  DeferredWeightGradients<T>::name});
      }
    }
    // Why a pass is not made; empty: it is.
    const auto left_out = [&](std::string_view name) -> std::string_view {
      if (std::find(without.begin(), without.end(), name) != without.end()) return "left out";
      return run_.segmented ? "an operation waits for the whole batch" : "";
    };
    std::string_view no_projected = left_out(ProjectedEmbeddings<T>::name);
    const std::string_view no_deferred = left_out(DeferredWeightGradients<T>::name);
    if (no_projected.empty() && narrow_kernels<T>(run_.device) != nullptr) no_projected = "products are made in bf16";
    if (no_projected.empty()) {
      projected_ = ProjectedEmbeddings<T>(run_.program, run_.parameters.table_rows, run_.capacity, run_.max_lanes, run_.pool.threads());
    }
    if (no_deferred.empty()) {
      deferred_ = DeferredWeightGradients<T>(plan(), run_.capacity, run_.device, [this](Index node) { return projected_.has_layer(node); });
    }
    const Step<T> start = slice_step(Phase::forward, "start", [](BatchRun<T>& run, const Context<T, cpu::Device>& c) {
      std::fill_n(c.auxiliary, run.tasks, 0.0);
    });
    const Step<T> losses = slice_step(Phase::loss, "losses", [](BatchRun<T>& run, const Context<T, cpu::Device>& c) { run.all_losses(c); });
    const Step<T> zero = slice_step(Phase::backward, "zero", [](BatchRun<T>& run, const Context<T, cpu::Device>& c) { run.zero(c); });
    plain_ = schedule_of(run_.program, start, {losses, zero});
    Step<T> weigh;
    weigh.scope = Step<T>::Scope::once;
    weigh.phase = Phase::loss;
    weigh.name = "weigh";
    weigh.state = &run_;
    weigh.once = [](void* state) {
      BatchRun<T>& run = *static_cast<BatchRun<T>*>(state);
      run.sum_losses();
      run.weigh(run.weigh_context, run.losses, run.weights);
    };
    weighed_ = schedule_of(run_.program, start, {losses, weigh, losses, zero});
    schedule_of_size_.assign(static_cast<std::size_t>(run_.capacity) + 1, 0);
    for (Index n = 1; n <= run_.capacity; ++n) {
      const Slicing slicing = Slicing::of(n);
      ScheduleOfSize made{projected_.pays(n), deferred_.chosen(slicing), {}};
      const auto same = [&](const ScheduleOfSize& s) { return s.projected == made.projected && s.deferred == made.deferred; };
      auto found = std::find_if(schedules_.begin(), schedules_.end(), same);
      if (found == schedules_.end()) {
        made.schedule = plain_;
        const auto apply = [&](auto& pass, std::string_view no, const auto& batch) {
          if (no.empty()) return pass.apply(made.schedule, batch);
          made.schedule.notes.push_back({pass.name, false, std::string(no)});
        };
        apply(deferred_, no_deferred, slicing);
        apply(projected_, no_projected, n);
        found = schedules_.insert(found, std::move(made));
      }
      schedule_of_size_[static_cast<std::size_t>(n)] = static_cast<std::int32_t>(found - schedules_.begin());
    }
    current_ = &plain_;
  }

  /// `Run`: what it does with this executor's batch.
  template <class Run>
  [[nodiscard]] Step<T> slice_step(Phase phase, std::string_view name, Run) {
    Step<T> step;
    step.phase = phase;
    step.name = name;
    step.state = &run_;
    step.run = [](void* state, Index, const Context<T, cpu::Device>& c) { Run{}(*static_cast<BatchRun<T>*>(state), c); };
    return step;
  }

  /// The gradients of all ranks, summed.
  void reduce_gradients() {
    run_.reducer->sum_gradient({run_.lanes[0].data(), static_cast<std::size_t>(plan().sizes.parameters)});
    std::vector<std::int32_t> rows;
    std::vector<T> sums;
    for (Index i = 0; i < run_.sparse.shards(); ++i) {
      const auto& shard = run_.sparse.shard(i);
      run_.reducer->gather(shard.rows, {shard.sums.data(), static_cast<std::size_t>(shard.count() * shard.width)}, rows, sums);
      run_.sparse.replace(i, rows, sums);
    }
  }

  void make_norms() { norms_.assign(static_cast<std::size_t>(run_.sparse.shards()) + update_.chunks().size(), 0.0); }

  void collect(Index shard) {
    if (run_.rows_are_summed) return;
    auto& rows = run_.sparse.shard(shard);
    const std::vector<bool>& summed = current_->summed_tables;
    if (!summed.empty() && summed[static_cast<std::size_t>(rows.table)]) return projected_.collect(rows, run_.sparse.parts());
    run_.sparse.collect(shard, run_.batch, run_.lookup_gradients.data(), run_.capacity);
  }

  /// How many lanes hold gradients of a chunk.
  [[nodiscard]] Index lanes_of(const Trainable::Chunk& chunk) const {
    return current_->has_summed(chunk.begin, chunk.end) ? 1 : run_.slicing.lanes;
  }

  BatchRun<T> run_;
  ParameterUpdate<T> update_;
  ProjectedEmbeddings<T> projected_;
  DeferredWeightGradients<T> deferred_;
  ExecutionSchedule<T> plain_, weighed_;  ///< of the plan as it stands; weighed between forward and backward
  std::vector<ScheduleOfSize> schedules_;
  std::vector<std::int32_t> schedule_of_size_;  ///< by the samples of a batch
  const ExecutionSchedule<T>* current_ = nullptr;  ///< the last batch's
  std::vector<double> norms_;                      ///< Σ g² of each piece of the update
};

}  // namespace espalier
