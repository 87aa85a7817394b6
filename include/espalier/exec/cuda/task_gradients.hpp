// SPDX-License-Identifier: Apache-2.0
// `CudaTaskGradients`: steps of a gradient method on a GPU. The gradients stay there; the host gets
// their Gramian and gives the weights.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "espalier/balance/gradient_method.hpp"
#include "espalier/core/error.hpp"
#include "espalier/exec/balance_option.hpp"
#include "espalier/exec/cuda/recorded_graphs.hpp"
#include "espalier/exec/cuda/train_executor.hpp"
#include "espalier/exec/parameter_ranges.hpp"
#include "espalier/kernels/cuda/task_gradients.hpp"
#include "espalier/passes/task_paths.hpp"

namespace espalier {

/// As TaskGradientPass with `BalanceOn::parameters`, in two graphs: down to the products of the
/// tasks' gradients; and from their weighted sum to the updated parameters. Every task runs
/// backward over the nodes that its loss reaches, also if it has no labels in the batch: its
/// gradient is then 0.
class CudaTaskGradients {
 public:
  /// Construct after CudaTrainExecutor::prepare(). Throws ConfigError for methods that rewrite
  /// gradients, and for `BalanceOn::representation`: they are not on GPUs yet.
  ESPALIER_COLD CudaTaskGradients(CudaTrainExecutor& executor, BalanceOn on,
                                  const GradientAggregator& balance)
      : run_(executor.batch_run()), update_(executor.update_run()), tasks_(run_.tasks) {
    if (balance.needs_coordinates()) {
      throw_error<ConfigError>({"balance '", balance.name(),
                                "' rewrites the tasks' gradients, which is not on GPUs yet; "
                                "expected a method that weighs losses or gradients"});
    }
    if (on == BalanceOn::representation)
      throw ConfigError("balance_on is representation, which is not on GPUs yet");
    const PlanView& plan = run_.plan();
    for (std::size_t k = 0; k < tasks_; ++k) {
      paths_.push_back(backward_path(plan, run_.program.traits, {&plan.tasks[k].logits, 1}, {},
                                     {static_cast<int>(k), true}));
      ExecutionSchedule<float, Cuda>& backward = backward_.emplace_back();
      for (std::size_t i = paths_[k].nodes.size(); i-- > 0;)
        add_node(backward, run_.program, paths_[k].places[i], paths_[k].nodes[i], Phase::backward);
    }
    for (const ParameterRange& range : parameter_ranges(plan, update_.freeze_mask(), true)) {
      const bool joins = !ranges_.empty() && ranges_.back().end == range.begin &&
                         ranges_.back().shared == range.shared &&
                         ranges_.back().frozen == range.frozen;
      if (joins) {
        ranges_.back().end = range.end;
      } else {
        ranges_.push_back(range);
      }
    }
    const char* const what = "gradients of the tasks";
    dense_ = cuda::Memory<float>(tasks_ * run_.gradients.size(), what);
    lookups_ = cuda::Memory<float>(tasks_ * run_.lookup_gradients.size(), what);
    products_ = cuda::Memory<double>(tasks_ * tasks_, "products of gradients");
    read_products_ = cuda::Pinned<double>(tasks_ * tasks_, "products of gradients");
    weights_ = cuda::Memory<float>(tasks_, "weights of gradients");
    staging_ = cuda::Staging(tasks_ * sizeof(float));
    gramian_.assign(tasks_ * tasks_, 0.0);
    alpha_.assign(tasks_, 1.0);
  }

  CudaTaskGradients(const CudaTaskGradients&) = delete;  // schedules refer to it
  CudaTaskGradients& operator=(const CudaTaskGradients&) = delete;

  std::span<const double> step(const Batch<float>& batch, std::span<const double> weights,
                               std::uint64_t key, GradientAggregator& balance,
                               const UpdateStep& step, double max_norm) {
    run_.begin(batch);
    make_room_for_rows();
    update_.set(weights, key, step, max_norm);
    graphs_.launch(run_, 0, [this](const Batch<float>& on) { submit_products(on); });
    run_.wait_for_losses();
    std::copy_n(read_products_.data(), gramian_.size(), gramian_.begin());
    for (std::size_t k = 0; k < tasks_; ++k) {
      if (!(run_.total(k) > 0 && weights[k] > 0)) gramian_[k * tasks_ + k] = std::nan("");
    }
    balance.weights(gramian_, run_.losses, key, alpha_);
    auto* const to = reinterpret_cast<float*>(staging_.next());
    for (std::size_t k = 0; k < tasks_; ++k) to[k] = static_cast<float>(alpha_[k]);
    cuda::copy_to_device(run_.stream.get(), weights_.data(), to, tasks_ * sizeof(float));
    staging_.sent(run_.stream.get());
    graphs_.launch(run_, 1, [this](const Batch<float>& on) { submit_update(on); });
    return run_.losses;
  }

  /// Of the last step; see TaskGradientPass.
  [[nodiscard]] std::span<const double> gramian() const { return gramian_; }
  [[nodiscard]] std::span<const double> weights() const { return alpha_; }

 private:
  using C = CudaBatchRun::C;

  /// Room for the sums of rows of each task, as many as a batch can touch.
  void make_room_for_rows() {
    const cuda::SortedRows& sorted = run_.rows.sorted();
    const auto each =
        static_cast<std::size_t>(sorted.entries) * static_cast<std::size_t>(sorted.width);
    if (!run_.rows.any() || rows_.size() >= tasks_ * each) return;
    rows_ = cuda::Memory<float>(tasks_ * each, "gradients of the tasks");
    ++run_.version;
  }

  [[nodiscard]] cuda::TaskVectors dense(Index begin) const {
    return {dense_.data() + begin, static_cast<Index>(run_.gradients.size()),
            static_cast<Index>(tasks_)};
  }
  [[nodiscard]] cuda::TaskVectors rows() const {
    const cuda::SortedRows& sorted = run_.rows.sorted();
    return {rows_.data(), sorted.entries * sorted.width, static_cast<Index>(tasks_)};
  }

  void submit_products(const Batch<float>& batch) {
    C c = run_.context(batch, true, update_.settings().key());
    run_.sum_label_weights(c);
    for (const auto& step : forward_.steps) step.run_on(c);
    cuda::clear(c.device.stream, dense_.data(), dense_.size() * sizeof(float));
    for (std::size_t k = 0; k < tasks_; ++k) {
      run_.loss(c, k, update_.settings().weights());
      CudaBatchRun::zero(c, paths_[k].zeroed);
      c.parameter_gradients = dense_.data() + k * run_.gradients.size();
      c.lookup_gradients = lookups_.data() + k * run_.lookup_gradients.size();
      for (const auto& step : backward_[k].steps) step.run_on(c);
    }
    cuda::clear(c.device.stream, products_.data(), products_.size() * sizeof(double));
    for (const ParameterRange& range : ranges_) {
      if (range.shared && !range.frozen)
        cuda::add_products(c.device, dense(range.begin), range.end - range.begin, products_.data());
    }
    if (run_.rows.any()) {
      cuda::SortedRows sorted = run_.rows.sorted();
      cuda::sort_rows(c.device, sorted, batch.size);
      for (std::size_t k = 0; k < tasks_; ++k) {
        sorted.gradients = lookups_.data() + k * run_.lookup_gradients.size();
        sorted.sums = rows_.data() + static_cast<Index>(k) * rows().stride;
        cuda::sum_row_gradients(c.device, sorted, batch.size);
      }
      cuda::add_products_of_rows(c.device, rows(), run_.rows.tables(),
                                 static_cast<int>(run_.rows.count()), sorted, products_.data());
    }
    cuda::copy_to_host(c.device.stream, read_products_.data(), products_.data(),
                       products_.size() * sizeof(double));
    run_.copy_losses();
  }

  void submit_update(const Batch<float>& batch) {
    const Cuda device = run_.context(batch, true, nullptr).device;
    for (const ParameterRange& range : ranges_) {
      cuda::combine(device, dense(range.begin), range.shared ? weights_.data() : nullptr,
                    range.end - range.begin, run_.gradients.data() + range.begin);
    }
    if (run_.rows.any()) {
      cuda::combine_rows(device, rows(), weights_.data(), run_.rows.tables(),
                         static_cast<int>(run_.rows.count()), run_.rows.sorted());
    }
    update_.submit(device);
  }

  CudaBatchRun& run_;
  CudaUpdateRun& update_;
  std::size_t tasks_;
  ExecutionSchedule<float, Cuda> forward_ = forward_schedule(run_.program, true);
  std::vector<BackwardPath> paths_;                       ///< per task
  std::vector<ExecutionSchedule<float, Cuda>> backward_;  ///< per task; refers to its path
  std::vector<ParameterRange> ranges_;
  cuda::Memory<float> dense_, lookups_, rows_;  ///< by task
  cuda::Memory<double> products_;
  cuda::Pinned<double> read_products_;
  cuda::Memory<float> weights_;  ///< of the step, from the method
  cuda::Staging staging_;
  std::vector<double> gramian_, alpha_;
  RecordedGraphs graphs_;
};

}  // namespace espalier
