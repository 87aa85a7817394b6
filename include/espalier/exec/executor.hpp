// SPDX-License-Identifier: Apache-2.0
// `TrainExecutor<T>`: runs a plan's schedules over batches, and updates the parameters.
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
#include "espalier/exec/parameters.hpp"
#include "espalier/exec/reducer.hpp"
#include "espalier/exec/update_run.hpp"
#include "espalier/ops/cpu/program.hpp"
#include "espalier/passes/bf16_weights.hpp"
#include "espalier/passes/deferred_weight_gradients.hpp"
#include "espalier/passes/projected_embeddings.hpp"
#include "espalier/passes/schedule.hpp"
#include "espalier/passes/schedules_by_size.hpp"

namespace espalier {

/// Trains one model on the CPU. Results are bit-identical for any number of threads. Does not
/// allocate after the first batch of the maximum size.
template <class T>
class TrainExecutor {
 public:
  using CpuProgram = Program<T, Cpu>;
  using Weigh = typename BatchRun<T>::Weigh;

  /// `vocabulary_rows`: rows of each vocabulary's tables. `without`: names of passes to leave out.
  /// Throws ConfigError for an argument out of range or an unknown pass.
  ESPALIER_COLD TrainExecutor(const CpuProgram& program, const std::vector<Index>& vocabulary_rows,
                              Index max_batch, int threads, Cpu device = {},
                              std::span<const std::string_view> without = {})
      : run_(program, vocabulary_rows, max_batch, threads, device), update_(run_) {
    make_schedules(without);
  }

  TrainExecutor(const TrainExecutor&) = delete;  // schedules refer to the passes in it
  TrainExecutor& operator=(const TrainExecutor&) = delete;

  [[nodiscard]] const PlanView& plan() const { return run_.plan(); }
  [[nodiscard]] Parameters<T>& parameters() { return run_.parameters; }
  [[nodiscard]] const Parameters<T>& parameters() const { return run_.parameters; }
  [[nodiscard]] OptimizerState<T>& optimizer_state() { return update_.update().state(); }
  [[nodiscard]] const FreezeMask& freeze_mask() const { return update_.update().freeze_mask(); }
  [[nodiscard]] ThreadPool& pool() { return run_.pool; }
  [[nodiscard]] Index capacity() const { return run_.capacity; }
  /// Schedule for batches of `samples`, at most capacity().
  [[nodiscard]] const ExecutionSchedule<T>& schedule(Index samples) const {
    return schedules_.of(samples);
  }
  /// Schedule for steps whose losses determine the tasks' weights.
  [[nodiscard]] const ExecutionSchedule<T>& weighed_schedule() const { return weighed_; }
  /// Schedule of update(): sums gradients over accumulators, reduces them over ranks if there are
  /// several, clips them, and updates the parameters.
  [[nodiscard]] const ExecutionSchedule<T>& update_schedule(bool clip) const {
    return update_.schedule(clip);
  }

  /// Sets the optimiser, and resets its state. `freeze`: patterns with * for names of tensors and
  /// tables that do not learn. `groups`: tensors with their own settings. `average`: keeps a moving
  /// average of the parameters, starting at their current values. Throws ConfigError.
  ESPALIER_COLD void prepare(const Optimizer& optimizer, std::span<const std::string> freeze,
                             std::span<const ParameterGroup> groups = {},
                             const std::optional<ExponentialAverage>& average = {}) {
    update_.prepare(optimizer, freeze, groups, average);
  }

  /// Moving average of the parameters, if one is kept.
  [[nodiscard]] ParameterAverage<T>& average() { return update_.update().average(); }

  /// If an average is kept, replaces the parameters with it as of step `step`, and stops averaging.
  ESPALIER_COLD void adopt_average(std::int64_t step) {
    average().settle(run_.parameters, step);
    swap_average();
    average() = {};
  }

  /// If an average is kept, swaps it with the parameters; a second call swaps back.
  ESPALIER_COLD void swap_average() {
    if (!average().kept()) return;
    average().swap(run_.parameters);
    for (std::size_t t = 0; t < run_.tables.size(); ++t)
      run_.tables[t] = run_.parameters.tables[t].data();
  }

  /// For training on several ranks, whose executors have one part of every batch each.
  /// forward_backward() then returns losses of the whole batch, and update() uses its gradients, as
  /// if one executor had it, except for the order of sums. All executors must start with the same
  /// parameters and be called with the same step, weights and key; each needs at least one sample.
  /// The reducer must outlive the executor, or be removed with null. Throws ConfigError for a plan
  /// with an operation that needs the whole batch.
  ESPALIER_COLD void set_reducer(Reducer<T>* reducer) {
    if (reducer != nullptr && run_.segmented) {
      throw_error<ConfigError>({"model '", plan().model,
                                "' has an operation that needs the whole batch (BatchNorm, "
                                "BalancedLoad), of which each of ",
                                static_cast<Index>(reducer->ranks()),
                                " executors has a part: expected a model without"});
    }
    run_.reducer = reducer;
    run_.samples_before = 0;
    update_.make_schedules();
  }

  /// Divisor that was applied to each task's labels, for losses with constants in the label's unit.
  /// Default 1.
  ESPALIER_COLD void set_label_deviations(const std::vector<T>& deviations) {
    run_.label_deviations = deviations;
  }

  /// Begins a batch for callers that do not use forward_backward(). They must leave gradients where
  /// it does: in the result's accumulators and lookup gradients.
  BatchRun<T>& begin(const Batch<T>& batch, std::span<const double> weights, std::uint64_t key) {
    run_.current = &plain_;
    run_.begin(batch, weights, key);
    return run_;
  }
  [[nodiscard]] BatchRun<T>& batch_run() { return run_; }

  /// Runs forward pass, losses and backward pass. Computes the gradient of Σ_k weight_k · loss_k
  /// for update(); each loss is a weighted mean over the task's labelled samples. If `weigh` is
  /// given, it computes the weights between the passes, else `weights` are used. Returns the
  /// losses, NaN for a task without labels in the batch.
  std::span<const double> forward_backward(const Batch<T>& batch, std::span<const double> weights,
                                           std::uint64_t key, Weigh weigh = nullptr,
                                           void* weigh_context = nullptr) {
    run_.begin(batch, weights, key);
    run_.weigh = weigh;
    run_.weigh_context = weigh_context;
    run_.current = weigh != nullptr ? &weighed_ : &schedule(batch.size);
    run_.run(*run_.current);
    if (weigh == nullptr) run_.sum_losses();
    return run_.losses;
  }

  /// One optimiser step with the gradients of forward_backward(), after which predict() must not
  /// have been called; clears the gradients. `max_norm` > 0 clips their global norm. Returns the
  /// norm before clipping, or 0 without clipping.
  double update(const UpdateStep& step, double max_norm = 0) { return update_.run(step, max_norm); }

  /// Inference: out[k] receives outputs × size predictions of task k, sample by sample. If
  /// `loss_sums` is not empty, adds each task's weighted sum of losses to it, and the weights of
  /// its labelled samples to `weight_sums`.
  void predict(const Batch<T>& batch, std::span<T* const> out, std::span<double> loss_sums = {},
               std::span<double> weight_sums = {}) {
    run_.begin_prediction(batch);
    const bool with_losses = !loss_sums.empty();
    predictions_ = out;
    run_.run(with_losses ? evaluate_ : predict_);
    if (!with_losses) return;
    run_.sum_label_weights();
    for (std::size_t k = 0; k < run_.losses.size(); ++k) {
      for (Index s = 0; s < run_.microbatches.count; ++s) {
        loss_sums[k] += run_.microbatch_losses[static_cast<std::size_t>(s * run_.tasks) + k];
      }
      weight_sums[k] += run_.totals[k];
    }
  }

  /// Gradient of the dense parameters after forward_backward(), summed over accumulators. For tests
  /// and diagnosis.
  void read_gradient(std::span<T> out) const {
    for (std::size_t i = 0; i < out.size(); ++i) {
      T sum = 0;
      for (Index accumulator = 0; accumulator < run_.microbatches.accumulators; ++accumulator)
        sum += run_.accumulators[static_cast<std::size_t>(accumulator)][i];
      out[i] = sum;
    }
  }

  /// Zeroes the gradients of the dense parameters. Every backward pass overwrites those of lookups.
  void clear_gradient() {
    for (Buffer<T>& accumulator : run_.accumulators) accumulator.fill(T{0});
  }

  /// Sums the gradients of tables by row, after forward_backward(). For tests and diagnosis.
  SparseGradients<T>& collect_sparse() {
    for (Index i = 0; i < run_.sparse.shards(); ++i) run_.collect(i);
    return run_.sparse;
  }

  /// Fills all buffers of activations and gradients of activations with `value`, to detect reads of
  /// unwritten values.
  void poison(T value) {
    run_.poison(value);
    projected_.poison(value);
    deferred_.poison(value);
  }

 private:
  /// Decisions of the passes for a batch size: equal decisions share a schedule.
  struct Chosen {
    bool projected = false;
    std::vector<Index> deferred;
    friend bool operator==(const Chosen&, const Chosen&) = default;
  };

  /// Makes the schedules for all ways to run a batch.
  ESPALIER_COLD void make_schedules(std::span<const std::string_view> without) {
    require_passes(without,
                   {ProjectedEmbeddings<T>::name, DeferredWeightGradients<T>::name, bf16_pass});
    run_.without.assign(without.begin(), without.end());
    const std::string_view no_bf16 = why_left_out(bf16_pass, without);
    const bool asked = reduced_precision_kernels<T>(run_.device) != nullptr,
               bf16 = asked && no_bf16.empty();
    if (!bf16) run_.device = {};
    if (asked)
      run_.notes.push_back(
          {bf16_pass, bf16,
           bf16 ? "products read weights and activations as bf16" : std::string(no_bf16)});
    std::string_view no_projected = run_.why_not(ProjectedEmbeddings<T>::name);
    const std::string_view no_deferred = run_.why_not(DeferredWeightGradients<T>::name);
    if (no_projected.empty() && bf16) no_projected = "products are made in bf16";
    if (no_projected.empty()) {
      projected_ = ProjectedEmbeddings<T>(run_.program, run_.parameters.table_rows, run_.capacity,
                                          run_.max_accumulators, run_.pool.threads());
    }
    using C = Context<T, Cpu>;
    const Step<T> start = run_.start_step();
    const Step<T> losses = run_.microbatch_step(
        Phase::loss, "losses", [](BatchRun<T>& run, const C& c) { run.all_losses(c); });
    const Step<T> zero = run_.microbatch_step(Phase::backward, "zero",
                                              [](BatchRun<T>& run, const C& c) { run.zero(c); });
    plain_ = training_schedule(run_.program, start, {losses, zero});
    plain_.notes = run_.notes;
    Step<T> weigh;
    weigh.scope = Step<T>::Scope::once;
    weigh.phase = Phase::loss;
    weigh.name = "weigh";
    weigh.state = &run_;
    weigh.once = [](void* state, Index) {
      BatchRun<T>& run = *static_cast<BatchRun<T>*>(state);
      run.sum_losses();
      run.weigh(run.weigh_context, run.losses, run.weights);
    };
    weighed_ = training_schedule(run_.program, start, {losses, weigh, losses, zero});
    weighed_.notes = run_.notes;
    for (const std::string_view pass :
         {DeferredWeightGradients<T>::name, ProjectedEmbeddings<T>::name}) {
      weighed_.notes.push_back(
          {pass, false, "the losses weigh the tasks between forward and backward"});
    }
    if (no_deferred.empty()) {
      deferred_ = DeferredWeightGradients<T>(
          plain_, plan(), run_.program.traits, run_.capacity, run_.device,
          [this](const Step<T>& step) { return !projected_.has_layer(step.place); });
    }
    const auto chosen = [&](Index n) {
      return Chosen{projected_.pays(n), deferred_.chosen(Microbatches::of(n))};
    };
    schedules_ = {run_.capacity, chosen, [&](Index n) {
                    ExecutionSchedule<T> schedule = plain_;
                    apply_pass(schedule, no_deferred, deferred_, Microbatches::of(n));
                    apply_pass(schedule, no_projected, projected_, n);
                    return schedule;
                  }};
    run_.current = &plain_;
    predict_ = forward_schedule(run_.program, false);
    Step<T> predict;
    predict.name = "predict";
    predict.state = this;
    predict.run = [](void* state, Index, const C& c) {
      const auto& self = *static_cast<const TrainExecutor*>(state);
      write_predictions(self.run_.program, self.predict_, c, self.predictions_);
    };
    predict_.steps.push_back(predict);
    evaluate_ = predict_;
    evaluate_.steps.push_back(losses);
    // Predictions alone need no losses over all items.
    std::erase_if(predict_.steps, [](const Step<T>& step) {
      return step.node != nullptr && step.node->scores_rows;
    });
  }

  BatchRun<T> run_;
  UpdateRun<T> update_;
  ProjectedEmbeddings<T> projected_;
  DeferredWeightGradients<T> deferred_;
  /// Without passes; with weights computed between forward and backward.
  ExecutionSchedule<T> plain_, weighed_;
  SchedulesBySize<T, Chosen> schedules_;
  ExecutionSchedule<T> predict_, evaluate_;  ///< forward only; forward and losses
  std::span<T* const> predictions_;          ///< output of the current predict()
};

#if defined(ESPALIER_INSTANTIATION)
#define ESPALIER_TRAIN_EXECUTOR(T)                         \
  ESPALIER_INSTANTIATION struct BatchRun<T>;               \
  ESPALIER_INSTANTIATION class UpdateRun<T>;               \
  ESPALIER_INSTANTIATION class ProjectedEmbeddings<T>;     \
  ESPALIER_INSTANTIATION class DeferredWeightGradients<T>; \
  ESPALIER_INSTANTIATION class TrainExecutor<T>;
ESPALIER_INSTANTIATE(ESPALIER_TRAIN_EXECUTOR)
#undef ESPALIER_TRAIN_EXECUTOR
#endif

}  // namespace espalier
