// SPDX-License-Identifier: Apache-2.0
// `LearningTasks`: which of a model's tasks a balancing method is told of.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "espalier/core/config.hpp"

namespace espalier {

/// The tasks whose static weight is above 0, in the model's order. A task of weight 0 is measured
/// and not learnt: no balancing method is told of it, so the others learn as if it were not there.
class LearningTasks {
 public:
  LearningTasks() = default;
  /// All of so many.
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
  /// The number in the model of the i-th.
  [[nodiscard]] std::size_t operator[](std::size_t i) const { return tasks_[i]; }
  /// The place among these of the model's task k; `none` where it does not learn.
  [[nodiscard]] std::size_t place(std::size_t k) const { return places_[k]; }

  /// Of values one a task, those of the tasks that learn.
  void gather(std::span<const double> of_all, std::span<double> out) const {
    for (std::size_t i = 0; i < size(); ++i) out[i] = of_all[tasks_[i]];
  }
  /// And back; 0 for the others.
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

/// A method with settings that are one a task, or name one: it is told, before reset(), to which
/// tasks they are to be cut.
template <class M>
concept KeepsSettingsByTask = requires(M m, const LearningTasks& tasks) {
  m.keep(tasks);
};

/// A method begins anew: from `given`, as its settings may have been cut to other tasks.
template <class M>
void begin_anew(M& method, const M& given, const LearningTasks& tasks) {
  method = given;
  if constexpr (KeepsSettingsByTask<M>) method.keep(tasks);
  if constexpr (requires { method.reset(tasks.size()); }) method.reset(tasks.size());
}

}  // namespace detail

}  // namespace espalier
