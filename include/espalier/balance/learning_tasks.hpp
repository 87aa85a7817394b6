// SPDX-License-Identifier: Apache-2.0
// `LearningTasks`: the tasks of a model that a balancing method sees.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "espalier/core/config.hpp"

namespace espalier {

/// The tasks with a static weight above 0, in the model's order. A task with weight 0 is evaluated
/// but not learnt: balancing methods do not see it, and the other tasks learn as if it did not
/// exist.
class LearningTasks {
 public:
  LearningTasks() = default;
  /// `all` tasks, all of which learn.
  explicit LearningTasks(std::size_t all) : all_(all) {
    for (std::size_t k = 0; k < all; ++k) add(k);
  }
  explicit LearningTasks(std::span<const double> static_weights) : all_(static_weights.size()) {
    for (std::size_t k = 0; k < all_; ++k) {
      if (static_weights[k] > 0) {
        add(k);
      } else {
        places_.push_back(none);
      }
    }
  }

  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  [[nodiscard]] std::size_t all() const { return all_; }
  [[nodiscard]] std::size_t size() const { return tasks_.size(); }
  [[nodiscard]] bool are_all() const { return size() == all_; }
  /// Index in the model of the i-th learning task.
  [[nodiscard]] std::size_t operator[](std::size_t i) const { return tasks_[i]; }
  /// Index of the model's task k among the learning tasks; `none` if it does not learn.
  [[nodiscard]] std::size_t place(std::size_t k) const { return places_[k]; }

  /// Copies the learning tasks' values from one value per task of the model.
  void gather(std::span<const double> of_all, std::span<double> out) const {
    for (std::size_t i = 0; i < size(); ++i) out[i] = of_all[tasks_[i]];
  }
  /// The inverse: writes one value per task of the model, 0 for tasks that do not learn.
  void scatter(std::span<const double> of_these, std::span<double> out) const {
    for (std::size_t k = 0; k < all_; ++k) out[k] = places_[k] == none ? 0.0 : of_these[places_[k]];
  }

 private:
  void add(std::size_t k) {
    places_.push_back(tasks_.size());
    tasks_.push_back(k);
  }

  std::size_t all_ = 0;
  std::vector<std::size_t> tasks_, places_;
};

namespace detail {

/// A method with settings that are per task or that name a task: keep(), called before reset(),
/// maps them to the learning tasks.
template <class M>
concept KeepsSettingsByTask = requires(M m, const LearningTasks& tasks) {
  m.keep(tasks);
};

/// Restarts a method from `given`, the settings as the user gave them: keep() may have mapped those
/// in `method` to other tasks.
template <class M>
void begin_anew(M& method, const M& given, const LearningTasks& tasks) {
  method = given;
  if constexpr (KeepsSettingsByTask<M>) method.keep(tasks);
  if constexpr (requires { method.reset(tasks.size()); }) method.reset(tasks.size());
}

}  // namespace detail

}  // namespace espalier
