// SPDX-License-Identifier: Apache-2.0
// `TaskGradientPass<T>`: forward and backward with a gradient for each task, which a gradient
// method combines.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "espalier/balance/gradient_method.hpp"
#include "espalier/exec/balance_option.hpp"
#include "espalier/exec/executor.hpp"
#include "espalier/exec/parameter_gradients.hpp"
#include "espalier/exec/representation_gradients.hpp"

namespace espalier {

/// Drives gradient methods over the steps of a TrainExecutor, instead of its own forward_backward:
/// `BalanceOn::parameters` by ParameterGradients, `BalanceOn::representation` by
/// RepresentationGradients. Summed over the batch, the tasks' gradients give the Gramian and, by the
/// method's weights, one gradient. What belongs to one task (its tower, its gate) learns from
/// Σ_k λ_k L_k, λ the static weights.
///
/// It lives until the update of what it left. A task without labels in the batch, or with weight 0, is absent. The same bits for any number of
/// threads; nothing allocates after the first batch. `Coordinates`: for methods that need them.
template <class T, bool Coordinates = false>
class TaskGradientPass {
 public:
  /// After TrainExecutor::prepare, as frozen tensors take no part. Throws ConfigError.
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

  /// Room for what the method remembers; forward_backward makes it, too, if it comes first.
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

  /// Leaves the combined gradient, as TrainExecutor::forward_backward does. `weights`: the static
  /// ones. Returns the losses (NaN where the batch has no label of a task).
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

  /// What is run for a batch of so many samples, one after the other; between the last two, or behind the only one, gradients are compared and combined.
  [[nodiscard]] ESPALIER_COLD std::vector<const ExecutionSchedule<T>*> schedules(Index samples) const {
    if (representation_) return representation_->schedules();
    return {&parameters_->schedule(samples)};
  }

  /// Of the last step: G Gᵀ, row after row, NaN on the diagonal for tasks that were absent; and the
  /// method's weights.
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

  /// The pieces' products, in their order.
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

/// Type-erased, for the trainer, which knows single precision only.
struct AggregatorFactory {
  class Pass {
   public:
    virtual ~Pass() = default;
    virtual std::span<const double> forward_backward(const Batch<float>& batch,
                                                     std::span<const double> weights,
                                                     std::uint64_t key,
                                                     GradientAggregator& balance) = 0;
    /// See TaskGradientPass.
    [[nodiscard]] virtual std::vector<const ExecutionSchedule<float>*> schedules(Index samples) const = 0;
  };
  /// Makes room for what the method remembers, too.
  std::unique_ptr<Pass> (*make)(TrainExecutor<float>& executor, BalanceOn on,
                                GradientAggregator& balance) = nullptr;
};

template <bool Coordinates>
struct AggregatorFactoryOf {
  template <class T>
  struct PassOf final : AggregatorFactory::Pass {
    PassOf(TrainExecutor<T>& executor, BalanceOn on) : pass(executor, on) {}
    std::span<const double> forward_backward(const Batch<T>& batch, std::span<const double> weights,
                                             std::uint64_t key, GradientAggregator& balance) override {
      return pass.forward_backward(batch, weights, key, balance);
    }
    [[nodiscard]] std::vector<const ExecutionSchedule<T>*> schedules(Index samples) const override { return pass.schedules(samples); }
    TaskGradientPass<T, Coordinates> pass;
  };

  [[nodiscard]] static const AggregatorFactory* factory() {
    static constexpr AggregatorFactory made{&make<float>};
    return &made;
  }
  template <class T>
  static std::unique_ptr<AggregatorFactory::Pass> make(TrainExecutor<T>& executor, BalanceOn on,
                                                    GradientAggregator& balance) {
    auto made = std::make_unique<PassOf<T>>(executor, on);
    made->pass.prepare(balance);
    return made;
  }
};

#if defined(ESPALIER_INSTANTIATION)
ESPALIER_INSTANTIATION class TaskGradientPass<float, false>;
ESPALIER_INSTANTIATION class TaskGradientPass<float, true>;
ESPALIER_INSTANTIATION class ParameterGradients<float, false>;
ESPALIER_INSTANTIATION class ParameterGradients<float, true>;
ESPALIER_INSTANTIATION class RepresentationGradients<float, false>;
ESPALIER_INSTANTIATION class RepresentationGradients<float, true>;
ESPALIER_INSTANTIATION struct AggregatorFactoryOf<false>;
ESPALIER_INSTANTIATION struct AggregatorFactoryOf<true>;
#endif

}  // namespace espalier
