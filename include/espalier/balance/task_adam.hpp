// SPDX-License-Identifier: Apache-2.0
// Adam for the few numbers that a balancing method learns itself.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"

namespace espalier::detail {

/// One learnt number per task and its moments; β 0.9 and 0.999, ε 1e-8.
struct TaskAdam {
  std::vector<double> value, first, second, steps;

  void reset(std::size_t tasks) {
    for (auto* part : {&value, &first, &second, &steps}) part->assign(tasks, 0.0);
  }
  /// One Adam step for task k.
  void step(std::size_t k, double gradient, double learning_rate) {
    const double t = ++steps[k];
    first[k] = 0.9 * first[k] + 0.1 * gradient;
    second[k] = 0.999 * second[k] + 0.001 * gradient * gradient;
    const double mean = first[k] / (1 - std::pow(0.9, t)),
                 square = second[k] / (1 - std::pow(0.999, t));
    value[k] -= learning_rate * mean / (std::sqrt(square) + 1e-8);
  }
  void append_to(std::vector<double>& all) const {
    for (const auto* part : {&value, &first, &second, &steps})
      all.insert(all.end(), part->begin(), part->end());
  }
  /// Returns the part of `state` that follows.
  std::span<const double> restore(std::span<const double> state) {
    for (auto* part : {&value, &first, &second, &steps}) {
      std::copy_n(state.begin(), part->size(), part->begin());
      state = state.subspan(part->size());
    }
    return state;
  }
};

}  // namespace espalier::detail
