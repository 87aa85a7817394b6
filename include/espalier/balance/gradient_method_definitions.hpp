// SPDX-License-Identifier: Apache-2.0
// Definitions of gradient_method.hpp.
#pragma once

#include "espalier/balance/gradient_method.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "espalier/balance/learning_tasks.hpp"
#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"

namespace espalier {

ESPALIER_INLINE GradientAggregator::GradientAggregator(const GradientAggregator& other)
    : model_(other.model_ ? other.model_->clone() : nullptr),
      tasks_(other.tasks_),
      memory_(other.memory_) {
  make_room();
}

ESPALIER_INLINE GradientAggregator& GradientAggregator::operator=(
    GradientAggregator other) noexcept {
  std::swap(model_, other.model_);
  std::swap(tasks_, other.tasks_);
  present_.swap(other.present_);
  places_.swap(other.places_);
  losses_.swap(other.losses_);
  gramian_.swap(other.gramian_);
  weights_.swap(other.weights_);
  memory_.swap(other.memory_);
  return *this;
}

ESPALIER_INLINE void GradientAggregator::reset(const LearningTasks& tasks) {
  if (tasks.all() > max_tasks) {
    throw_error<ConfigError>(
        {"balance '", name(), "': ", tasks.all(), " tasks, expected at most ", max_tasks});
  }
  model_->reset(tasks);
  tasks_ = tasks;
  memory_.clear();
  make_room();
}

ESPALIER_INLINE void GradientAggregator::weights(std::span<const double> gramian,
                                                 std::span<const double> losses, std::uint64_t key,
                                                 std::span<double> out) {
  const std::size_t all = tasks_.all();
  if (gramian.size() != all * all || out.size() != all ||
      (!losses.empty() && losses.size() != all)) {
    throw_error<ConfigError>({"balance '", name(), "': a Gramian of ", gramian.size(), " values, ",
                              losses.size(), " losses and ", out.size(), " weights, expected ",
                              all * all, ", ", all, " (or none) and ", all, " (as told to reset)"});
  }
  present_.clear();
  places_.clear();
  losses_.clear();
  for (std::size_t k = 0; k < all; ++k) {
    out[k] = 0;
    if (!std::isfinite(gramian[k * all + k]) || tasks_.place(k) == LearningTasks::none) continue;
    present_.push_back(k);
    places_.push_back(tasks_.place(k));
    if (!losses.empty()) losses_.push_back(losses[k]);
  }
  const std::size_t count = present_.size();
  if (count == 0) return;
  if (!balances()) {
    out[present_[0]] = 1;
    return;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t row = present_[i] * all;
    gramian_[i * count + i] = (std::max)(gramian[row + present_[i]], 0.0);
    for (std::size_t j = 0; j < i; ++j) {
      const double product = gramian[row + present_[j]];
      const double most = std::sqrt(gramian_[i * count + i]) * std::sqrt(gramian_[j * count + j]);
      gramian_[i * count + j] = gramian_[j * count + i] =
          std::isfinite(product) ? (std::min)((std::max)(product, -most), most) : 0.0;
    }
  }
  const std::span<double> found(weights_.data(), count);
  model_->weights({{gramian_.data(), count * count}, places_, losses_, key}, found);
  bool finite = true;
  for (const double w : found) finite = finite && std::isfinite(w);
  for (std::size_t i = 0; i < count; ++i)
    out[present_[i]] = finite ? found[i] : 1 / static_cast<double>(count);
}

ESPALIER_INLINE void GradientAggregator::remember(std::size_t coordinates) {
  const std::size_t size = model_->remembers() ? tasks_.all() * coordinates : 0;
  if (memory_.size() != size) memory_.assign(size, 0.0);
}

ESPALIER_INLINE std::vector<double> GradientAggregator::state() const {
  std::vector<double> all = model_->state();
  all.insert(all.end(), memory_.begin(), memory_.end());
  return all;
}

ESPALIER_INLINE void GradientAggregator::restore(std::span<const double> state) {
  const std::size_t own = model_->state().size(), expected = own + memory_.size();
  if (state.size() != expected) {
    throw_error<CheckpointError>(
        {"balance '", name(), "': a state of ", state.size(), " numbers, expected ", expected});
  }
  model_->restore(state.first(own));
  std::copy(state.begin() + static_cast<std::ptrdiff_t>(own), state.end(), memory_.begin());
}

ESPALIER_INLINE void GradientAggregator::make_room() {
  const std::size_t all = tasks_.all();
  present_.reserve(all);
  places_.reserve(all);
  losses_.reserve(all);
  gramian_.resize(all * all);
  weights_.resize(all);
}

}  // namespace espalier
