// SPDX-License-Identifier: Apache-2.0
// `LossWeighting`: any loss weighting as a value. A method sees the tasks' losses and gives weights.
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/balance/learning_tasks.hpp"
#include "espalier/core/error.hpp"

namespace espalier {

/// A loss weighting is a small copyable struct: settings, and what it has learnt so far.
///
///     static constexpr std::string_view name;
///     static constexpr bool needs_current_losses;
///     void reset(std::size_t tasks);                       // before the first step: forgets
///     void weights(std::span<const double> losses, std::span<double> out);
///     void observe(std::span<const double> losses);        // after the step
///     std::vector<double> state() const;                   // all that a resumed run needs
///     void restore(std::span<const double> state);         // after reset; as long as state()
///     std::string describe() const;                        // optional: name and settings
///     void keep(const LearningTasks& tasks);               // optional, before reset: see below
///
/// Step by step: weights(), backward, update, observe(). `losses` holds each task's mean loss over
/// its labelled samples, without static weights; NaN where the batch has no label of that task.
/// weights() is given the losses of this very step if needs_current_losses, which costs the trainer
/// a barrier between forward and backward; otherwise it is given none and goes by what observe()
/// has seen. One step's absent or infinite loss must leave every later weight finite: the method
/// passes over it; what weight it gives an absent task does not matter, as long as it is finite.
/// The tasks' static weights are the trainer's: it multiplies them on. A task of static weight 0 is
/// left out: the method is told of the others alone, as if the model had no more. Settings that are
/// one a task, in the order of the model, are cut to those by keep().
template <class M>
concept WeightingMethod = std::copyable<M> &&
    requires(M m, const M& c, std::size_t n, std::span<const double> in, std::span<double> out) {
  { M::name } -> std::convertible_to<std::string_view>;
  { M::needs_current_losses } -> std::convertible_to<bool>;
  m.reset(n);
  m.weights(in, out);
  m.observe(in);
  { c.state() } -> std::same_as<std::vector<double>>;
  m.restore(in);
};

class GradientAggregator;

namespace detail {

struct LossWeightingConcept {
  virtual ~LossWeightingConcept() = default;
  [[nodiscard]] virtual std::unique_ptr<LossWeightingConcept> clone() const = 0;
  [[nodiscard]] virtual std::string_view name() const = 0;
  [[nodiscard]] virtual std::string describe() const = 0;
  [[nodiscard]] virtual bool needs_current_losses() const = 0;
  [[nodiscard]] virtual GradientAggregator* gradients() { return nullptr; }
  virtual void reset(const LearningTasks& tasks) = 0;
  virtual void weights(std::span<const double> losses, std::span<double> out) = 0;
  virtual void observe(std::span<const double> losses) = 0;
  [[nodiscard]] virtual std::vector<double> state() const = 0;
  virtual void restore(std::span<const double> state) = 0;
};

/// In gradient_method.hpp.
template <class M>
struct GradientModelOf;

/// Every gradient method says so, and nothing else does.
template <class M>
inline constexpr bool is_gradient_method = requires {
  M::needs_coordinates;
};

}  // namespace detail

/// Holds a method and its state; a copy has a state of its own. Not for two threads at once.
/// reset() comes first; a call with another number of tasks throws ConfigError. A gradient method
/// (balance/gradient_method.hpp) may be held too: it weighs all losses by 1, and gradients() is
/// what there is to ask.
class LossWeighting {
 public:
  template <class M>
  requires(detail::is_gradient_method<M>)
      // NOLINTNEXTLINE(google-explicit-constructor): an option is given as the method itself.
      LossWeighting(M method)
      : model_(std::make_unique<typename detail::GradientModelOf<M>::Model>(std::move(method))) {}
  template <class M>
  requires(!std::same_as<M, LossWeighting> && WeightingMethod<M>)
      // NOLINTNEXTLINE(google-explicit-constructor): an option is given as the method itself.
      LossWeighting(M method)
      : model_(std::make_unique<Model<M>>(std::move(method))) {}
  LossWeighting(const LossWeighting& other)
      : model_(other.model_ ? other.model_->clone() : nullptr),
        tasks_(other.tasks_),
        losses_(other.losses_),
        weights_(other.weights_) {}
  LossWeighting(LossWeighting&&) noexcept = default;
  LossWeighting& operator=(LossWeighting other) noexcept {
    model_ = std::move(other.model_);
    tasks_ = std::move(other.tasks_);
    losses_ = std::move(other.losses_);
    weights_ = std::move(other.weights_);
    return *this;
  }
  ~LossWeighting() = default;

  [[nodiscard]] std::string_view name() const { return model_->name(); }
  /// "uncertainty(learning_rate=0.01, …)": equal texts mean that one run can continue the other.
  [[nodiscard]] std::string describe() const { return model_->describe(); }
  [[nodiscard]] bool needs_current_losses() const { return model_->needs_current_losses(); }

  /// The gradient method within; null when it is a loss weighting.
  [[nodiscard]] GradientAggregator* gradients() { return model_->gradients(); }

  /// For tasks that all learn. Throws ConfigError where a setting is out of its range.
  void reset(std::size_t tasks) { reset(LearningTasks(tasks)); }
  /// For tasks of these static weights: those of weight 0 are left out.
  void reset(std::span<const double> static_weights) { reset(LearningTasks(static_weights)); }

  /// The weights of the coming step; 0 for a task that is left out. `losses`: one a task if
  /// needs_current_losses, else may be empty.
  void weights(std::span<const double> losses, std::span<double> out) {
    check(out.size(), "weights");
    if (!losses.empty() || needs_current_losses()) check(losses.size(), "losses");
    if (tasks_.are_all()) return model_->weights(losses, out);
    if (tasks_.size() > 0) model_->weights(losses.empty() ? losses : of_learning(losses), weights_);
    tasks_.scatter(weights_, out);
  }
  void observe(std::span<const double> losses) {
    check(losses.size(), "losses");
    if (tasks_.size() > 0) model_->observe(tasks_.are_all() ? losses : of_learning(losses));
  }
  [[nodiscard]] std::vector<double> state() const { return model_->state(); }
  /// Throws CheckpointError when the state is of another length than the method's.
  void restore(std::span<const double> state) {
    const std::size_t expected = model_->state().size();
    if (state.size() != expected) {
      throw_error<CheckpointError>(
          {"balance '", name(), "': a state of ", state.size(), " numbers, expected ", expected});
    }
    model_->restore(state);
  }

 private:
  template <class M>
  struct Model final : detail::LossWeightingConcept {
    explicit Model(const M& m) : given(m), method(m) {}
    [[nodiscard]] std::unique_ptr<detail::LossWeightingConcept> clone() const override {
      return std::make_unique<Model>(*this);
    }
    [[nodiscard]] std::string_view name() const override { return M::name; }
    [[nodiscard]] ESPALIER_COLD std::string describe() const override {
      if constexpr (requires { given.describe(); }) {
        return given.describe();
      } else {
        return std::string(std::string_view(M::name));
      }
    }
    [[nodiscard]] bool needs_current_losses() const override { return M::needs_current_losses; }
    void reset(const LearningTasks& tasks) override {
      detail::begin_anew(method, given, tasks);
    }
    void weights(std::span<const double> losses, std::span<double> out) override {
      method.weights(losses, out);
    }
    void observe(std::span<const double> losses) override { method.observe(losses); }
    [[nodiscard]] std::vector<double> state() const override { return method.state(); }
    void restore(std::span<const double> state) override { method.restore(state); }
    M given, method;
  };

  void reset(LearningTasks tasks) {
    model_->reset(tasks);
    losses_.assign(tasks.size(), 0.0);
    weights_.assign(tasks.size(), 0.0);
    tasks_ = std::move(tasks);
  }

  [[nodiscard]] std::span<const double> of_learning(std::span<const double> losses) {
    tasks_.gather(losses, losses_);
    return losses_;
  }

  void check(std::size_t count, const char* what) const {
    if (count == tasks_.all()) return;
    throw_error<ConfigError>({"balance '", name(), "': ", count, " ", what,
                              ", expected one for each of ", tasks_.all(), " tasks (as told to reset)"});
  }

  std::unique_ptr<detail::LossWeightingConcept> model_;
  LearningTasks tasks_;
  std::vector<double> losses_, weights_;  ///< of the tasks that learn
};

}  // namespace espalier
