// SPDX-License-Identifier: Apache-2.0
// `TaskBackward<T>`: backward passes of single tasks over the slices of a batch.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "espalier/exec/executor.hpp"
#include "espalier/passes/task_paths.hpp"

namespace espalier {

/// What both ways to take the tasks' gradients stand on: the path of each task through the plan, and
/// walks along it.
template <class T>
class TaskBackward {
 public:
  /// The tasks of this step that have labels and a weight, in their order.
  void set_present(std::span<const std::size_t> tasks) { present_.assign(tasks.begin(), tasks.end()); }

  /// The inner products of the tasks' gradients in pieces, tasks × tasks each: k ≥ other only.
  [[nodiscard]] std::span<const double> products() const { return partial_; }

 protected:
  using C = Context<T, cpu::Device>;

  /// A path, and where its gradients of parameters go.
  struct Path : BackwardPath {
    std::vector<bool>
        own;  ///< by node: to the executor's lane, as only parameters of single tasks are touched
    std::vector<int> lookups;
    bool merges = false;  ///< some node needs all slices
  };

  explicit TaskBackward(TrainExecutor<T>& executor)
      : run_(executor.batch_run()), trainable_(executor.trainable()), tasks_(executor.plan().tasks.size()) {
    present_.reserve(tasks_);
  }

  [[nodiscard]] Path path_of(std::span<const Block> seeds, std::span<const Block> boundary = {},
                             const AuxiliaryLosses& from = {}) {
    const PlanView& plan = run_.program.plan;
    Path path{backward_path(plan, seeds, boundary, from), {}, {}, false};
    for (std::size_t i = 0; i < path.nodes.size(); ++i) {
      const Node& node = path.nodes[i];
      path.own.push_back(owned(node));
      if (node.lookup >= 0) path.lookups.push_back(node.lookup);
      path.merges = path.merges || run_.program.operations[path.places[i]].merge_backward != nullptr;
    }
    return path;
  }

  /// Calls visit(tensor) for what the node learns.
  template <class Visit>
  void each_tensor(const Node& node, Visit&& visit) const {
    for_each_tensor(run_.program.plan, node, [&](std::size_t, const ParameterInfo& t) {
      if (t.trainable) visit(t);
    });
  }

  [[nodiscard]] bool present(std::size_t k) const {
    return std::find(present_.begin(), present_.end(), k) != present_.end();
  }

  /// The gradient at task k's logits, and zeros where its path wants them.
  void start(const C& c, std::size_t k) {
    run_.loss(c, static_cast<Index>(k));
    for (const Block& block : paths_[k].zeroed) zero(c.gradient(block));
  }

  static void zero(View<T> g) {
    for (Index j = 0; j < g.cols; ++j) std::fill_n(g.column(j), g.rows, T{0});
  }

  /// Nodes end − 1 … begin. `own`: the executor's lane.
  void walk(const Path& path, const C& c, const C& own, std::size_t end, std::size_t begin) {
    for (std::size_t i = end; i-- > begin;) {
      run_.program.operations[path.places[i]].backward(path.nodes[i], path.own[i] ? own : c);
    }
  }

  /// The same with barriers where a node needs all slices. buffers(context, lane) is the context
  /// that gradients of shared parameters go to.
  template <class Buffers>
  void walk_segments(const Path& path, Buffers&& buffers) {
    for (std::size_t end = path.nodes.size(); end > 0;) {
      std::size_t begin = end;
      while (begin > 0 && run_.program.operations[path.places[--begin]].merge_backward == nullptr) {
      }
      run_.pool.run(run_.slicing.lanes, [&](Index lane, int) {
        for (Index slice = run_.slicing.first_slice(lane); slice < run_.slicing.first_slice(lane + 1);
             ++slice) {
          const C own = run_.context(slice, slice, lane);
          walk(path, buffers(own, lane), own, end, begin);
        }
      });
      if (const auto run = run_.program.operations[path.places[begin]].merge_backward;
          run != nullptr) {
        run_.merge(run, path.nodes[begin]);
      }
      end = begin;
    }
  }

  /// In runs of partial sums that are added in a fixed order. Products of single precision overflow
  /// from gradients of 1e19 on and vanish below 1e-23: then in double.
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

  BatchRun<T>& run_;
  const Trainable& trainable_;
  std::size_t tasks_;
  std::vector<Path> paths_;  ///< one a task
  std::vector<std::size_t> present_;
  std::vector<double> partial_;

 private:
  [[nodiscard]] bool owned(const Node& node) const {
    bool all = true, any = false;
    each_tensor(node, [&](const ParameterInfo& t) {
      any = true;
      all = all && t.task != shared_by_tasks;
    });
    return any && all;
  }
};

}  // namespace espalier
