// SPDX-License-Identifier: Apache-2.0
// Costs counted by hand, and the summary table.
#include "espalier/ops/summary.hpp"

#include <doctest/doctest.h>

#include "espalier/describe/model.hpp"

namespace esp = espalier;

namespace {

using Dense256 = esp::Inputs<esp::NumericVector<"x", 256>>;
using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<64>>;
using Buy = esp::Task<"buy", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<64>>;
using Content = esp::Task<"content", esp::MeanSquaredError, esp::Weight{0.5}, esp::Tower<64>>;
struct Bottom
    : esp::MultiTaskModel<Dense256, esp::SharedBottom<esp::Mlp<512, 256>>, Click, Buy, Content> {};

using Mixed = esp::Inputs<esp::Numeric<"age">, esp::Categorical<"movie", 3>>;
struct Experts : esp::MultiTaskModel<
                     Mixed, esp::Mmoe<2, esp::Layers<esp::Dense<5>, esp::BatchNorm>>,
                     esp::Task<"click", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<2>>,
                     esp::Task<"content", esp::MeanSquaredError, esp::Weight{0.25}>> {};

}  // namespace

TEST_CASE("cost: a shared bottom, counted by hand") {
  // 2 flops per weight: 256 · 512, 512 · 256, 256 · 192 (three towers of 64), 3 · 64.
  constexpr double weights = 256.0 * 512 + 512 * 256 + 256 * 192 + 3 * 64;
  constexpr esp::PlanCost cost = esp::plan_cost<Bottom>();
  CHECK(cost.forward_flops == 2 * weights);
  CHECK(cost.forward_flops == 622'976);
  // Weight gradients cost the same, and so do input gradients, except in the first layer, which
  // needs none.
  CHECK(cost.backward_flops == 2 * weights + 2 * (weights - 256.0 * 512));
  CHECK(cost.flops() == 1'606'784);
  CHECK(cost.parameters == static_cast<esp::Index>(weights) + 512 + 256 + 192 + 3);
  CHECK(cost.parameter_bytes == 4 * esp::plan_of<Bottom>().sizes.parameter_values);
  CHECK(cost.activation_bytes == 4 * (256 + 512 + 256 + 192 + 3));
  CHECK(cost.lookup_bytes == 0);
}

TEST_CASE("cost: an embedding makes the first layer's input gradient necessary") {
  constexpr esp::PlanCost cost = esp::plan_cost<Experts>();
  CHECK(cost.lookup_bytes == 4 * 3);
  const auto costs = esp::node_costs<Experts>();
  const esp::PlanView& plan = esp::plan_of<Experts>();
  int found = 0;
  for (std::size_t i = 0; i < costs.size(); ++i) {
    if (plan.nodes[i].name.view() != "expert/dense0") continue;
    ++found;
    CHECK(costs[i].forward_flops == 2 * 4 * 10);
    CHECK(costs[i].backward_flops == 2 * 2 * 4 * 10);
  }
  CHECK(found == 1);
}

TEST_CASE("summary: a shared bottom") {
  CHECK(esp::summary<Bottom>() ==
        R"(shared_bottom

operation  where           output  parameters    flops  flops to train
numeric    embedding          256           0        0               0
dense      shared/dense0      512     131,584  262,144         524,288
dense      shared/dense1      256     131,328  262,144         786,432
dense      towers             192      49,344   98,304         294,912
dense      click/dense1         1          65      128             384
dense      buy/dense1           1          65      128             384
dense      content/dense1       1          65      128             384
total                                 312,451  622,976       1,606,784

task     loss                  outputs  weight
click    binary_cross_entropy        1       1
buy      binary_cross_entropy        1       1
content  squared_error               1     0.5

a sample: forward 0.62 MFLOP, training 1.61 MFLOP, activations 4,876 bytes
parameters: 1,249,984 bytes
)");
}

TEST_CASE("summary: tables, experts, batch norm") {
  CHECK(esp::summary<Experts>() ==
        R"(mmoe

operation        where                output  parameters  flops  flops to train
numeric          embedding                 1           0      0               0
embedding        embedding                 3           0      0               6
dense            expert/dense0            10          50     80             240
batch_moments    expert0/batch_norm1       5           0     20              50
batch_normalize  expert0/batch_norm1       5          10     10              30
batch_moments    expert1/batch_norm1       5           0     20              50
batch_normalize  expert1/batch_norm1       5          10     10              30
copy             expert                    5           0      0               0
copy             expert                    5           0      0               0
dense            gates                     4          16     32              96
softmax          gates                     4           0     48              64
mix              mix0                      5           0     20              60
mix              mix1                      5           0     20              60
dense            click/dense0              2          12     20              60
dense            click/dense1              1           3      4              12
dense            content/dense0            1           6     10              30
total                                                107    294             788

table            width
embedding/movie      3

task     loss                  outputs  weight
click    binary_cross_entropy        1       1
content  squared_error               1    0.25

a sample: forward 0.29 kFLOP, training 0.79 kFLOP, activations 224 bytes
parameters: 1,216 bytes, and the tables, whose rows the data tells
)");
}
