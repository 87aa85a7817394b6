// SPDX-License-Identifier: Apache-2.0
// `BatchRun<T>`: runs a batch through a plan. Owns activations, gradient accumulators and losses.
#pragma once

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/function_ref.hpp"
#include "espalier/core/threads.hpp"
#include "espalier/exec/parameters.hpp"
#include "espalier/exec/reducer.hpp"
#include "espalier/exec/sequence_limits.hpp"
#include "espalier/exec/sparse_gradients.hpp"
#include "espalier/exec/workspace.hpp"
#include "espalier/ops/cpu/program.hpp"
#include "espalier/passes/microbatches.hpp"
#include "espalier/passes/schedule.hpp"

namespace espalier {

/// Shared by executors, balancing and diagnosis. Call begin() for a batch, then run() schedules.
/// Results are bit-identical for any number of threads.
template <class T>
struct BatchRun {
  using C = Context<T, Cpu>;
  /// Computes the tasks' weights from this step's losses; a loss is NaN if the task has no labels.
  using Weigh = void (*)(void* context, std::span<const double> losses, std::span<double> weights);

  Program<T, Cpu> program;
  Cpu device;
  ThreadPool pool;
  Parameters<T> parameters;
  Index capacity = 0;  ///< samples of the largest batch
  Index tasks = 0;
  Index max_microbatches = 0, max_microbatch = 0, max_accumulators = 0;  ///< over all batch sizes
  bool segmented = false;  ///< some operation needs the whole batch

  SequenceLimits limits;
  SparseGradients<T> sparse;
  std::vector<const T*> tables;
  /// One per thread, or one per microbatch if the plan or the balancing method needs barriers.
  std::vector<Workspace<T>> workspaces;
  std::vector<Buffer<T>> accumulators;  ///< gradients of the dense parameters, to be summed
  Buffer<T> scratch, merged, lookup_gradients;
  std::vector<double> losses, weights;
  std::vector<double> totals;  ///< Σ sample weight over the labelled samples of each task
  std::vector<double> microbatch_losses;
  /// Per microbatch: sums of auxiliary losses, one per task, then the tasks' weights.
  std::vector<double> auxiliary;
  double batch_weight = 0;  ///< Σ sample weight over all samples
  std::vector<T> label_deviations;

  // State of the current batch, and settings.
  Batch<T> batch;
  Microbatches microbatches;
  std::uint64_t key = 0;
  bool training = true;
  Weigh weigh = nullptr;
  void* weigh_context = nullptr;
  Reducer<T>* reducer = nullptr;     ///< null unless other ranks have parts of the batch; not owned
  Index samples_before = 0;          ///< samples on lower ranks
  std::vector<std::string> without;  ///< names of passes to leave out
  std::vector<PassNote> notes;       ///< notes that apply to every training schedule
  const ExecutionSchedule<T>* current = nullptr;  ///< schedule that computed the gradients
  bool rows_are_summed = false;  ///< a balancing method has written this batch's sums to `sparse`

  /// `vocabulary_rows`: rows of each vocabulary's tables. Throws ConfigError if max_batch < 1, and
  /// as Parameters does.
  ESPALIER_COLD BatchRun(const Program<T, Cpu>& of, const std::vector<Index>& vocabulary_rows,
                         Index max_batch, int threads, Cpu on)
      : program(of),
        device(on),
        pool(threads),
        parameters(of.plan, vocabulary_rows),
        capacity(max_batch),
        limits(of.plan) {
    if (max_batch < 1)
      throw ConfigError("batch_size is " + std::to_string(max_batch) + ", expected 1 or more");
    const PlanSizes& sizes = program.plan.sizes;
    for (const auto& operation : program.operations) {
      segmented =
          segmented || operation.merge_forward != nullptr || operation.merge_backward != nullptr;
    }
    tasks = static_cast<Index>(program.plan.tasks.size());
    const auto each_task = static_cast<std::size_t>(tasks);
    lookup_gradients = Buffer<T>(static_cast<std::size_t>(sizes.lookup_values * max_batch));
    sparse = SparseGradients<T>(program.plan, parameters.table_rows, max_batch, program.operations);
    for (const Buffer<T>& table : parameters.tables) tables.push_back(table.data());
    losses.assign(each_task, 0.0);
    weights.assign(each_task, 1.0);
    totals.assign(each_task, 0.0);
    label_deviations.assign(each_task, T{1});
    // Smaller batches may have more microbatches than the largest: allocate for the maximum over
    // batch sizes.
    for (Index n = 1; n <= max_batch; ++n) {
      const Microbatches m = Microbatches::of(n);
      max_microbatches = (std::max)(max_microbatches, m.count);
      max_microbatch = (std::max)(max_microbatch, (std::min)(n, m.size));
      max_accumulators = (std::max)(max_accumulators, m.accumulators);
    }
    // Any thread may run an accumulator, even if there are fewer accumulators than threads.
    const Index threads_at_work = pool.threads();
    const Index made = segmented ? (std::max)(max_microbatches, threads_at_work) : threads_at_work;
    for (Index i = 0; i < made; ++i) workspaces.emplace_back(program.plan, max_microbatch);
    for (Index i = 0; i < max_accumulators; ++i)
      accumulators.emplace_back(static_cast<std::size_t>(sizes.parameters));
    scratch = Buffer<T>(static_cast<std::size_t>(sizes.scratch * max_microbatches));
    merged = Buffer<T>(static_cast<std::size_t>(sizes.scratch));
    microbatch_losses.assign(static_cast<std::size_t>(tasks * max_microbatches), 0.0);
    auxiliary.assign(static_cast<std::size_t>(2 * tasks * max_microbatches), 0.0);
    pool.on_every_thread([on](int) { prepare_thread<T>(on); });
  }

  [[nodiscard]] const PlanView& plan() const { return program.plan; }

  /// Throws ConfigError if a sequence is too long.
  void begin(const Batch<T>& of, std::span<const double> task_weights, std::uint64_t of_key) {
    assert(of.size <= capacity);
    limits.check(of);
    batch = of;
    microbatches = Microbatches::of(batch.size);
    key = of_key;
    training = true;
    rows_are_summed = false;
    std::copy(task_weights.begin(), task_weights.end(), weights.begin());
    sum_label_weights();
    if (reducer != nullptr) reduce_label_weights();
  }

  /// Begins a batch for prediction: only forward steps and losses may run. Throws as begin() does.
  void begin_prediction(const Batch<T>& of) {
    assert(of.size <= capacity);
    limits.check(of);
    batch = of;
    microbatches = Microbatches::of(batch.size);
    training = false;
  }

  void make_workspace_for_each_microbatch() {
    if (static_cast<Index>(workspaces.size()) >= microbatches.count) return;
    while (static_cast<Index>(workspaces.size()) < max_microbatches)
      workspaces.emplace_back(plan(), max_microbatch);
  }

  [[nodiscard]] C context(Index microbatch, Index workspace, Index accumulator) {
    Workspace<T>& w = workspaces[static_cast<std::size_t>(workspace)];
    C c;
    c.device = device;
    c.batch = &batch;
    c.first = microbatches.first_sample(microbatch);
    c.count = microbatches.samples_of(microbatch);
    c.samples_before = samples_before;
    c.capacity = w.capacity;
    c.training = training;
    c.key = key;
    c.storage.parameters = parameters.dense.data();
    c.storage.tables = tables.data();
    c.storage.table_rows = parameters.table_rows.data();
    c.parameter_gradients = accumulators[static_cast<std::size_t>(accumulator)].data();
    c.accumulator = accumulator;
    c.values = w.values.data();
    c.gradients = w.gradients.data();
    c.scratch = scratch.data() + microbatch * plan().sizes.scratch;
    c.merged = merged.data();
    c.lookup_gradients = lookup_gradients.data();
    c.batch_capacity = capacity;
    c.auxiliary = training ? auxiliary.data() + 2 * microbatch * tasks : nullptr;
    c.auxiliary_weights = training ? c.auxiliary + tasks : nullptr;
    c.batch_weight = batch_weight;
    return c;
  }

  /// Runs the steps of a schedule on the current batch.
  void run(const ExecutionSchedule<T>& schedule) {
    using Scope = typename Step<T>::Scope;
    const auto& steps = schedule.steps;
    if (schedule.waits) make_workspace_for_each_microbatch();
    for (std::size_t begin = 0; begin < steps.size();) {
      const Step<T>& step = steps[begin];
      std::size_t end = begin + 1;
      switch (step.scope) {
        case Scope::microbatch:
          while (end < steps.size() && steps[end].scope == Scope::microbatch) ++end;
          pool.run(microbatches.accumulators, [&](Index accumulator, int worker) {
            for (Index microbatch = microbatches.first(accumulator);
                 microbatch < microbatches.first(accumulator + 1); ++microbatch) {
              const C c =
                  context(microbatch, schedule.waits ? microbatch : Index{worker}, accumulator);
              for (std::size_t i = begin; i < end; ++i) steps[i].run_on(c);
            }
          });
          break;
        case Scope::pieces:
          pool.run(step.pieces, [&](Index piece, int worker) {
            step.piece(step.state, step.item, piece, worker,
                       {&batch, parameters.dense.data(), tables.data(), accumulators[0].data()});
          });
          break;
        case Scope::merge:
          if (step.is_on()) merge(step.merge, *step.node);
          break;
        case Scope::once:
          step.once(step.state, step.item);
          break;
      }
      begin = end;
    }
  }

  /// A microbatch step that calls work(*this, context). `Work` is a stateless lambda.
  template <class Work>
  [[nodiscard]] Step<T> microbatch_step(Phase phase, std::string_view name, Work) {
    Step<T> step;
    step.phase = phase;
    step.name = name;
    step.state = this;
    step.run = [](void* state, Index, const C& c) { Work{}(*static_cast<BatchRun*>(state), c); };
    return step;
  }
  /// First step of a schedule: zeroes the sums of auxiliary losses.
  [[nodiscard]] Step<T> start_step() {
    return microbatch_step(Phase::forward, "start", [](BatchRun& run, const C& c) {
      std::fill_n(c.auxiliary, run.tasks, 0.0);
    });
  }

  /// Computes a task's loss over a microbatch, and the gradient of its logits.
  void loss(const C& c, Index k) {
    const auto at = static_cast<std::size_t>(k);
    const TaskInfo& task = plan().tasks[at];
    const double scale = totals[at] > 0 ? weights[at] / totals[at] : 0.0;
    double& value =
        microbatch_losses[static_cast<std::size_t>(c.first / microbatches.size * tasks + k)];
    value = program.losses[at].evaluate(
        as_const(c.value(task.logits)), batch.labels.column(k) + c.first,
        batch.weights == nullptr ? nullptr : batch.weights + c.first, static_cast<T>(scale),
        c.gradient(task.logits), label_deviations[at]);
    if (c.auxiliary == nullptr) return;
    if (batch_weight > 0) value += c.auxiliary[k] * (totals[at] / batch_weight);
    c.auxiliary[tasks + k] = totals[at] > 0 ? weights[at] : 0.0;
  }
  void all_losses(const C& c) {
    for (Index k = 0; k < tasks; ++k) loss(c, k);
  }

  /// Zeroes gradients that all nodes add to in the backward pass.
  void zero(const C& c) const {
    for (const Block& block : plan().zeroed) {
      const View<T> g = c.gradient(block);
      for (Index j = 0; j < g.cols; ++j) std::fill_n(g.column(j), g.rows, T{0});
    }
  }

  /// Calls work for each microbatch, with the activations left by a schedule that `waits`.
  void each_microbatch(FunctionRef<void(const C& c, Index microbatch)> work) {
    pool.run(microbatches.accumulators, [&](Index accumulator, int) {
      for (Index microbatch = microbatches.first(accumulator);
           microbatch < microbatches.first(accumulator + 1); ++microbatch) {
        work(context(microbatch, microbatch, accumulator), microbatch);
      }
    });
  }

  void merge(typename OperationFunctions<T, Cpu>::Merge function, const Node& node) {
    function(node, scratch.data() + node.scratch, plan().sizes.scratch, microbatches.count,
             parameters.dense.data(), merged.data() + node.scratch);
  }

  /// Computes Σ sample weight over the labelled samples of each task, and over all samples.
  void sum_label_weights() {
    batch_weight = batch.weights == nullptr ? static_cast<double>(batch.size) : 0;
    for (Index j = 0; batch.weights != nullptr && j < batch.size; ++j)
      batch_weight += static_cast<double>(batch.weights[j]);
    for (Index k = 0; k < tasks; ++k) {
      const T* labels = batch.labels.column(k);
      double sum = 0;
      for (Index j = 0; j < batch.size; ++j) {
        if (labels[j] == labels[j])
          sum += batch.weights == nullptr ? 1.0 : static_cast<double>(batch.weights[j]);
      }
      totals[static_cast<std::size_t>(k)] = sum;
    }
  }

  /// Computes the tasks' losses of the batch; NaN for a task without labels in it.
  void sum_losses() {
    for (Index k = 0; k < tasks; ++k) {
      const auto at = static_cast<std::size_t>(k);
      double sum = 0;
      for (Index s = 0; s < microbatches.count; ++s)
        sum += microbatch_losses[static_cast<std::size_t>(s * tasks + k)];
      losses[at] = sum;
    }
    if (reducer != nullptr) reducer->sum(losses);
    for (std::size_t k = 0; k < losses.size(); ++k)
      losses[k] = totals[k] > 0 ? losses[k] / totals[k] : std::nan("");
  }

  /// Returns why a training pass is not applied; empty if it is.
  [[nodiscard]] ESPALIER_COLD std::string_view why_not(std::string_view pass) const {
    const std::string_view why = why_left_out(pass, without);
    return why.empty() && segmented ? "an operation waits for the whole batch" : why;
  }

  /// Sums the gradients of a shard's rows.
  void collect(Index shard) {
    if (rows_are_summed) return;
    auto& rows = sparse.shard(shard);
    if (current->has_summed_table(rows.table)) {
      current->collect(current->collect_state, rows.table, rows.part, sparse.parts(), rows.rows,
                       rows.sums.data());
    } else {
      sparse.collect(shard, batch, lookup_gradients.data(), capacity, tables.data(), key);
    }
  }
  /// Number of accumulators that hold gradients of these dense parameters.
  [[nodiscard]] Index accumulators_with(Index begin, Index end) const {
    return current->has_summed(begin, end) ? 1 : microbatches.accumulators;
  }

  void poison(T value) {
    for (Workspace<T>& w : workspaces) {
      w.values.fill(value);
      w.gradients.fill(value);
    }
    scratch.fill(value);
    merged.fill(value);
    lookup_gradients.fill(value);
  }

 private:
  /// Sums the totals over all ranks; counts the samples on lower ranks.
  void reduce_label_weights() {
    std::vector<double> values(totals);
    values.push_back(batch_weight);
    const std::size_t own = values.size();
    values.resize(own + static_cast<std::size_t>(reducer->ranks()), 0.0);
    values[own + static_cast<std::size_t>(reducer->rank())] = static_cast<double>(batch.size);
    reducer->sum(values);
    std::copy_n(values.begin(), totals.size(), totals.begin());
    batch_weight = values[totals.size()];
    double before = 0;
    for (int r = 0; r < reducer->rank(); ++r) before += values[own + static_cast<std::size_t>(r)];
    samples_before = static_cast<Index>(before);
  }
};

}  // namespace espalier
