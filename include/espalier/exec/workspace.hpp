// SPDX-License-Identifier: Apache-2.0
// `Workspace<T>`: the activations of one microbatch and their gradients.
#pragma once

#include "espalier/core/buffer.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

template <class T>
struct Workspace {
  Index capacity = 0;  ///< samples
  Buffer<T> values;
  Buffer<T> gradients;

  Workspace() = default;
  Workspace(const PlanView& plan, Index samples)
      : capacity(samples),
        values(static_cast<std::size_t>(plan.sizes.values * samples)),
        gradients(static_cast<std::size_t>(plan.sizes.values * samples)) {}
};

}  // namespace espalier
