// SPDX-License-Identifier: Apache-2.0
// Two tasks, inputs of every kind and an encoder, of which tests of executors make models.
#pragma once

#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"

namespace espalier_test::click_and_watch {

using Click = espalier::Task<"click", espalier::BinaryCrossEntropy, espalier::Weight{1.0},
                             espalier::Tower<8>>;
using Watch =
    espalier::Task<"watch", espalier::MeanSquaredError, espalier::Weight{0.5}, espalier::Tower<8>>;
using Inputs = espalier::Inputs<espalier::NumericVector<"x", 6>, espalier::Categorical<"user", 5>,
                                espalier::MultiCategorical<"tags", 4>>;
using Encoder = espalier::Layers<espalier::Dense<24>, espalier::Dropout<espalier::Rate{0.2}>,
                                 espalier::Dense<16, espalier::Activation::gelu>>;
struct Bottom : espalier::MultiTaskModel<Inputs, espalier::SharedBottom<Encoder>, Click, Watch> {};

}  // namespace espalier_test::click_and_watch
