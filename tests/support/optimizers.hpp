// SPDX-License-Identifier: Apache-2.0
// Every optimiser of the library, for tests that check the same of each.
#pragma once

#include "espalier/optim/optim.hpp"

namespace espalier_test {

/// Calls `check` with each optimiser of the library, with all of its states and terms in use.
template <class Check>
void for_each_optimizer(Check check) {
  check(espalier::Sgd{.momentum = 0.9, .nesterov = true, .weight_decay = 0.01});
  check(espalier::Adam{.weight_decay = 0.1});
  check(espalier::AdamW{});
  check(espalier::Adagrad{.initial_accumulator = 0.1, .weight_decay = 0.01});
}

}  // namespace espalier_test
