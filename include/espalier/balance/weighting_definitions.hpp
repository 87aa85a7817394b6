// SPDX-License-Identifier: Apache-2.0
// Definitions of weighting.hpp.
#pragma once

#include "espalier/balance/weighting.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "espalier/balance/learning_tasks.hpp"
#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"

namespace espalier {

ESPALIER_INLINE LossWeighting::LossWeighting(const LossWeighting& other)
    : model_(other.model_ ? other.model_->clone() : nullptr),
      tasks_(other.tasks_),
      losses_(other.losses_),
      weights_(other.weights_) {}

ESPALIER_INLINE LossWeighting& LossWeighting::operator=(LossWeighting other) noexcept {
  model_ = std::move(other.model_);
  tasks_ = std::move(other.tasks_);
  losses_ = std::move(other.losses_);
  weights_ = std::move(other.weights_);
  return *this;
}

ESPALIER_INLINE void LossWeighting::weights(std::span<const double> losses, std::span<double> out) {
  check(out.size(), "weights");
  if (!losses.empty() || needs_current_losses()) check(losses.size(), "losses");
  if (tasks_.are_all()) return model_->weights(losses, out);
  if (tasks_.size() > 0) model_->weights(losses.empty() ? losses : of_learning(losses), weights_);
  tasks_.scatter(weights_, out);
}

ESPALIER_INLINE void LossWeighting::observe(std::span<const double> losses) {
  check(losses.size(), "losses");
  if (tasks_.size() > 0) model_->observe(tasks_.are_all() ? losses : of_learning(losses));
}

ESPALIER_INLINE void LossWeighting::restore(std::span<const double> state) {
  const std::size_t expected = model_->state().size();
  if (state.size() != expected) {
    throw_error<CheckpointError>(
        {"balance '", name(), "': a state of ", state.size(), " numbers, expected ", expected});
  }
  model_->restore(state);
}

ESPALIER_INLINE void LossWeighting::reset(LearningTasks tasks) {
  model_->reset(tasks);
  losses_.assign(tasks.size(), 0.0);
  weights_.assign(tasks.size(), 0.0);
  tasks_ = std::move(tasks);
}

ESPALIER_INLINE std::span<const double> LossWeighting::of_learning(std::span<const double> losses) {
  tasks_.gather(losses, losses_);
  return losses_;
}

ESPALIER_INLINE void LossWeighting::check(std::size_t count, const char* what) const {
  if (count == tasks_.all()) return;
  throw_error<ConfigError>({"balance '", name(), "': ", count, " ", what,
                            ", expected one for each of ", tasks_.all(),
                            " tasks (as told to reset)"});
}

}  // namespace espalier
