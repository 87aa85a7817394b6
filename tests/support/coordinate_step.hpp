// SPDX-License-Identifier: Apache-2.0
// One step of a balancing method that rewrites gradient coordinates; each gradient is one row of
// numbers.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "espalier/balance/gradient_method.hpp"

namespace espalier_test {

/// `absent`: this task is not in the batch. `cut` > 0: rewrites in blocks of `cut` coordinates.
inline std::vector<double> coordinate_step(espalier::GradientAggregator& balance,
                                           std::vector<std::vector<double>> gradients,
                                           std::uint64_t key, std::size_t absent = 99,
                                           std::size_t cut = 0) {
  const std::size_t n = gradients.size(), width = gradients[0].size();
  balance.remember(width);
  std::vector<std::size_t> tasks;
  for (std::size_t k = 0; k < n; ++k) {
    if (k != absent) tasks.push_back(k);
  }
  for (std::size_t begin = 0; begin < width;) {
    const std::size_t size = cut > 0 ? (std::min)(cut, width - begin) : width;
    std::vector<double*> rows, memory;
    for (const std::size_t k : tasks) {
      rows.push_back(gradients[k].data() + begin);
      if (balance.remembers()) memory.push_back(balance.memory().data() + k * width + begin);
    }
    balance.rewrite(espalier::GradientCoordinates<double>{rows, tasks, size, begin, key, memory});
    begin += size;
  }
  std::vector<double> gramian, weights(n), step(width);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      double sum = i == absent && j == absent ? std::nan("") : 0;
      for (std::size_t x = 0; x < width; ++x) sum += gradients[i][x] * gradients[j][x];
      gramian.push_back(sum);
    }
  }
  balance.weights(gramian, {}, key, weights);
  for (const std::size_t k : tasks) {
    for (std::size_t x = 0; x < width; ++x) step[x] += weights[k] * gradients[k][x];
  }
  return step;
}

}  // namespace espalier_test
