// SPDX-License-Identifier: Apache-2.0
// Inputs of two steps, and a layer that leaves the last.
#pragma once

#include "espalier/describe/model.hpp"

namespace espalier_test {

/// Half of the values of `Inputs` as a first step, half as a second.
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

/// The last step of its input: another view of the same values.
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
