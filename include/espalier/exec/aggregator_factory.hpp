// SPDX-License-Identifier: Apache-2.0
// `AggregatorFactory`: makes the TaskGradientPass of a gradient method, for code that does not
// include task_gradients.hpp.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/batch.hpp"
#include "espalier/exec/balance_option.hpp"
#include "espalier/ops/cpu/program.hpp"
#include "espalier/optim/optimizer.hpp"
#include "espalier/passes/schedule.hpp"

namespace espalier {

template <class T>
class TrainExecutor;

/// Type-erased TaskGradientPass for the trainer, in single precision.
struct AggregatorFactory {
  class Pass {
   public:
    virtual ~Pass() = default;
    /// One training step: TaskGradientPass::forward_backward(), then an update.
    virtual std::span<const double> step(const Batch<float>& batch, std::span<const double> weights,
                                         std::uint64_t key, GradientAggregator& balance,
                                         const UpdateStep& step, double max_norm) = 0;
    /// See TaskGradientPass.
    [[nodiscard]] virtual std::vector<const ExecutionSchedule<float>*> schedules(
        Index samples) const = 0;
  };
  /// Also allocates what the method remembers.
  std::unique_ptr<Pass> (*make)(TrainExecutor<float>& executor, BalanceOn on,
                                GradientAggregator& balance) = nullptr;
};

template <bool Coordinates>
struct AggregatorFactoryOf {
  /// Defined in task_gradients.hpp.
  [[nodiscard]] static const AggregatorFactory* factory();
};

#if !ESPALIER_DEFINE
extern template struct AggregatorFactoryOf<false>;
extern template struct AggregatorFactoryOf<true>;
#endif

}  // namespace espalier
