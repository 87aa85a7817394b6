// SPDX-License-Identifier: Apache-2.0
// Every loss of the library, for tests that check the same of each.
#pragma once

#include <string_view>

#include "espalier/losses/cuda/library.hpp"

namespace espalier_test {

/// Calls `check` with each loss of the library, also with those of several numbers of classes.
template <class Check>
void for_each_loss(Check check) {
  using namespace espalier;
#define ESPALIER_TEST_LOSS(...) check(__VA_ARGS__{});
  ESPALIER_CUDA_LOSSES(ESPALIER_TEST_LOSS)
#undef ESPALIER_TEST_LOSS
}

/// Whether for_each_loss() has a loss of this name.
constexpr bool has_loss_named(std::string_view name) {
  using namespace espalier;
#define ESPALIER_TEST_LOSS(...) \
  if (__VA_ARGS__::name == name) return true;
  ESPALIER_CUDA_LOSSES(ESPALIER_TEST_LOSS)
#undef ESPALIER_TEST_LOSS
  return false;
}

}  // namespace espalier_test
