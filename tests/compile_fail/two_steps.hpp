// SPDX-License-Identifier: Apache-2.0
// Inputs of two steps, and tasks that read the last.
#pragma once

#include "espalier/describe/sharing/all.hpp"
#include "wrong_shape.hpp"

struct TwoSteps : Inputs {
  template <class Builder>
  static constexpr Block fold(Builder& b) {
    Block x = Inputs::fold(b);
    x.rows = x.stride = x.rows / 2;
    x.steps = 2;
    return x;
  }
};
struct LastStep {
  using Operations = esp::TypeList<>;
  static constexpr int width(int in) { return in; }
  template <class Builder>
  static constexpr Block fold(Builder&, Block in, int) {
    in.row += (in.steps - 1) * in.stride;
    in.stride *= in.steps;
    in.steps = 1;
    return in;
  }
};
using View = esp::Task<"view", esp::BinaryCrossEntropy, esp::Layers<LastStep>{}>;
using Buy = esp::Task<"buy", esp::BinaryCrossEntropy, esp::Layers<LastStep>{}>;
