// SPDX-License-Identifier: Apache-2.0
// A model with one layer, for operations that are emitted with wrong shapes.
#pragma once

#include "espalier/describe/model.hpp"
#include "espalier/ops/cpu/program.hpp"

namespace esp = espalier;
using esp::Block;
using esp::Node;

using Click = esp::Task<"click", esp::BinaryCrossEntropy>;
using Inputs = esp::Inputs<esp::NumericVector<"x", 4>, esp::Categorical<"user", 4>>;

template <class Layer>
struct Model : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Layers<Layer>>, Click> {};

template <class Op>
struct Emits {
  using Operations = esp::TypeList<Op>;
  static constexpr int width(int in) { return in; }
};
