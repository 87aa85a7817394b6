// SPDX-License-Identifier: Apache-2.0
// Counts the allocations of training steps with Adam and gradient clipping after the first step.
#pragma once

#include <cstdint>
#include <vector>

#include "espalier/exec/executor.hpp"
#include "espalier/optim/optim.hpp"
#include "support/allocations.hpp"

namespace espalier_test {

/// Allocations of four steps after one warm-up step. Every task has weight 1.
template <class T>
long step_allocations(espalier::TrainExecutor<T>& executor, const espalier::Batch<T>& batch) {
  executor.prepare(espalier::Adam{}, {});
  const std::vector<double> weights(executor.plan().tasks.size(), 1.0);
  const auto learn = [&](std::int64_t i) {
    executor.forward_backward(batch, weights, static_cast<std::uint64_t>(i));
    executor.update({i, 1, 1}, 1.0);
  };
  learn(1);
  const long before = allocations();
  for (std::int64_t i = 2; i < 6; ++i) learn(i);
  return allocations() - before;
}

}  // namespace espalier_test
