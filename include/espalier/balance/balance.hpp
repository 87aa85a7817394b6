// SPDX-License-Identifier: Apache-2.0
// `Balance`: any loss weighting as a value. A method sees the tasks' losses and gives weights.
#pragma once

#include <concepts>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/error.hpp"

namespace espalier {

/// A loss weighting is a small copyable struct with
///   static constexpr std::string_view name;
///   static constexpr bool needs_current_losses;  // true: weights() wants this step's losses, which costs a barrier
///   void reset(std::size_t tasks);                // before the first step
///   void weights(std::span<const double> losses, std::span<double> weights);  // losses: this step's, or empty
///   void observe(std::span<const double> losses);                             // after the step
///   std::vector<double> state() const;  void restore(std::span<const double>);
/// A task without labels in a batch has loss NaN: a method leaves such a task's state alone and gives it any finite weight.
/// The tasks' own static weights multiply what the method gives.
template <class M>
concept WeightingMethod = std::copyable<M> && requires(M m, const M& c, std::size_t n, std::span<const double> in,
                                                       std::span<double> out) {
  { M::name } -> std::convertible_to<std::string_view>;
  { M::needs_current_losses } -> std::convertible_to<bool>;
  m.reset(n);
  m.weights(in, out);
  m.observe(in);
  { c.state() } -> std::same_as<std::vector<double>>;
  m.restore(in);
};

/// Holds a method and its state; copying copies both.
class Balance {
 public:
  template <WeightingMethod M>
  // NOLINTNEXTLINE(google-explicit-constructor): an option is given as the method itself.
  Balance(M method) : model_(std::make_unique<Model<M>>(std::move(method))) {}
  Balance(const Balance& other) : model_(other.model_->clone()) {}
  Balance(Balance&&) noexcept = default;
  Balance& operator=(Balance other) noexcept {
    model_ = std::move(other.model_);
    return *this;
  }

  [[nodiscard]] std::string_view name() const { return model_->name(); }
  [[nodiscard]] bool needs_current_losses() const { return model_->needs_current_losses(); }
  void reset(std::size_t tasks) { model_->reset(tasks); }
  void weights(std::span<const double> losses, std::span<double> out) { model_->weights(losses, out); }
  void observe(std::span<const double> losses) { model_->observe(losses); }
  [[nodiscard]] std::vector<double> state() const { return model_->state(); }
  /// Throws CheckpointError when the state is of another length than the method's.
  void restore(std::span<const double> state) {
    if (state.size() != model_->state().size()) {
      throw CheckpointError("balance '" + std::string(name()) + "': a state of " + std::to_string(state.size()) +
                            " numbers, expected " + std::to_string(model_->state().size()));
    }
    model_->restore(state);
  }

 private:
  struct Concept {
    virtual ~Concept() = default;
    [[nodiscard]] virtual std::unique_ptr<Concept> clone() const = 0;
    [[nodiscard]] virtual std::string_view name() const = 0;
    [[nodiscard]] virtual bool needs_current_losses() const = 0;
    virtual void reset(std::size_t tasks) = 0;
    virtual void weights(std::span<const double> losses, std::span<double> out) = 0;
    virtual void observe(std::span<const double> losses) = 0;
    [[nodiscard]] virtual std::vector<double> state() const = 0;
    virtual void restore(std::span<const double> state) = 0;
  };

  template <class M>
  struct Model final : Concept {
    explicit Model(M m) : method(std::move(m)) {}
    [[nodiscard]] std::unique_ptr<Concept> clone() const override { return std::make_unique<Model>(method); }
    [[nodiscard]] std::string_view name() const override { return M::name; }
    [[nodiscard]] bool needs_current_losses() const override { return M::needs_current_losses; }
    void reset(std::size_t tasks) override { method.reset(tasks); }
    void weights(std::span<const double> losses, std::span<double> out) override { method.weights(losses, out); }
    void observe(std::span<const double> losses) override { method.observe(losses); }
    [[nodiscard]] std::vector<double> state() const override { return method.state(); }
    void restore(std::span<const double> state) override { method.restore(state); }
    M method;
  };

  std::unique_ptr<Concept> model_;
};

}  // namespace espalier
