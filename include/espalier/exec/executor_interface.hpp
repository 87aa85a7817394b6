// SPDX-License-Identifier: Apache-2.0
// `ExecutorInterface`: what training, evaluation and diagnosis need of an executor, on any device.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/batch.hpp"
#include "espalier/exec/aggregator_factory.hpp"
#include "espalier/exec/balance_option.hpp"
#include "espalier/exec/optimizer_state.hpp"
#include "espalier/exec/parameter_average.hpp"
#include "espalier/exec/parameters.hpp"
#include "espalier/kernels/precision.hpp"
#include "espalier/ops/cpu/program.hpp"
#include "espalier/optim/exponential_average.hpp"
#include "espalier/optim/optimizer.hpp"
#include "espalier/optim/parameter_group.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

/// Trains one model in single precision. Same arguments, losses and errors as TrainExecutor.
class ExecutorInterface {
 public:
  using Weigh = void (*)(void* context, std::span<const double> losses, std::span<double> weights);

  ExecutorInterface() = default;
  ExecutorInterface(const ExecutorInterface&) = delete;
  ExecutorInterface& operator=(const ExecutorInterface&) = delete;
  virtual ~ExecutorInterface() = default;

  [[nodiscard]] virtual const PlanView& plan() const = 0;
  /// "cpu" or "cuda".
  [[nodiscard]] virtual std::string_view device() const = 0;
  /// Samples of the largest batch.
  [[nodiscard]] virtual Index capacity() const = 0;
  virtual void set_label_deviations(const std::vector<float>& deviations) = 0;

  // The state of training as of the last step, in the host's memory: the executor's own, or a copy
  // of the device's. After a change, call changed().
  [[nodiscard]] virtual Parameters<float>& parameters() = 0;
  [[nodiscard]] virtual OptimizerState<float>& optimizer_state() = 0;
  [[nodiscard]] virtual ParameterAverage<float>& average() = 0;
  virtual void changed() = 0;

  /// Sets the optimiser, resets its state and clears gradients. Throws ConfigError, also for what
  /// the device does not have.
  virtual void prepare(const Optimizer& optimizer, std::span<const std::string> freeze,
                       std::span<const ParameterGroup> groups,
                       const std::optional<ExponentialAverage>& average) = 0;

  /// forward_backward() and update() in one. Returns the losses.
  virtual std::span<const double> step(const Batch<float>& batch, std::span<const double> weights,
                                       std::uint64_t key, Weigh weigh, void* weigh_context,
                                       const UpdateStep& step, double max_norm) = 0;
  virtual void predict(const Batch<float>& batch, std::span<float* const> out,
                       std::span<double> loss_sums, std::span<double> weight_sums) = 0;

  /// If an average is kept, replaces the parameters with it, and stops averaging.
  virtual void adopt_average(std::int64_t step) = 0;
  /// If an average is kept, swaps it with the parameters.
  virtual void swap_average() = 0;

  /// Makes steps of a gradient method, in place of step(). Call after prepare().
  [[nodiscard]] virtual std::unique_ptr<AggregatorFactory::Pass> aggregate(
      const AggregatorFactory& factory, BalanceOn on, GradientAggregator& balance) = 0;

  /// An executor on the CPU with the current parameters and the same frozen ones, for diagnosis:
  /// always the same object, brought up to date by this call.
  [[nodiscard]] virtual TrainExecutor<float>& on_cpu() = 0;
};

/// Settings with which a trainer makes an executor.
struct ExecutorSettings {
  std::vector<Index> vocabulary_rows;  ///< rows of each vocabulary's tables
  Index max_batch = 0;
  int threads = 0;
  Precision precision = Precision::Fp32;
};

using MakeExecutor = std::unique_ptr<ExecutorInterface> (*)(const Program<float, Cpu>& program,
                                                            const ExecutorSettings& settings);

/// The executor of a device: a specialisation has `MakeExecutor make<Model>`.
template <class Device>
struct ExecutorOf {
  static_assert(sizeof(Device) == 0,
                "espalier: Trainer<Model, Cuda> needs #include <espalier/cuda.hpp>");
};

}  // namespace espalier
