// SPDX-License-Identifier: Apache-2.0
// What an optimiser remembers of every parameter: its moments.
#pragma once

#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/exec/parameters.hpp"
#include "espalier/optim/optimizer.hpp"

namespace espalier {

/// `count` values for every parameter: dense[s] as the dense parameters lie, tables[s][t] as table t.
template <class T>
struct OptimizerState {
  static constexpr int max_states = 4;

  int count = 0;
  std::vector<Buffer<T>> dense;
  std::vector<std::vector<Buffer<T>>> tables;

  OptimizerState() = default;

  ESPALIER_COLD OptimizerState(const Parameters<T>& parameters, Index dense_size,
                               const Optimizer& optimizer)
      : count(optimizer.states()) {
    for (int s = 0; s < count; ++s) {
      const T initial = static_cast<T>(optimizer.initial_state(s));
      dense.emplace_back(static_cast<std::size_t>(dense_size));
      dense.back().fill(initial);
      std::vector<Buffer<T>> all;
      for (const Buffer<T>& table : parameters.tables) {
        all.emplace_back(table.size());
        all.back().fill(initial);
      }
      tables.push_back(std::move(all));
    }
  }
};

}  // namespace espalier
