// SPDX-License-Identifier: Apache-2.0
// A consumer's smallest program: a model whose plan is built at compile time.
#include <espalier/espalier.hpp>

namespace esp = espalier;

using Click = esp::Task<"click", esp::BinaryCrossEntropy>;
struct Model
    : esp::MultiTaskModel<esp::Inputs<esp::Numeric<"age">>, esp::SharedBottom<esp::Mlp<8>>, Click> {
};

int main() { return esp::plan_of<Model>().tasks.size() == 1 ? 0 : 1; }
