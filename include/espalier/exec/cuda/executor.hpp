// SPDX-License-Identifier: Apache-2.0
// `CudaExecutor`: the GPU's CudaTrainExecutor behind ExecutorInterface, for `Trainer<Model, Cuda>`.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/exec/cuda/task_gradients.hpp"
#include "espalier/exec/cuda/train_executor.hpp"
#include "espalier/exec/executor.hpp"
#include "espalier/exec/executor_interface.hpp"
#include "espalier/optim/sgd.hpp"

namespace espalier {

/// Keeps a copy of the parameters in the host's memory, which is brought up to date when it is
/// read.
class CudaExecutor final : public ExecutorInterface {
 public:
  /// `program`: the same model's for the CPU, for diagnosis. Throws as CudaTrainExecutor does, and
  /// ConfigError for a precision other than fp32.
  ESPALIER_COLD CudaExecutor(const Program<float, Cuda>& of, const Program<float, Cpu>& program,
                             ExecutorSettings settings)
      : cpu_program_(program),
        settings_(std::move(settings)),
        executor_(of, settings_.vocabulary_rows, settings_.max_batch),
        host_(of.plan, settings_.vocabulary_rows) {
    require_fp32(settings_.precision);
  }

  [[nodiscard]] const PlanView& plan() const override { return executor_.plan(); }
  [[nodiscard]] std::string_view device() const override { return "cuda"; }
  [[nodiscard]] Index capacity() const override { return executor_.capacity(); }
  ESPALIER_COLD void set_label_deviations(const std::vector<float>& deviations) override {
    executor_.set_label_deviations(deviations);
    deviations_ = deviations;
    if (on_cpu_) on_cpu_->set_label_deviations(deviations);
  }

  [[nodiscard]] ESPALIER_COLD Parameters<float>& parameters() override {
    if (behind_) executor_.get_parameters(host_);
    behind_ = false;
    return host_;
  }
  [[nodiscard]] ESPALIER_COLD OptimizerState<float>& optimizer_state() override {
    executor_.get_state(state_);
    state_is_read_ = true;
    return state_;
  }
  [[nodiscard]] ParameterAverage<float>& average() override { return average_; }
  ESPALIER_COLD void changed() override {
    executor_.set_parameters(host_);
    if (state_is_read_) executor_.set_state(state_);
    behind_ = state_is_read_ = false;
  }

  ESPALIER_COLD void prepare(const Optimizer& optimizer, std::span<const std::string> freeze,
                             std::span<const ParameterGroup> groups,
                             const std::optional<ExponentialAverage>& average) override {
    if (average) throw ConfigError("average is set: averages of parameters are not on GPUs yet");
    executor_.prepare(optimizer, freeze, groups);
    state_ = OptimizerState<float>(host_, plan().sizes.parameters, optimizer);
    state_is_read_ = false;
    freeze_.assign(freeze.begin(), freeze.end());
    if (on_cpu_) on_cpu_->prepare(Sgd{}, freeze_);
  }

  std::span<const double> step(const Batch<float>& batch, std::span<const double> weights,
                               std::uint64_t key, Weigh weigh, void* weigh_context,
                               const UpdateStep& step, double max_norm) override {
    behind_ = true;
    state_is_read_ = false;
    if (weigh == nullptr) {
      executor_.step(batch, weights, key, step, max_norm);
    } else {
      executor_.weighed_step(batch, weights, key, step, max_norm, weigh, weigh_context);
    }
    return executor_.losses();
  }
  void predict(const Batch<float>& batch, std::span<float* const> out, std::span<double> loss_sums,
               std::span<double> weight_sums) override {
    executor_.predict(batch, out, loss_sums, weight_sums);
  }

  void adopt_average(std::int64_t) override {}
  void swap_average() override {}

  [[nodiscard]] ESPALIER_COLD std::unique_ptr<AggregatorFactory::Pass> aggregate(
      const AggregatorFactory&, BalanceOn on, GradientAggregator& balance) override {
    return std::make_unique<Aggregation>(*this, on, balance);
  }

  [[nodiscard]] ESPALIER_COLD TrainExecutor<float>& on_cpu() override {
    if (!on_cpu_) {
      on_cpu_ = std::make_unique<TrainExecutor<float>>(cpu_program_, settings_.vocabulary_rows,
                                                       capacity(), settings_.threads);
      on_cpu_->prepare(Sgd{}, freeze_);
      if (!deviations_.empty()) on_cpu_->set_label_deviations(deviations_);
    }
    on_cpu_->parameters().copy_from(parameters());
    return *on_cpu_;
  }

 private:
  /// CudaTaskGradients, whose steps change the parameters.
  struct Aggregation final : AggregatorFactory::Pass {
    Aggregation(CudaExecutor& of, BalanceOn on, const GradientAggregator& balance)
        : executor(of), pass(of.executor_, on, balance) {}
    std::span<const double> step(const Batch<float>& batch, std::span<const double> weights,
                                 std::uint64_t key, GradientAggregator& balance,
                                 const UpdateStep& step, double max_norm) override {
      executor.behind_ = true;
      executor.state_is_read_ = false;
      return pass.step(batch, weights, key, balance, step, max_norm);
    }
    [[nodiscard]] std::vector<const ExecutionSchedule<float>*> schedules(Index) const override {
      return {};  // these are the CPU's
    }
    CudaExecutor& executor;
    CudaTaskGradients pass;
  };

  Program<float, Cpu> cpu_program_;
  ExecutorSettings settings_;
  CudaTrainExecutor executor_;
  Parameters<float> host_;
  bool behind_ = false;  ///< whether steps have run since host_ was copied
  OptimizerState<float> state_;
  bool state_is_read_ = false;  ///< whether it is as of the last step, and may have been changed
  std::vector<float> deviations_;
  ParameterAverage<float> average_;  ///< none
  std::vector<std::string> freeze_;
  std::unique_ptr<TrainExecutor<float>> on_cpu_;
};

template <>
struct ExecutorOf<Cuda> {
  template <class Model>
  ESPALIER_COLD static std::unique_ptr<ExecutorInterface> make_one(
      const Program<float, Cpu>& program, const ExecutorSettings& settings) {
    return std::make_unique<CudaExecutor>(program_of<Model, float, Cuda>(), program, settings);
  }
  template <class Model>
  static constexpr MakeExecutor make = &make_one<Model>;
};

}  // namespace espalier
