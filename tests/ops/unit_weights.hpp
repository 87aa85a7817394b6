// SPDX-License-Identifier: Apache-2.0
// Weights 1 for the gradient of each task give the gradient of the weighted sum of losses.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "espalier/exec/random_batch.hpp"
#include "espalier/exec/task_gradients.hpp"
#include "espalier/optim/optim.hpp"
#include "support/parameter_values.hpp"

namespace espalier_test {

/// A gradient method with weights of 1.
struct Ones {
  static constexpr std::string_view name = "ones";
  static constexpr bool needs_coordinates = false;
  static void weights(const espalier::TaskGradients&, std::span<double> out) {
    std::fill(out.begin(), out.end(), 1.0);
  }
};

/// Three steps by task lead to the parameters of three steps on the sum. For two tasks.
inline void check_unit_weights(const espalier::Program<double, espalier::Cpu>& program,
                               const std::vector<espalier::Index>& rows) {
  const espalier::RandomBatch<double> data(program.plan, 150, rows, 5, 0.1);
  const std::vector<double> weights{1, 0.5};
  espalier::TrainExecutor<double> plain(program, rows, 150, 1), by_task(program, rows, 150, 2);
  for (auto* executor : {&plain, &by_task}) {
    espalier::initialize(program.plan, 1, executor->parameters());
    executor->prepare(espalier::Sgd{.learning_rate = 0.1}, {});
  }
  espalier::GradientAggregator balance{Ones{}};
  balance.reset(2);
  espalier::TaskGradientPass<double> pass(by_task, espalier::BalanceOn::parameters);
  for (std::int64_t step = 1; step <= 3; ++step) {
    plain.forward_backward(data.batch(), weights, 7);
    plain.update({step, 1, 1});
    pass.forward_backward(data.batch(), weights, 7, balance);
    by_task.update({step, 1, 1});
  }
  CHECK(most_apart(values_of(plain.parameters()), values_of(by_task.parameters())) < 1e-12);
}

}  // namespace espalier_test
