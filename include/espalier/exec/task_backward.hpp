// SPDX-License-Identifier: Apache-2.0
// `TaskBackward<T>`: backward passes of single tasks over the microbatches of a batch.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "espalier/core/error.hpp"
#include "espalier/exec/executor.hpp"
#include "espalier/passes/task_paths.hpp"

namespace espalier {

/// Base of ParameterGradients and RepresentationGradients: each task's path through the plan.
template <class T>
class TaskBackward {
 public:
  TaskBackward(const TaskBackward&) = delete;  // steps refer to it
  TaskBackward& operator=(const TaskBackward&) = delete;

  /// Sets the tasks that have labels in this step and a weight > 0, in ascending order.
  void set_present(std::span<const std::size_t> tasks) {
    present_.assign(tasks.begin(), tasks.end());
    std::fill_n(is_present_.get(), tasks_, false);
    for (const std::size_t k : tasks) is_present_[k] = true;
  }

  /// Inner products of the tasks' gradients in pieces of tasks × tasks values; lower triangle only.
  [[nodiscard]] std::span<const double> products() const { return partial_; }

 protected:
  using C = Context<T, Cpu>;

  /// A path, and the destinations of its parameter gradients.
  struct Path : BackwardPath {
    std::vector<bool>
        own;  ///< per node: only parameters of single tasks, so to the executor's accumulators
    std::vector<int> lookups;
  };

  explicit TaskBackward(TrainExecutor<T>& executor)
      : run_(executor.batch_run()),
        freeze_mask_(executor.freeze_mask()),
        tasks_(executor.plan().tasks.size()),
        is_present_(new bool[tasks_]()) {
    present_.reserve(tasks_);
  }

  [[nodiscard]] Path path_of(std::span<const Block> seeds, std::span<const Block> boundary = {},
                             const AuxiliaryLosses& from = {}) {
    const PlanView& plan = run_.program.plan;
    Path path{backward_path(plan, run_.program.traits, seeds, boundary, from), {}, {}};
    for (const Node& node : path.nodes) {
      path.own.push_back(owned(node));
      if (node.lookup >= 0) path.lookups.push_back(node.lookup);
    }
    return path;
  }

  /// Calls visit(tensor) for the node's trainable tensors.
  template <class Visit>
  void each_tensor(const Node& node, Visit&& visit) const {
    for_each_tensor(run_.program.plan, node, [&](std::size_t, const ParameterInfo& t) {
      if (t.trainable) visit(t);
    });
  }

  /// Schedule of the forward pass, to which the tasks' paths are added.
  [[nodiscard]] ESPALIER_COLD ExecutionSchedule<T> forward() {
    ExecutionSchedule<T> schedule = forward_schedule(run_.program, true);
    schedule.steps.insert(schedule.steps.begin(), run_.start_step());
    schedule.notes = run_.notes;
    schedule.notes.push_back(
        {"projected_embeddings", false, "each task has a gradient of its own"});
    schedule.notes.push_back({pass_name, true,
                              message({"backward for each of ", static_cast<Index>(tasks_),
                                       " tasks, over the nodes that its loss reaches"})});
    return schedule;
  }

  /// Adds task k's loss, and the backward pass of its path, which runs if the task is present.
  ESPALIER_COLD void add_task(ExecutionSchedule<T>& schedule, std::size_t k) {
    Step<T> start;
    start.phase = Phase::loss;
    start.name = "loss";
    start.state = this;
    start.item = static_cast<Index>(k);
    start.run = [](void* state, Index task, const C& c) {
      auto& self = *static_cast<TaskBackward*>(state);
      self.run_.loss(c, task);
      for (const Block& block : self.paths_[static_cast<std::size_t>(task)].zeroed)
        zero(c.gradient(block));
    };
    schedule.steps.push_back(start);
    add_path(schedule, paths_[k], static_cast<Index>(k));
  }

  /// Adds the backward pass of a path; if task is −1, it always runs. Steps refer to the path's
  /// nodes, which must not move.
  ESPALIER_COLD void add_path(ExecutionSchedule<T>& schedule, const Path& path, Index task) {
    for (std::size_t i = path.nodes.size(); i-- > 0;) {
      const std::size_t from = schedule.steps.size();
      add_node(schedule, run_.program, path.places[i], path.nodes[i], Phase::backward);
      for (std::size_t s = from; s < schedule.steps.size(); ++s) {
        schedule.steps[s].pass = pass_name;
        schedule.steps[s].when = task < 0 ? nullptr : when(static_cast<std::size_t>(task));
      }
      if (path.own[i] || accumulators_.empty()) continue;
      Step<T>& step = schedule.steps[from];
      step.operation = nullptr;
      step.state = this;
      step.item = static_cast<Index>(walks_.size());
      step.run = [](void* state, Index item, const C& c) {
        static_cast<TaskBackward*>(state)->walk(item, c);
      };
      walks_.push_back({&path.nodes[i], path.places[i], static_cast<std::size_t>(task)});
    }
  }

  /// Step::when for steps that run if task k is present.
  [[nodiscard]] const bool* when(std::size_t k) const { return &is_present_[k]; }

  static void zero(View<T> g) {
    for (Index j = 0; j < g.cols; ++j) std::fill_n(g.column(j), g.rows, T{0});
  }

  /// ⟨a, b⟩, in partial sums that are added in a fixed order. In single precision, products of
  /// values overflow from 1e19 on and underflow below 1e-23; a result whose absolute value is
  /// outside [1e-30, 1e30] is recomputed in double.
  [[nodiscard]] static double dot(const T* a, const T* b, Index n) {
    const double sum = dot_of_runs(a, b, n), size = std::abs(sum);
    if (sizeof(T) == sizeof(double) || (size >= 1e-30 && size <= 1e30)) return sum;
    double exact = 0;
    for (Index i = 0; i < n; ++i) exact += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    return exact;
  }

  [[nodiscard]] static double dot_of_runs(const T* a, const T* b, Index n) {
    constexpr Index parts = 16, run = 512;
    double sum = 0;
    Index i = 0;
    while (i + parts <= n) {
      T sums[parts] = {};
      for (const Index end = (std::min)(n, i + run); i + parts <= end; i += parts) {
        for (Index p = 0; p < parts; ++p) sums[p] += a[i + p] * b[i + p];
      }
      T half[8];
      for (Index p = 0; p < 8; ++p) half[p] = sums[p] + sums[p + 8];
      sum += static_cast<double>(((half[0] + half[4]) + (half[2] + half[6])) +
                                 ((half[1] + half[5]) + (half[3] + half[7])));
    }
    for (; i < n; ++i) sum += static_cast<double>(a[i] * b[i]);
    return sum;
  }

  /// Destination of a task's gradients of shared parameters. If accumulators_ is empty, they go to
  /// the executor's accumulators.
  [[nodiscard]] Buffer<T>& accumulator_of(Index accumulator, std::size_t k) {
    return accumulators_[static_cast<std::size_t>(accumulator) * tasks_ + k];
  }

  static constexpr std::string_view pass_name = "task_paths";

  BatchRun<T>& run_;
  const FreezeMask& freeze_mask_;
  std::size_t tasks_;
  std::vector<Path> paths_;  ///< one per task
  std::vector<Buffer<T>>
      accumulators_;  ///< gradients of the dense parameters: by accumulator, then by task
  std::vector<Buffer<T>> lookups_;  ///< per task: gradients of lookups
  std::vector<std::size_t> present_;
  std::vector<double> partial_;

 private:
  /// A node of a path whose gradients go to the task's accumulators.
  struct Walk {
    const Node* node = nullptr;
    std::size_t place = 0, task = 0;
  };

  void walk(Index item, C c) {
    const Walk& at = walks_[static_cast<std::size_t>(item)];
    c.parameter_gradients = accumulator_of(c.accumulator, at.task).data();
    c.lookup_gradients = lookups_[at.task].data();
    run_.program.operations[at.place].backward(*at.node, c);
  }

  [[nodiscard]] bool owned(const Node& node) const {
    bool all = true, any = false;
    each_tensor(node, [&](const ParameterInfo& t) {
      any = true;
      all = all && t.task != shared_by_tasks;
    });
    return any && all;
  }

  std::vector<Walk> walks_;
  std::unique_ptr<bool[]> is_present_;  ///< one per task; steps refer to them
};

}  // namespace espalier
