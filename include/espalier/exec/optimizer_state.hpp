// SPDX-License-Identifier: Apache-2.0
// `OptimizerState`: values that an optimiser keeps per parameter, such as moments.
#pragma once

#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/exec/parameters.hpp"
#include "espalier/optim/optimizer.hpp"

namespace espalier {

/// `count` values per parameter: dense[s] has the layout of the dense parameters, tables[s][t] that
/// of table t.
template <class T>
struct OptimizerState {
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
