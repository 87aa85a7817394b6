// SPDX-License-Identifier: Apache-2.0
// `LossWeighting`: type-erased loss weighting. A method reads the task losses and returns weights.
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
#include "espalier/core/config.hpp"

namespace espalier {

/// A loss weighting is a small copyable struct that holds its settings and its learnt state:
///
///     static constexpr std::string_view name;
///     static constexpr bool needs_current_losses;
///     void reset(std::size_t tasks);                     // before the first step: clears all
///     void weights(std::span<const double> losses, std::span<double> out);
///     void observe(std::span<const double> losses);      // after the step
///     std::vector<double> state() const;                 // everything a resumed run needs
///     void restore(std::span<const double> state);       // after reset; same length as state()
///     std::string describe() const;                      // optional: name and settings
///     void keep(const LearningTasks& tasks);             // optional, before reset; see below
///
/// Order within a step: weights(), backward pass, update, observe(). `losses` holds each task's
/// mean loss over its labelled samples, without static weights; NaN if the batch has no label for
/// that task. If needs_current_losses, weights() receives the losses of the current step, which
/// costs the trainer a barrier between forward and backward pass; otherwise `losses` may be empty
/// and the method uses what observe() has seen. A missing or infinite loss in one step must leave
/// all later weights finite: the method skips it. The weight of an absent task may be any finite
/// number.
///
/// The trainer multiplies the weights by the tasks' static weights. Tasks with static weight 0 are
/// excluded: the method sees only the others, as if the model had no more tasks. keep() reduces
/// per-task settings, given in the model's task order, to the learning tasks.
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

/// Defined in gradient_method.hpp.
template <class M>
struct GradientModelOf;

/// True for gradient methods only: each declares needs_coordinates, other methods do not.
template <class M>
inline constexpr bool is_gradient_method = requires {
  M::needs_coordinates;
};

}  // namespace detail

/// Holds a method and its state; a copy has its own state. Not thread-safe. Call reset() first; a
/// call with a different number of tasks throws ConfigError. May also hold a gradient method
/// (balance/gradient_method.hpp): then every loss weight is 1, and gradients() returns the method.
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
  LossWeighting(const LossWeighting& other);
  LossWeighting(LossWeighting&&) noexcept = default;
  LossWeighting& operator=(LossWeighting other) noexcept;
  ~LossWeighting() = default;

  [[nodiscard]] std::string_view name() const { return model_->name(); }
  /// "uncertainty(learning_rate=0.01, …)". If the texts of two runs are equal, one can continue the
  /// other.
  [[nodiscard]] std::string describe() const { return model_->describe(); }
  [[nodiscard]] bool needs_current_losses() const { return model_->needs_current_losses(); }

  /// Returns the gradient method held, or null if this is a loss weighting.
  [[nodiscard]] GradientAggregator* gradients() { return model_->gradients(); }

  /// Resets for `tasks` tasks that all learn. Throws ConfigError if a setting is out of range.
  void reset(std::size_t tasks) { reset(LearningTasks(tasks)); }
  /// Resets for tasks with these static weights; tasks with weight 0 are excluded.
  void reset(std::span<const double> static_weights) { reset(LearningTasks(static_weights)); }

  /// Writes the weights of the next step; 0 for an excluded task. `losses` has one value per task
  /// if needs_current_losses; otherwise it may be empty.
  void weights(std::span<const double> losses, std::span<double> out);
  void observe(std::span<const double> losses);
  [[nodiscard]] std::vector<double> state() const { return model_->state(); }
  /// Throws CheckpointError if the length of `state` differs from that of the method's state.
  void restore(std::span<const double> state);

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
    void reset(const LearningTasks& tasks) override { detail::begin_anew(method, given, tasks); }
    void weights(std::span<const double> losses, std::span<double> out) override {
      method.weights(losses, out);
    }
    void observe(std::span<const double> losses) override { method.observe(losses); }
    [[nodiscard]] std::vector<double> state() const override { return method.state(); }
    void restore(std::span<const double> state) override { method.restore(state); }
    M given, method;
  };

  void reset(LearningTasks tasks);

  [[nodiscard]] std::span<const double> of_learning(std::span<const double> losses);

  void check(std::size_t count, const char* what) const;

  std::unique_ptr<detail::LossWeightingConcept> model_;
  LearningTasks tasks_;
  std::vector<double> losses_, weights_;  ///< buffers, one value per learning task
};

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/balance/weighting_definitions.hpp"
#endif
