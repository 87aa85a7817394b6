// SPDX-License-Identifier: Apache-2.0
// `BatchRun<T>`: a batch on its way through a plan: slices and their activations, lanes of gradients, losses.
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
#include "espalier/core/threads.hpp"
#include "espalier/exec/parameters.hpp"
#include "espalier/exec/reducer.hpp"
#include "espalier/exec/sparse_gradients.hpp"
#include "espalier/exec/workspace.hpp"
#include "espalier/ops/program.hpp"
#include "espalier/passes/schedule.hpp"
#include "espalier/passes/slicing.hpp"

namespace espalier {

/// What executors, balancing and diagnosis work on. A batch is begun, then a schedule is run, or parts of the plan by themselves.
/// Every call's result is the same, bit for bit, for any number of threads.
template <class T>
struct BatchRun {
  using C = Context<T, Cpu>;
  /// Turns the task losses of this step (NaN: no labels) into the tasks' weights.
  using Weigh = void (*)(void* context, std::span<const double> losses, std::span<double> weights);

  Program<T, Cpu> program;
  Cpu device;
  ThreadPool pool;
  Parameters<T> parameters;
  Index capacity = 0;  ///< samples of the largest batch
  Index tasks = 0;
  Index max_slices = 0, max_slice = 0, max_lanes = 0;  ///< over all batches
  bool segmented = false;                              ///< some operation needs the whole batch

  SparseGradients<T> sparse;
  std::vector<const T*> tables;
  std::vector<Workspace<T>> workspaces;  ///< one a thread; one a slice where the plan or the balance needs barriers
  std::vector<Buffer<T>> lanes;          ///< gradients of the dense parameters, to be summed
  Buffer<T> scratch, merged, lookup_gradients;
  std::vector<double> losses, weights;
  std::vector<double> totals;  ///< Σ sample weight over the labelled samples of each task
  std::vector<double> slice_losses;
  std::vector<double> auxiliary;  ///< a slice: sums of the tasks' auxiliary losses, and the tasks' weights
  double batch_weight = 0;        ///< Σ sample weight over all samples
  std::vector<T> label_deviations;

  // Of the batch that was begun last.
  Batch<T> batch;
  Slicing slicing;
  std::uint64_t key = 0;
  bool training = true;
  Weigh weigh = nullptr;
  void* weigh_context = nullptr;
  Reducer<T>* reducer = nullptr;  ///< where other ranks have parts of the batch
  Index samples_before = 0;       ///< the samples of the ranks before
  const ExecutionSchedule<T>* current = nullptr;  ///< that has left the gradients
  bool rows_are_summed = false;  ///< `sparse` holds this batch's sums: a balancing method made them

  /// `vocabulary_rows`: rows of each vocabulary's tables. Throws ConfigError.
  ESPALIER_COLD BatchRun(const Program<T, Cpu>& of, const std::vector<Index>& vocabulary_rows, Index max_batch, int threads,
                         Cpu on)
      : program(of), device(on), pool(threads), parameters(of.plan, vocabulary_rows), capacity(max_batch) {
    if (max_batch < 1) throw ConfigError("batch_size is " + std::to_string(max_batch) + ", expected 1 or more");
    const PlanSizes& sizes = program.plan.sizes;
    for (const auto& operation : program.operations) {
      segmented = segmented || operation.merge_forward != nullptr || operation.merge_backward != nullptr;
    }
    tasks = static_cast<Index>(program.plan.tasks.size());
    const auto each_task = static_cast<std::size_t>(tasks);
    lookup_gradients = Buffer<T>(static_cast<std::size_t>(sizes.lookup_values * max_batch));
    sparse = SparseGradients<T>(program.plan, parameters.table_rows, max_batch);
    for (const Buffer<T>& table : parameters.tables) tables.push_back(table.data());
    losses.assign(each_task, 0.0);
    weights.assign(each_task, 1.0);
    totals.assign(each_task, 0.0);
    label_deviations.assign(each_task, T{1});
    // Smaller batches may have more slices than the largest: room for the worst.
    for (Index n = 1; n <= max_batch; ++n) {
      const Slicing s = Slicing::of(n);
      max_slices = (std::max)(max_slices, s.slices);
      max_slice = (std::max)(max_slice, (std::min)(n, s.slice));
      max_lanes = (std::max)(max_lanes, s.lanes);
    }
    // A lane may fall to any thread of the pool, however few lanes there are.
    const Index threads_at_work = pool.threads();
    const Index made = segmented ? (std::max)(max_slices, threads_at_work) : threads_at_work;
    for (Index i = 0; i < made; ++i) workspaces.emplace_back(program.plan, max_slice);
    for (Index i = 0; i < max_lanes; ++i) lanes.emplace_back(static_cast<std::size_t>(sizes.parameters));
    scratch = Buffer<T>(static_cast<std::size_t>(sizes.scratch * max_slices));
    merged = Buffer<T>(static_cast<std::size_t>(sizes.scratch));
    slice_losses.assign(static_cast<std::size_t>(tasks * max_slices), 0.0);
    auxiliary.assign(static_cast<std::size_t>(2 * tasks * max_slices), 0.0);
    pool.on_every_thread([on](int) { prepare_thread<T>(on); });
  }

  [[nodiscard]] const PlanView& plan() const { return program.plan; }

  void begin(const Batch<T>& of, std::span<const double> task_weights, std::uint64_t of_key) {
    assert(of.size <= capacity);
    batch = of;
    slicing = Slicing::of(batch.size);
    key = of_key;
    training = true;
    rows_are_summed = false;
    std::copy(task_weights.begin(), task_weights.end(), weights.begin());
    sum_label_weights();
    if (reducer != nullptr) reduce_label_weights();
  }

  /// Of samples that are predicted; only forward steps may run.
  void begin_prediction(const Batch<T>& of) {
    batch = of;
    slicing = Slicing::of(batch.size);
    training = false;
  }

  void make_workspace_for_each_slice() {
    if (static_cast<Index>(workspaces.size()) >= slicing.slices) return;
    while (static_cast<Index>(workspaces.size()) < max_slices) workspaces.emplace_back(plan(), max_slice);
  }

  [[nodiscard]] C context(Index slice, Index workspace, Index lane) {
    Workspace<T>& w = workspaces[static_cast<std::size_t>(workspace)];
    C c;
    c.device = device;
    c.batch = &batch;
    c.first = slicing.first_sample(slice);
    c.count = slicing.count(slice);
    c.samples_before = samples_before;
    c.capacity = w.capacity;
    c.training = training;
    c.key = key;
    c.storage.parameters = parameters.dense.data();
    c.storage.tables = tables.data();
    c.parameter_gradients = lanes[static_cast<std::size_t>(lane)].data();
    c.lane = lane;
    c.values = w.values.data();
    c.gradients = w.gradients.data();
    c.scratch = scratch.data() + slice * plan().sizes.scratch;
    c.merged = merged.data();
    c.lookup_gradients = lookup_gradients.data();
    c.batch_capacity = capacity;
    c.auxiliary = training ? auxiliary.data() + 2 * slice * tasks : nullptr;
    c.auxiliary_weights = training ? c.auxiliary + tasks : nullptr;
    c.batch_weight = batch_weight;
    return c;
  }

  /// The steps of a schedule over the batch that was begun.
  void run(const ExecutionSchedule<T>& schedule) {
    using Scope = typename Step<T>::Scope;
    const auto& steps = schedule.steps;
    if (schedule.waits) make_workspace_for_each_slice();
    for (std::size_t begin = 0; begin < steps.size();) {
      const Step<T>& step = steps[begin];
      std::size_t end = begin + 1;
      switch (step.scope) {
        case Scope::slice:
          while (end < steps.size() && steps[end].scope == Scope::slice) ++end;
          pool.run(slicing.lanes, [&](Index lane, int worker) {
            for (Index slice = slicing.first_slice(lane); slice < slicing.first_slice(lane + 1); ++slice) {
              const C c = context(slice, schedule.waits ? slice : Index{worker}, lane);
              for (std::size_t i = begin; i < end; ++i) steps[i].run_on(c);
            }
          });
          break;
        case Scope::pieces:
          pool.run(step.pieces, [&](Index piece, int worker) {
            step.piece(step.state, step.item, piece, worker, {&batch, parameters.dense.data(), tables.data(), lanes[0].data()});
          });
          break;
        case Scope::merge:
          if (step.is_on()) merge(step.merge, *step.node);
          break;
        case Scope::once: step.once(step.state, step.item); break;
      }
      begin = end;
    }
  }

  /// A step of each slice that does `work` with this run.
  template <class Work>
  [[nodiscard]] Step<T> slice_step(Phase phase, std::string_view name, Work) {
    Step<T> step;
    step.phase = phase;
    step.name = name;
    step.state = this;
    step.run = [](void* state, Index, const C& c) { Work{}(*static_cast<BatchRun*>(state), c); };
    return step;
  }
  /// What stands before all nodes: auxiliary losses add to zeros.
  [[nodiscard]] Step<T> start_step() {
    return slice_step(Phase::forward, "start", [](BatchRun& run, const C& c) { std::fill_n(c.auxiliary, run.tasks, 0.0); });
  }

  /// A task's loss over a slice, and the gradient at its logits.
  void loss(const C& c, Index k) {
    const auto at = static_cast<std::size_t>(k);
    const TaskInfo& task = plan().tasks[at];
    const double scale = totals[at] > 0 ? weights[at] / totals[at] : 0.0;
    double& value = slice_losses[static_cast<std::size_t>(c.first / slicing.slice * tasks + k)];
    value = program.losses[at].evaluate(as_const(c.value(task.logits)), batch.labels.column(k) + c.first,
                                        batch.weights == nullptr ? nullptr : batch.weights + c.first, static_cast<T>(scale),
                                        c.gradient(task.logits), label_deviations[at]);
    if (c.auxiliary == nullptr) return;
    if (batch_weight > 0) value += c.auxiliary[k] * (totals[at] / batch_weight);
    c.auxiliary[tasks + k] = totals[at] > 0 ? weights[at] : 0.0;
  }
  void all_losses(const C& c) {
    for (Index k = 0; k < tasks; ++k) loss(c, k);
  }

  /// Zeros where backward passes of all tasks only add.
  void zero(const C& c) const {
    for (const Block& block : plan().zeroed) {
      const View<T> g = c.gradient(block);
      for (Index j = 0; j < g.cols; ++j) std::fill_n(g.column(j), g.rows, T{0});
    }
  }

  /// Where a schedule that `waits` has left each slice's activations.
  void each_slice(FunctionRef<void(const C& c, Index slice)> work) {
    pool.run(slicing.lanes, [&](Index lane, int) {
      for (Index slice = slicing.first_slice(lane); slice < slicing.first_slice(lane + 1); ++slice) {
        work(context(slice, slice, lane), slice);
      }
    });
  }

  void merge(typename OperationFunctions<T, Cpu>::Merge function, const Node& node) {
    function(node, scratch.data() + node.scratch, plan().sizes.scratch, slicing.slices, parameters.dense.data(),
             merged.data() + node.scratch);
  }

  /// Σ sample weight over the labelled samples of each task, and over all samples.
  void sum_label_weights() {
    batch_weight = batch.weights == nullptr ? static_cast<double>(batch.size) : 0;
    for (Index j = 0; batch.weights != nullptr && j < batch.size; ++j) batch_weight += static_cast<double>(batch.weights[j]);
    for (Index k = 0; k < tasks; ++k) {
      const T* labels = batch.labels.column(k);
      double sum = 0;
      for (Index j = 0; j < batch.size; ++j) {
        if (labels[j] == labels[j]) sum += batch.weights == nullptr ? 1.0 : static_cast<double>(batch.weights[j]);
      }
      totals[static_cast<std::size_t>(k)] = sum;
    }
  }

  /// The tasks' losses of the batch; NaN where it has no label of a task.
  void sum_losses() {
    for (Index k = 0; k < tasks; ++k) {
      const auto at = static_cast<std::size_t>(k);
      double sum = 0;
      for (Index s = 0; s < slicing.slices; ++s) sum += slice_losses[static_cast<std::size_t>(s * tasks + k)];
      losses[at] = sum;
    }
    if (reducer != nullptr) reducer->sum(losses);
    for (std::size_t k = 0; k < losses.size(); ++k) losses[k] = totals[k] > 0 ? losses[k] / totals[k] : std::nan("");
  }

  /// Sums the gradients of a shard's rows.
  void collect(Index shard) {
    if (rows_are_summed) return;
    auto& rows = sparse.shard(shard);
    if (current->has_summed_table(rows.table)) {
      current->collect(current->collect_state, rows.table, rows.part, sparse.parts(), rows.rows, rows.sums.data());
    } else {
      sparse.collect(shard, batch, lookup_gradients.data(), capacity);
    }
  }
  /// How many lanes hold gradients of these dense parameters.
  [[nodiscard]] Index lanes_with(Index begin, Index end) const { return current->has_summed(begin, end) ? 1 : slicing.lanes; }

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
  /// The totals of all ranks, and how many samples lie before this one's.
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
