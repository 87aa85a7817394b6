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
  explicit LearningTasks(std::size_t all);
  explicit LearningTasks(std::span<const double> static_weights);

  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  [[nodiscard]] std::size_t all() const { return all_; }
  [[nodiscard]] std::size_t size() const { return tasks_.size(); }
  [[nodiscard]] bool are_all() const { return size() == all_; }
  /// Index in the model of the i-th learning task.
  [[nodiscard]] std::size_t operator[](std::size_t i) const { return tasks_[i]; }
  /// Index of the model's task k among the learning tasks; `none` if it does not learn.
  [[nodiscard]] std::size_t place(std::size_t k) const { return places_[k]; }

  /// Copies the learning tasks' values from one value per task of the model.
  void gather(std::span<const double> of_all, std::span<double> out) const;
  /// The inverse: writes one value per task of the model, 0 for tasks that do not learn.
  void scatter(std::span<const double> of_these, std::span<double> out) const;

 private:
  void add(std::size_t k);

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

#if ESPALIER_DEFINE
#include "espalier/balance/learning_tasks_definitions.hpp"
#endif
