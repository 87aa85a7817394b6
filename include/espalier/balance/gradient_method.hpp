// SPDX-License-Identifier: Apache-2.0
// `GradientAggregator`: type-erased gradient method. A method reads the Gramian of the task
// gradients and returns weights.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/balance/coordinates.hpp"
#include "espalier/balance/learning_tasks.hpp"
#include "espalier/balance/weighting.hpp"
#include "espalier/core/config.hpp"

namespace espalier {

/// The input of a gradient method: n tasks, all present in the batch and with a static weight above
/// 0. Tasks with weight 0 are not counted.
struct TaskGradients {
  /// G Gᵀ, n × n, row-major: the inner products of the gradients with respect to the shared
  /// parameters. Finite and symmetric; |g_iᵀ g_j| ≤ |g_i| |g_j| holds.
  std::span<const double> gramian;
  /// Index of each row's task among the learning tasks; ascending.
  std::span<const std::size_t> tasks;
  std::span<const double> losses;  ///< one per row; empty if the caller does not know them
  std::uint64_t key = 0;           ///< key of this step's random numbers

  [[nodiscard]] std::size_t size() const { return tasks.size(); }
  /// g_iᵀ g_j
  [[nodiscard]] double operator()(std::size_t i, std::size_t j) const {
    return gramian[i * tasks.size() + j];
  }
  /// |g_i|
  [[nodiscard]] double norm(std::size_t i) const { return std::sqrt((*this)(i, i)); }
  /// Cosine of the angle between g_i and g_j; 0 if either is zero.
  [[nodiscard]] double cosine(std::size_t i, std::size_t j) const {
    if (i == j) return (*this)(i, i) > 0 ? 1 : 0;
    const double length = norm(i) * norm(j);
    return length > 0 ? (std::min)((std::max)((*this)(i, j) / length, -1.0), 1.0) : 0.0;
  }
};

/// A gradient method is a small copyable struct:
///
///     static constexpr std::string_view name;
///     static constexpr bool needs_coordinates = false;  // true: see balance/coordinates.hpp
///     void weights(const TaskGradients& gradients, std::span<double> out);
///     std::string describe() const;                     // optional: name and settings
///
/// If it keeps state from step to step, it also has `void reset(std::size_t tasks)`,
/// `std::vector<double> state() const` and `void restore(std::span<const double>)`, as a
/// WeightingMethod; and `keep` if it has per-task settings. The step follows Σ_k out_k g_k.
/// weights() must write finite numbers for any Gramian: zero, singular, of any scale. It must not
/// allocate.
template <class M>
concept GradientMethod = std::copyable<M> &&
    requires(M m, const TaskGradients& gradients, std::span<double> out) {
  { M::name } -> std::convertible_to<std::string_view>;
  { M::needs_coordinates } -> std::convertible_to<bool>;
  m.weights(gradients, out);
};

namespace detail {
template <class M>
concept GradientMethodWithState = requires(M m, const M& c, std::size_t n,
                                           std::span<const double> in) {
  m.reset(n);
  { c.state() } -> std::same_as<std::vector<double>>;
  m.restore(in);
};
}  // namespace detail

/// Holds a method and its state; a copy has its own state. Not thread-safe. weights() and rewrite()
/// do not allocate after reset().
class GradientAggregator {
 public:
  static constexpr std::size_t max_tasks = 32;

  template <class M>
  requires(!std::same_as<M, GradientAggregator> && GradientMethod<M>)
      // NOLINTNEXTLINE(google-explicit-constructor): an option is given as the method itself.
      GradientAggregator(M method)
      : model_(std::make_unique<typename ModelOf<M>::Type>(std::move(method))) {
    static_assert(!M::needs_coordinates || CoordinateMethod<M>,
                  "espalier: a gradient method that needs coordinates has a member "
                  "rewrite(GradientCoordinates): see balance/coordinates.hpp");
  }
  GradientAggregator(const GradientAggregator& other);
  GradientAggregator(GradientAggregator&&) noexcept = default;
  GradientAggregator& operator=(GradientAggregator other) noexcept;
  ~GradientAggregator() = default;

  [[nodiscard]] std::string_view name() const { return model_->name(); }
  /// "mgda" or "ca_grad(c=0.4, …)". If the texts of two runs are equal, one can continue the other.
  [[nodiscard]] std::string describe() const { return model_->describe(); }

  /// Call before the first step: clears the state and allocates for the tasks; tasks with static
  /// weight 0 are excluded. Throws ConfigError if a setting is out of range, or if there are more
  /// than max_tasks tasks.
  void reset(std::size_t tasks) { reset(LearningTasks(tasks)); }
  void reset(std::span<const double> static_weights) { reset(LearningTasks(static_weights)); }
  void reset(const LearningTasks& tasks);

  /// Writes the weights of this step to `out`. `gramian`: tasks × tasks, of the gradients of the
  /// losses times their static weights. A task that is absent from the batch has NaN (or infinity)
  /// on the diagonal; the method does not see it, and its weight is 0. This differs from a zero
  /// gradient, which means that the task is at its optimum. `losses`: one per task, or empty. If
  /// only one task learns, there is nothing to balance and its weight is 1. If the method's weights
  /// overflow, for gradients whose lengths differ by a factor of about 1e150, every weight is
  /// 1 / n. Throws ConfigError if a size does not match.
  void weights(std::span<const double> gramian, std::span<const double> losses, std::uint64_t key,
               std::span<double> out);

  /// Whether there is anything to balance: more than one task learns. If not, neither the method's
  /// weights() nor its rewrite() is needed.
  [[nodiscard]] bool balances() const { return tasks_.size() > 1; }

  /// Whether rewrite() must be called before the Gramian is computed: see balance/coordinates.hpp.
  [[nodiscard]] bool needs_coordinates() const { return model_->needs_coordinates(); }
  /// Whether the method keeps one number per task and coordinate.
  [[nodiscard]] bool remembers() const { return model_->remembers(); }
  /// Allocates them, initially 0; nothing if the method keeps none.
  void remember(std::size_t coordinates);
  /// These numbers, task-major.
  [[nodiscard]] std::span<double> memory() { return memory_; }
  /// `gradients.tasks` are indices in the model. May run concurrently for different coordinates.
  template <class T>
  void rewrite(GradientCoordinates<T> gradients) const {
    std::array<std::size_t, max_tasks> places;
    if (!tasks_.are_all()) {
      const std::size_t count = gradients.tasks.size();
      for (std::size_t i = 0; i < count; ++i) places[i] = tasks_.place(gradients.tasks[i]);
      gradients.tasks = {places.data(), count};
    }
    model_->rewrite(gradients);
  }

  [[nodiscard]] std::vector<double> state() const;
  /// Throws CheckpointError if the length of `state` differs from that of the method's state and
  /// memory.
  void restore(std::span<const double> state);

 private:
  struct Concept {
    virtual ~Concept() = default;
    [[nodiscard]] virtual std::unique_ptr<Concept> clone() const = 0;
    [[nodiscard]] virtual std::string_view name() const = 0;
    [[nodiscard]] virtual std::string describe() const = 0;
    virtual void reset(const LearningTasks& tasks) = 0;
    virtual void weights(const TaskGradients& gradients, std::span<double> out) = 0;
    [[nodiscard]] virtual bool needs_coordinates() const = 0;
    [[nodiscard]] virtual bool remembers() const { return false; }
    virtual void rewrite(const GradientCoordinates<float>&) const {}
    virtual void rewrite(const GradientCoordinates<double>&) const {}
    [[nodiscard]] virtual std::vector<double> state() const = 0;
    virtual void restore(std::span<const double> state) = 0;
  };

  template <class M>
  struct Model : Concept {
    static constexpr bool has_state = detail::GradientMethodWithState<M>;
    explicit Model(const M& m) : given(m), method(m) {}
    [[nodiscard]] std::unique_ptr<Concept> clone() const override {
      return std::make_unique<Model>(*this);
    }
    [[nodiscard]] std::string_view name() const override { return M::name; }
    [[nodiscard]] std::string describe() const override {
      if constexpr (requires { given.describe(); }) {
        return given.describe();
      } else {
        return std::string(std::string_view(M::name));
      }
    }
    void reset(const LearningTasks& tasks) override { detail::begin_anew(method, given, tasks); }
    void weights(const TaskGradients& gradients, std::span<double> out) override {
      method.weights(gradients, out);
    }
    [[nodiscard]] std::vector<double> state() const override {
      if constexpr (has_state) {
        return method.state();
      } else {
        return {};
      }
    }
    void restore([[maybe_unused]] std::span<const double> state) override {
      if constexpr (has_state) method.restore(state);
    }
    [[nodiscard]] bool needs_coordinates() const override { return M::needs_coordinates; }
    M given, method;
  };

  /// `Model` for a method that needs coordinates.
  template <CoordinateMethod M>
  struct CoordinateModel final : Model<M> {
    using Model<M>::Model;
    [[nodiscard]] std::unique_ptr<Concept> clone() const override {
      return std::make_unique<CoordinateModel>(*this);
    }
    [[nodiscard]] bool remembers() const override {
      if constexpr (requires { M::remembers; }) return M::remembers;
      return false;
    }
    void rewrite(const GradientCoordinates<float>& g) const override { this->method.rewrite(g); }
    void rewrite(const GradientCoordinates<double>& g) const override { this->method.rewrite(g); }
  };
  template <class M>
  struct ModelOf {
    using Type = Model<M>;
  };
  template <CoordinateMethod M>
  struct ModelOf<M> {
    using Type = CoordinateModel<M>;
  };

  void make_room();

  std::unique_ptr<Concept> model_;
  LearningTasks tasks_;
  std::vector<std::size_t> present_;  ///< model indices of the tasks in this batch
  std::vector<std::size_t> places_;   ///< their indices among the learning tasks
  std::vector<double> losses_, gramian_, weights_, memory_;
};

/// Wraps a gradient method for LossWeighting.
template <class M>
struct detail::GradientModelOf {
  static_assert(GradientMethod<M>,
                "espalier: not a gradient method: see balance/gradient_method.hpp");

  struct Model final : LossWeightingConcept {
    explicit Model(M m) : balance(std::move(m)) {}
    [[nodiscard]] std::unique_ptr<LossWeightingConcept> clone() const override {
      return std::make_unique<Model>(*this);
    }
    [[nodiscard]] std::string_view name() const override { return M::name; }
    [[nodiscard]] std::string describe() const override { return balance.describe(); }
    [[nodiscard]] bool needs_current_losses() const override { return false; }
    [[nodiscard]] GradientAggregator* gradients() override { return &balance; }
    void reset(const LearningTasks& tasks) override { balance.reset(tasks); }
    void weights(std::span<const double>, std::span<double> out) override {
      std::fill(out.begin(), out.end(), 1.0);
    }
    void observe(std::span<const double>) override {}
    [[nodiscard]] std::vector<double> state() const override { return balance.state(); }
    void restore(std::span<const double> state) override { balance.restore(state); }
    GradientAggregator balance;
  };
};

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/balance/gradient_method_definitions.hpp"
#endif
