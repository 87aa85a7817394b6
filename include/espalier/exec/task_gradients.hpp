// SPDX-License-Identifier: Apache-2.0
// `TaskGradientPass<T>`: forward and backward passes with one gradient per task, which a gradient
// method combines.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "espalier/balance/gradient_method.hpp"
#include "espalier/exec/aggregator_factory.hpp"
#include "espalier/exec/balance_option.hpp"
#include "espalier/exec/executor.hpp"
#include "espalier/exec/parameter_gradients.hpp"
#include "espalier/exec/representation_gradients.hpp"

namespace espalier {

/// Applies gradient methods to the steps of a TrainExecutor, in place of its forward_backward():
/// with ParameterGradients for `BalanceOn::parameters`, with RepresentationGradients for
/// `BalanceOn::representation`. The tasks' gradients, summed over the batch, give the Gramian; the
/// method's weights combine them to one gradient. Parameters of a single task (its tower, its gate)
/// learn from Σ_k λ_k L_k, with static weights λ.
///
/// Must outlive the executor's update() that uses its gradients. A task without labels in the
/// batch, or with weight 0, is absent. Results are bit-identical for any number of threads. Does
/// not allocate after the first batch. `Coordinates`: for methods that need them.
template <class T, bool Coordinates = false>
class TaskGradientPass {
 public:
  /// Construct after TrainExecutor::prepare(): frozen tensors are left out. Throws ConfigError as
  /// RepresentationGradients does.
  TaskGradientPass(TrainExecutor<T>& executor, BalanceOn on)
      : e_(executor), tasks_(executor.plan().tasks.size()) {
    gramian_.assign(tasks_ * tasks_, 0.0);
    alpha_.assign(tasks_, 1.0);
    present_.reserve(tasks_);
    if (on == BalanceOn::representation) {
      representation_.emplace(e_);
    } else {
      parameters_.emplace(e_);
    }
  }

  /// Allocates what the method remembers; forward_backward() does so too. Throws ConfigError if the
  /// method needs other `Coordinates`.
  void prepare(GradientAggregator& balance) const {
    if (balance.needs_coordinates() != Coordinates) {
      throw_error<ConfigError>({"balance '", balance.name(), "': expected TaskGradientPass<T, ",
                                Coordinates ? "false>" : "true>"});
    }
    if constexpr (Coordinates) {
      const std::size_t each =
          representation_ ? representation_->coordinates() : parameters_->coordinates();
      balance.remember(balance.balances() ? each : 0);
    }
  }

  /// Computes the combined gradient for TrainExecutor::update(). `weights`: the static weights.
  /// Returns the losses, NaN for a task without labels in the batch.
  std::span<const double> forward_backward(const Batch<T>& batch, std::span<const double> weights,
                                           std::uint64_t key, GradientAggregator& balance) {
    prepare(balance);
    const BatchRun<T>& run = e_.begin(batch, weights, key);
    present_.clear();
    for (std::size_t k = 0; k < tasks_; ++k) {
      if (run.totals[k] > 0 && weights[k] > 0) present_.push_back(k);
    }
    if (representation_) {
      step(*representation_, key, balance);
    } else {
      step(*parameters_, key, balance);
    }
    return run.losses;
  }

  /// Schedules for a batch of `samples`, in order; gradients are combined after the first.
  [[nodiscard]] ESPALIER_COLD std::vector<const ExecutionSchedule<T>*> schedules(
      Index samples) const {
    if (representation_) return representation_->schedules();
    return {&parameters_->schedule(samples)};
  }

  /// Of the last step: G Gᵀ, row-major, NaN on the diagonal for absent tasks; the method's weights.
  [[nodiscard]] std::span<const double> gramian() const { return gramian_; }
  [[nodiscard]] std::span<const double> weights() const { return alpha_; }

 private:
  template <class Gradients>
  void step(Gradients& gradients, std::uint64_t key, GradientAggregator& balance) {
    gradients.set_present(present_);
    const std::size_t pieces = gradients.run(&balance);
    sum_products(gradients.products(), pieces);
    balance.weights(gramian_, e_.batch_run().losses, key, alpha_);
    gradients.combine(alpha_);
  }

  /// Sums the pieces' products, in order.
  void sum_products(std::span<const double> partial, std::size_t pieces) {
    std::fill(gramian_.begin(), gramian_.end(), 0.0);
    for (std::size_t piece = 0; piece < pieces; ++piece) {
      const double* products = partial.data() + piece * tasks_ * tasks_;
      for (std::size_t k = 0; k < tasks_; ++k) {
        for (std::size_t other = 0; other <= k; ++other)
          gramian_[k * tasks_ + other] += products[k * tasks_ + other];
      }
    }
    for (std::size_t k = 0; k < tasks_; ++k) {
      for (std::size_t other = 0; other < k; ++other)
        gramian_[other * tasks_ + k] = gramian_[k * tasks_ + other];
      if (std::find(present_.begin(), present_.end(), k) == present_.end())
        gramian_[k * tasks_ + k] = std::nan("");
    }
  }

  TrainExecutor<T>& e_;
  std::size_t tasks_;
  std::optional<ParameterGradients<T, Coordinates>> parameters_;
  std::optional<RepresentationGradients<T, Coordinates>> representation_;
  std::vector<std::size_t> present_;
  std::vector<double> gramian_, alpha_;
};

namespace detail {

template <class T, bool Coordinates>
struct AggregatorPass final : AggregatorFactory::Pass {
  AggregatorPass(TrainExecutor<T>& of, BalanceOn on) : executor(of), pass(of, on) {}
  std::span<const double> step(const Batch<T>& batch, std::span<const double> weights,
                               std::uint64_t key, GradientAggregator& balance,
                               const UpdateStep& step, double max_norm) override {
    const auto losses = pass.forward_backward(batch, weights, key, balance);
    executor.update(step, max_norm);
    return losses;
  }
  [[nodiscard]] std::vector<const ExecutionSchedule<T>*> schedules(Index samples) const override {
    return pass.schedules(samples);
  }
  TrainExecutor<T>& executor;
  TaskGradientPass<T, Coordinates> pass;
};

template <class T, bool Coordinates>
std::unique_ptr<AggregatorFactory::Pass> make_pass(TrainExecutor<T>& executor, BalanceOn on,
                                                   GradientAggregator& balance) {
  auto made = std::make_unique<AggregatorPass<T, Coordinates>>(executor, on);
  made->pass.prepare(balance);
  return made;
}

}  // namespace detail

template <bool Coordinates>
const AggregatorFactory* AggregatorFactoryOf<Coordinates>::factory() {
  static constexpr AggregatorFactory made{&detail::make_pass<float, Coordinates>};
  return &made;
}

#if defined(ESPALIER_INSTANTIATION)
#define ESPALIER_TASK_GRADIENTS(T)                                \
  ESPALIER_INSTANTIATION class TaskGradientPass<T, false>;        \
  ESPALIER_INSTANTIATION class TaskGradientPass<T, true>;         \
  ESPALIER_INSTANTIATION class ParameterGradients<T, false>;      \
  ESPALIER_INSTANTIATION class ParameterGradients<T, true>;       \
  ESPALIER_INSTANTIATION class RepresentationGradients<T, false>; \
  ESPALIER_INSTANTIATION class RepresentationGradients<T, true>;
ESPALIER_INSTANTIATE(ESPALIER_TASK_GRADIENTS)
#undef ESPALIER_TASK_GRADIENTS
ESPALIER_INSTANTIATION struct AggregatorFactoryOf<false>;
ESPALIER_INSTANTIATION struct AggregatorFactoryOf<true>;
#endif

}  // namespace espalier
