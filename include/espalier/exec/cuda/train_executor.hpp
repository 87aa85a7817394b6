// SPDX-License-Identifier: Apache-2.0
// `CudaTrainExecutor`: runs a plan's schedule on a GPU, a step as one launch of a recorded graph.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/exec/cuda/batch_run.hpp"
#include "espalier/exec/cuda/prediction.hpp"
#include "espalier/exec/cuda/recorded_graphs.hpp"
#include "espalier/exec/cuda/update_run.hpp"
#include "espalier/exec/optimizer_state.hpp"
#include "espalier/exec/parameters.hpp"
#include "espalier/passes/schedule.hpp"

namespace espalier {

/// Trains one model on one GPU, in fp32. Sums have a fixed order: the same bits in every run on a
/// device. Functions return before their work has run, unless they return its results. Not on a GPU
/// yet: operations that merge microbatches (BatchNorm), auxiliary losses, moving averages of
/// parameters.
class CudaTrainExecutor {
 public:
  using C = Context<float, Cuda>;

  /// `vocabulary_rows`: rows of each vocabulary's tables. Throws ConfigError for an argument out of
  /// range, CudaError if there is no GPU or not enough memory.
  ESPALIER_COLD CudaTrainExecutor(const Program<float, Cuda>& program,
                                  const std::vector<Index>& vocabulary_rows, Index max_batch)
      : run_(program, vocabulary_rows, max_batch), update_(run_), prediction_(run_) {
    make_schedules();
  }

  CudaTrainExecutor(const CudaTrainExecutor&) = delete;  // schedules refer to it
  CudaTrainExecutor& operator=(const CudaTrainExecutor&) = delete;

  [[nodiscard]] const PlanView& plan() const { return run_.plan(); }
  [[nodiscard]] Index capacity() const { return run_.capacity(); }
  [[nodiscard]] CudaBatchRun& batch_run() { return run_; }
  [[nodiscard]] CudaUpdateRun& update_run() { return update_; }

  /// Copies of all parameters. `parameters` must have the same plan and rows.
  ESPALIER_COLD void set_parameters(const Parameters<float>& parameters) {
    run_.set_parameters(parameters);
  }
  ESPALIER_COLD void get_parameters(Parameters<float>& parameters) const {
    run_.get_parameters(parameters);
  }
  /// The gradient of the dense parameters after a step without update, for tests and diagnosis.
  ESPALIER_COLD void get_gradient(std::span<float> out) const {
    run_.gradients.get(run_.stream.get(), out.data(), out.size());
  }
  /// Copies of the optimiser's state. `state` must be of the same optimiser, plan and rows.
  ESPALIER_COLD void set_state(const OptimizerState<float>& state) { update_.set_state(state); }
  ESPALIER_COLD void get_state(OptimizerState<float>& state) { update_.get_state(state); }

  /// Divisor that was applied to each task's labels. Default 1.
  ESPALIER_COLD void set_label_deviations(const std::vector<float>& deviations) {
    run_.deviations = deviations;
    ++run_.version;
  }

  /// Sets the optimiser, and resets its state. Throws ConfigError, also for an optimiser that
  /// espalier::cuda does not have. Without a call, the first step prepares Adam.
  ESPALIER_COLD void prepare(const Optimizer& optimizer, std::span<const std::string> freeze,
                             std::span<const ParameterGroup> groups = {}) {
    update_.prepare(optimizer, freeze, groups);
  }

  /// One step: the forward pass, losses, the backward pass, and an update of the parameters. Each
  /// loss is a weighted mean over the task's labelled samples. `max_norm` > 0 clips the gradients'
  /// global norm.
  void step(const Batch<float>& batch, std::span<const double> weights, std::uint64_t key,
            const UpdateStep& step, double max_norm = 0) {
    run_.begin(batch);
    update_.set(weights, key, step, max_norm);
    launch(Work::step);
  }
  /// The same for weights that depend on the step's losses: waits for these between the passes.
  void weighed_step(const Batch<float>& batch, std::span<const double> weights, std::uint64_t key,
                    const UpdateStep& step, double max_norm,
                    void (*weigh)(void* context, std::span<const double> losses,
                                  std::span<double> weights),
                    void* weigh_context) {
    run_.begin(batch);
    update_.set(weights, key, step, max_norm);
    launch(Work::losses);
    std::vector<double> weighed(weights.begin(), weights.end());
    weigh(weigh_context, losses(), weighed);
    update_.set(weighed, key, step, max_norm);
    launch(Work::backward_and_update);
  }
  /// A step without the update: the gradients stay, see get_gradient().
  void forward_backward(const Batch<float>& batch, std::span<const double> weights,
                        std::uint64_t key) {
    run_.begin(batch);
    update_.set(weights, key);
    launch(Work::gradient);
  }

  /// Waits for the last step, and returns its losses: NaN for a task without labels in its batch.
  std::span<const double> losses() {
    run_.wait_for_losses();
    return run_.losses;
  }
  /// The norm of the last step's gradients before clipping; 0 without clipping. After losses().
  [[nodiscard]] double norm() const { return update_.norm(); }

  /// Inference: out[k] receives outputs × size predictions of task k, sample by sample. If
  /// `loss_sums` is not empty, adds each task's weighted sum of losses to it, and the weights of
  /// its labelled samples to `weight_sums`.
  void predict(const Batch<float>& batch, std::span<float* const> out,
               std::span<double> loss_sums = {}, std::span<double> weight_sums = {}) {
    run_.begin(batch);
    const bool with_losses = !loss_sums.empty();
    update_.set(std::vector<double>(run_.tasks, 1.0), 0);
    launch(with_losses ? Work::evaluate : Work::predict);
    prediction_.get(out);
    for (std::size_t k = 0; k < run_.tasks && with_losses; ++k) {
      loss_sums[k] += run_.read.data()[k];
      weight_sums[k] += run_.total(k);
    }
  }

  /// Number of nodes of the graph of a step for batches of that size, once one has run; else 0.
  [[nodiscard]] std::size_t graph_nodes(Index samples, bool weighted = false) const {
    return graphs_.nodes(samples, weighted, static_cast<int>(Work::step));
  }

 private:
  /// What a graph does with the batch.
  enum class Work : std::uint8_t {
    step,
    gradient,             ///< a step without the update
    losses,               ///< the forward pass and the losses of a step
    backward_and_update,  ///< the rest of it
    predict,
    evaluate,  ///< predict, and the losses
  };

  ESPALIER_COLD void make_schedules() {
    const auto add = [this](Phase phase, std::string_view name, auto work) {
      Step<float, Cuda> step;
      step.phase = phase;
      step.name = name;
      step.state = this;
      step.run = [](void* state, Index, const C& c) {
        decltype(work){}(*static_cast<CudaTrainExecutor*>(state), c);
      };
      return step;
    };
    const auto start = add(Phase::forward, "sum label weights",
                           [](CudaTrainExecutor& e, const C& c) { e.run_.sum_label_weights(c); });
    const auto losses =
        add(Phase::loss, "losses", [](CudaTrainExecutor& e, const C& c) { e.all_losses(c); });
    const auto zero = add(Phase::backward, "zero", [](CudaTrainExecutor& e, const C& c) {
      CudaBatchRun::zero(c, e.plan().zeroed);
    });
    train_ = training_schedule(run_.program, start, {losses, zero});
  }

  void all_losses(const C& c) {
    for (std::size_t k = 0; k < run_.tasks; ++k) run_.loss(c, k, update_.settings().weights());
  }

  void launch(Work work) {
    graphs_.launch(run_, static_cast<int>(work),
                   [&](const Batch<float>& batch) { submit(work, batch); });
  }

  void submit(Work work, const Batch<float>& batch) {
    if (work == Work::predict || work == Work::evaluate) {
      const C c = run_.context(batch, false, update_.settings().key());
      prediction_.submit(c);
      if (work == Work::predict) return;
      run_.sum_label_weights(c);
      all_losses(c);
      return run_.copy_losses();
    }
    const C c = run_.context(batch, true, update_.settings().key());
    const std::span<const Step<float, Cuda>> steps = train_.steps;
    const auto forward = static_cast<std::size_t>(
        std::find_if(steps.begin(), steps.end(),
                     [](const auto& step) { return step.phase == Phase::loss; }) -
        steps.begin());
    const auto run = [&](std::span<const Step<float, Cuda>> some) {
      for (const auto& step : some) step.run_on(c);
    };
    if (work != Work::backward_and_update) run(steps.first(forward));
    if (work == Work::losses) {
      all_losses(c);
    } else {
      cuda::clear(c.device.stream, run_.gradients.data(), run_.gradients.size() * sizeof(float));
      run(steps.subspan(forward));
    }
    if (work == Work::step || work == Work::backward_and_update) {
      run_.rows.sum_gradients(c.device, batch.size);
      update_.submit(c.device);
    }
    run_.copy_losses();
  }

  CudaBatchRun run_;
  CudaUpdateRun update_;
  CudaPrediction prediction_;
  ExecutionSchedule<float, Cuda> train_;
  RecordedGraphs graphs_;
};

}  // namespace espalier
