// SPDX-License-Identifier: Apache-2.0
// Inputs with two time steps, and a layer that selects the last step.
#pragma once

#include "espalier/describe/model.hpp"

namespace espalier_test {

/// Splits the values of `Inputs` into two steps: the first half and the second half.
template <class Inputs>
struct InTwoSteps : Inputs {
  template <class Builder>
  static constexpr espalier::Block fold(Builder& b) {
    espalier::Block x = Inputs::fold(b);
    x.rows = x.stride = x.rows / 2;
    x.steps = 2;
    return x;
  }
};

/// Selects the last step of its input: a view, no copy.
struct LastStep {
  using Operations = espalier::TypeList<>;
  static constexpr int width(int in) { return in; }

  template <class Builder>
  static constexpr espalier::Block fold(Builder&, espalier::Block in, int) {
    in.row += (in.steps - 1) * in.stride;
    in.stride *= in.steps;
    in.steps = 1;
    return in;
  }
};

}  // namespace espalier_test
