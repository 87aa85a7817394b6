// SPDX-License-Identifier: Apache-2.0
// Every layer and sharing architecture, through whole models, against central differences in double.
#include <doctest/doctest.h>

#include "espalier/describe/model.hpp"
#include "espalier/train/check_gradients.hpp"

namespace esp = espalier;

namespace {

using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<6>>;
using Buy = esp::Task<"buy", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<6>>;
using Content = esp::Task<"content", esp::MeanSquaredError, esp::Weight{0.5}, esp::Tower<5>>;
using Inputs = esp::Inputs<esp::Numeric<"a">, esp::Categorical<"movie", 3>, esp::Numeric<"b">, esp::Numeric<"c">,
                           esp::Categorical<"last", 3, esp::SharedTable<"movie">>, esp::MultiCategorical<"tags", 4>,
                           esp::Categorical<"words", 2, esp::Pooled<esp::Pool::sum, ' '>>, esp::Hashed<"url", 5, 2>>;

template <class Sharing>
struct Model : esp::MultiTaskModel<Inputs, Sharing, Click, Buy, Content> {};

template <class Sharing>
void check() {
  const esp::GradientCheckResult result = esp::check_gradients<Model<Sharing>>();
  INFO(result.where);
  CHECK(result.checked > 100);
  CHECK(result.worst < 1e-4);
}

template <esp::Activation Act>
using Bottom = esp::SharedBottom<esp::MlpOf<Act, 9, 7>>;

}  // namespace

TEST_CASE("gradients: activations") {
  check<Bottom<esp::Activation::identity>>();
  check<Bottom<esp::Activation::relu>>();
  check<Bottom<esp::Activation::leaky_relu>>();
  check<Bottom<esp::Activation::gelu>>();
  check<Bottom<esp::Activation::silu>>();
  check<Bottom<esp::Activation::tanh>>();
  check<Bottom<esp::Activation::sigmoid>>();
}

TEST_CASE("gradients: layers") {
  check<esp::SharedBottom<esp::Layers<esp::Dense<8>, esp::LayerNorm, esp::Dense<6>>>>();
  check<esp::SharedBottom<esp::Layers<esp::Dense<8>, esp::BatchNorm, esp::Dense<6>>>>();
  check<esp::SharedBottom<esp::Layers<esp::BatchNorm, esp::Dense<6, esp::Activation::tanh>, esp::BatchNorm>>>();
  check<esp::SharedBottom<esp::Layers<esp::Dense<8>, esp::Dropout<esp::Rate{0.3}>, esp::Dense<6>>>>();
  check<esp::SharedBottom<esp::Layers<esp::Dense<8>, esp::Residual<esp::Dense<5>, esp::Dense<8>>>>>();
  check<esp::SharedBottom<esp::Layers<esp::Residual<esp::LayerNorm>, esp::Dense<4>>>>();
  check<esp::SharedBottom<esp::Layers<>>>();  // towers on the inputs themselves
}

TEST_CASE("gradients: sharing architectures") {
  check<esp::SingleTask<esp::Mlp<6>>>();
  check<esp::Mmoe<3, esp::Mlp<6>>>();
  check<esp::Mmoe<1, esp::Mlp<6, 5>>>();
  check<esp::Mmoe<4, esp::Layers<esp::Dense<6, esp::Activation::gelu>, esp::LayerNorm,
                                 esp::Residual<esp::Dense<6>>, esp::Dropout<esp::Rate{0.2}>,
                                 esp::Dense<5, esp::Activation::silu>, esp::BatchNorm>>>();
}
