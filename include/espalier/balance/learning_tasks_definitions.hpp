// SPDX-License-Identifier: Apache-2.0
// Definitions of learning_tasks.hpp.
#pragma once

#include "espalier/balance/learning_tasks.hpp"

#include <cstddef>
#include <span>

#include "espalier/core/config.hpp"

namespace espalier {

ESPALIER_INLINE LearningTasks::LearningTasks(std::size_t all) : all_(all) {
  for (std::size_t k = 0; k < all; ++k) add(k);
}

ESPALIER_INLINE LearningTasks::LearningTasks(std::span<const double> static_weights)
    : all_(static_weights.size()) {
  for (std::size_t k = 0; k < all_; ++k) {
    if (static_weights[k] > 0) {
      add(k);
    } else {
      places_.push_back(none);
    }
  }
}

ESPALIER_INLINE void LearningTasks::gather(std::span<const double> of_all,
                                           std::span<double> out) const {
  for (std::size_t i = 0; i < size(); ++i) out[i] = of_all[tasks_[i]];
}

ESPALIER_INLINE void LearningTasks::scatter(std::span<const double> of_these,
                                            std::span<double> out) const {
  for (std::size_t k = 0; k < all_; ++k) out[k] = places_[k] == none ? 0.0 : of_these[places_[k]];
}

ESPALIER_INLINE void LearningTasks::add(std::size_t k) {
  places_.push_back(tasks_.size());
  tasks_.push_back(k);
}

}  // namespace espalier
