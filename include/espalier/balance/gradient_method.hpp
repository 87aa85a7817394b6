// SPDX-License-Identifier: Apache-2.0
// `GradientBalance`: any gradient method as a value. A method sees the Gramian of the task
// gradients and gives weights.
#pragma once

#include <Eigen/Core>
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

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"

namespace espalier {

/// What a gradient method sees of n tasks, all of them present in the batch.
struct TaskGradients {
  /// G Gᵀ, n × n: the inner products of the gradients by the shared parameters. Finite, symmetric.
  Eigen::Ref<const Eigen::MatrixXd> gramian;
  std::span<const Index> tasks;    ///< which task each row is; rises
  std::span<const double> losses;  ///< one a row; or empty, where the caller does not know them
  std::uint64_t key = 0;           ///< of this step's random numbers, for methods that draw any
};

/// A gradient method is a small copyable struct:
///
///     static constexpr std::string_view name;
///     static constexpr bool needs_coordinates = false;  // true is reserved: wants G, not G Gᵀ
///     void weights(const TaskGradients& gradients, Eigen::Ref<Eigen::VectorXd> out);
///
/// and, where it keeps something from step to step: `void reset(std::size_t tasks)`,
/// `std::vector<double> state() const`, `void restore(std::span<const double>)`, as a
/// WeightingMethod has them. The step then follows Σ_k out_k g_k. weights() writes finite numbers
/// whatever the Gramian: zero, singular, of any scale.
template <class M>
concept GradientMethod = std::copyable<M> &&
    requires(M m, const TaskGradients& gradients, Eigen::Ref<Eigen::VectorXd> out) {
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

/// Holds a method and its state; a copy has a state of its own. Not for two threads at once.
/// Nothing allocates after reset().
class GradientBalance {
 public:
  template <class M>
  requires(!std::same_as<M, GradientBalance> && GradientMethod<M>)
      // NOLINTNEXTLINE(google-explicit-constructor): an option is given as the method itself.
      GradientBalance(M method) : model_(std::make_unique<Model<M>>(std::move(method))) {
    static_assert(!M::needs_coordinates,
                  "espalier: gradient methods that need coordinates are not supported yet");
  }
  GradientBalance(const GradientBalance& other)
      : model_(other.model_ ? other.model_->clone() : nullptr), tasks_(other.tasks_) {
    make_room();
  }
  GradientBalance(GradientBalance&&) noexcept = default;
  GradientBalance& operator=(GradientBalance other) noexcept {
    std::swap(model_, other.model_);
    std::swap(tasks_, other.tasks_);
    present_.swap(other.present_);
    losses_.swap(other.losses_);
    gramian_.swap(other.gramian_);
    weights_.swap(other.weights_);
    return *this;
  }
  ~GradientBalance() = default;

  [[nodiscard]] std::string_view name() const { return model_->name(); }

  /// Before the first step: forgets, and makes room for `tasks` tasks.
  void reset(std::size_t tasks) {
    model_->reset(tasks);
    tasks_ = tasks;
    make_room();
  }

  /// out = the weights of this step. `gramian`: tasks × tasks, of the gradients of the losses times
  /// their static weights. A task that is absent from the batch has NaN (or infinity) on the
  /// diagonal; it is not shown to the method and its weight is 0. That is not the same as a
  /// gradient of 0, which says that the task is at its optimum. `losses`: one a task, or empty.
  /// Throws ConfigError on other sizes.
  void weights(const Eigen::Ref<const Eigen::MatrixXd>& gramian, std::span<const double> losses,
               std::uint64_t key, Eigen::Ref<Eigen::VectorXd> out) {
    const auto n = static_cast<Index>(tasks_);
    if (gramian.rows() != n || gramian.cols() != n || out.size() != n ||
        (!losses.empty() && losses.size() != tasks_)) {
      throw_error<ConfigError>({"balance '", name(), "': a Gramian of ", gramian.rows(), " × ",
                                gramian.cols(), ", ", losses.size(), " losses and ", out.size(),
                                " weights, expected ", tasks_, " of each (as told to reset)"});
    }
    present_.clear();
    losses_.clear();
    for (Index k = 0; k < n; ++k) {
      if (!std::isfinite(gramian(k, k))) continue;
      present_.push_back(k);
      if (!losses.empty()) losses_.push_back(losses[static_cast<std::size_t>(k)]);
    }
    out.setZero();
    const auto count = static_cast<Index>(present_.size());
    if (count == 0) return;
    for (Index j = 0; j < count; ++j) {
      for (Index i = 0; i < count; ++i) {
        const double product = gramian(at(i), at(j));
        gramian_(i, j) = std::isfinite(product) ? product : 0.0;
      }
    }
    model_->weights({gramian_.topLeftCorner(count, count), present_, losses_, key},
                    weights_.head(count));
    for (Index i = 0; i < count; ++i) out(at(i)) = weights_(i);
  }

  [[nodiscard]] std::vector<double> state() const { return model_->state(); }
  /// Throws CheckpointError when the state is of another length than the method's.
  void restore(std::span<const double> state) {
    const std::size_t expected = model_->state().size();
    if (state.size() != expected) {
      throw_error<CheckpointError>({"balance '", name(), "': a state of ", state.size(),
                                    " numbers, expected ", expected});
    }
    model_->restore(state);
  }

 private:
  struct Concept {
    virtual ~Concept() = default;
    [[nodiscard]] virtual std::unique_ptr<Concept> clone() const = 0;
    [[nodiscard]] virtual std::string_view name() const = 0;
    virtual void reset(std::size_t tasks) = 0;
    virtual void weights(const TaskGradients& gradients, Eigen::Ref<Eigen::VectorXd> out) = 0;
    [[nodiscard]] virtual std::vector<double> state() const = 0;
    virtual void restore(std::span<const double> state) = 0;
  };

  template <class M>
  struct Model final : Concept {
    static constexpr bool has_state = detail::GradientMethodWithState<M>;
    explicit Model(M m) : method(std::move(m)) {}
    [[nodiscard]] std::unique_ptr<Concept> clone() const override {
      return std::make_unique<Model>(method);
    }
    [[nodiscard]] std::string_view name() const override { return M::name; }
    void reset([[maybe_unused]] std::size_t tasks) override {
      if constexpr (has_state) method.reset(tasks);
    }
    void weights(const TaskGradients& gradients, Eigen::Ref<Eigen::VectorXd> out) override {
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
    M method;
  };

  [[nodiscard]] Index at(Index row) const { return present_[static_cast<std::size_t>(row)]; }
  void make_room() {
    present_.reserve(tasks_);
    losses_.reserve(tasks_);
    gramian_.resize(static_cast<Index>(tasks_), static_cast<Index>(tasks_));
    weights_.resize(static_cast<Index>(tasks_));
  }

  std::unique_ptr<Concept> model_;
  std::size_t tasks_ = 0;
  std::vector<Index> present_;  ///< the tasks in this batch, and below what the method sees of them
  std::vector<double> losses_;
  Eigen::MatrixXd gramian_;
  Eigen::VectorXd weights_;
};

}  // namespace espalier
