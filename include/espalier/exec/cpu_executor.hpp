// SPDX-License-Identifier: Apache-2.0
// `CpuExecutor`: the CPU's TrainExecutor behind ExecutorInterface.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/exec/executor.hpp"
#include "espalier/exec/executor_interface.hpp"

namespace espalier {

class CpuExecutor final : public ExecutorInterface {
 public:
  ESPALIER_COLD CpuExecutor(const Program<float, Cpu>& program, const ExecutorSettings& settings)
      : executor_(program, settings.vocabulary_rows, settings.max_batch, settings.threads,
                  settings.precision.device()) {}

  [[nodiscard]] const PlanView& plan() const override { return executor_.plan(); }
  [[nodiscard]] std::string_view device() const override { return "cpu"; }
  [[nodiscard]] Index capacity() const override { return executor_.capacity(); }
  void set_label_deviations(const std::vector<float>& deviations) override {
    executor_.set_label_deviations(deviations);
  }

  [[nodiscard]] Parameters<float>& parameters() override { return executor_.parameters(); }
  [[nodiscard]] OptimizerState<float>& optimizer_state() override {
    return executor_.optimizer_state();
  }
  [[nodiscard]] ParameterAverage<float>& average() override { return executor_.average(); }
  void changed() override {}

  ESPALIER_COLD void prepare(const Optimizer& optimizer, std::span<const std::string> freeze,
                             std::span<const ParameterGroup> groups,
                             const std::optional<ExponentialAverage>& average) override {
    executor_.clear_gradient();
    executor_.prepare(optimizer, freeze, groups, average);
  }

  std::span<const double> step(const Batch<float>& batch, std::span<const double> weights,
                               std::uint64_t key, Weigh weigh, void* weigh_context,
                               const UpdateStep& step, double max_norm) override {
    const auto losses = executor_.forward_backward(batch, weights, key, weigh, weigh_context);
    executor_.update(step, max_norm);
    return losses;
  }
  void predict(const Batch<float>& batch, std::span<float* const> out, std::span<double> loss_sums,
               std::span<double> weight_sums) override {
    executor_.predict(batch, out, loss_sums, weight_sums);
  }

  void adopt_average(std::int64_t step) override { executor_.adopt_average(step); }
  void swap_average() override { executor_.swap_average(); }

  [[nodiscard]] std::unique_ptr<AggregatorFactory::Pass> aggregate(
      const AggregatorFactory& factory, BalanceOn on, GradientAggregator& balance) override {
    return factory.make(executor_, on, balance);
  }
  [[nodiscard]] TrainExecutor<float>& on_cpu() override { return executor_; }

 private:
  TrainExecutor<float> executor_;
};

template <>
struct ExecutorOf<Cpu> {
  ESPALIER_COLD static std::unique_ptr<ExecutorInterface> make_any(
      const Program<float, Cpu>& program, const ExecutorSettings& settings) {
    return std::make_unique<CpuExecutor>(program, settings);
  }
  template <class Model>
  static constexpr MakeExecutor make = &make_any;
};

}  // namespace espalier
