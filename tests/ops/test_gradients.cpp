// SPDX-License-Identifier: Apache-2.0
// Gradients of every layer and sharing method in whole models, compared with central differences in
// double.
#include <doctest/doctest.h>

#include "ops/gradients.hpp"

using namespace espalier_test;

namespace {

template <class Sharing>
struct Model : esp::MultiTaskModel<Inputs, Sharing, Click, Buy, Content> {};

template <class Sharing>
void check() {
  check_model<Model<Sharing>>();
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
  check<esp::SharedBottom<
      esp::Layers<esp::BatchNorm, esp::Dense<6, esp::Activation::tanh>, esp::BatchNorm>>>();
  check<
      esp::SharedBottom<esp::Layers<esp::Dense<8>, esp::Dropout<esp::Rate{0.3}>, esp::Dense<6>>>>();
  check<
      esp::SharedBottom<esp::Layers<esp::Dense<8>, esp::Residual<esp::Dense<5>, esp::Dense<8>>>>>();
  check<esp::SharedBottom<esp::Layers<esp::Residual<esp::LayerNorm>, esp::Dense<4>>>>();
  check<esp::SharedBottom<
      esp::Layers<esp::Residual<esp::Residual<esp::BatchNorm, esp::Dropout<esp::Rate{0.2}>>>>>>();
  check<esp::SharedBottom<esp::Layers<>>>();  // towers read the inputs
}

TEST_CASE("gradients: sharing architectures") {
  check<esp::SingleTask<esp::Mlp<6>>>();
  check<esp::SingleTask<esp::Layers<>>>();
  check<esp::SingleTask<esp::Layers<esp::Dense<6>, esp::BatchNorm, esp::Residual<esp::LayerNorm>,
                                    esp::Dropout<esp::Rate{0.2}>>>>();
  check<esp::Mmoe<3, esp::Mlp<6>>>();
  check<esp::Mmoe<1, esp::Mlp<6, 5>>>();
  check<esp::Mmoe<4, esp::Layers<esp::Dense<6, esp::Activation::gelu>, esp::LayerNorm,
                                 esp::Residual<esp::Dense<6>>, esp::Dropout<esp::Rate{0.2}>,
                                 esp::Dense<5, esp::Activation::silu>, esp::BatchNorm>>>();
}

TEST_CASE("gradients: every layer inside experts, first, in the middle and last") {
  check<esp::Mmoe<2, esp::Layers<esp::LayerNorm, esp::Dense<5>>>>();
  check<esp::Mmoe<3, esp::Layers<esp::BatchNorm, esp::Dense<5, esp::Activation::tanh>>>>();
  check<esp::Mmoe<3, esp::Layers<esp::Dropout<esp::Rate{0.2}>, esp::Dense<5>>>>();
  check<esp::Mmoe<2, esp::Layers<esp::Residual<esp::LayerNorm>, esp::Dense<5>>>>();
  check<esp::Mmoe<2, esp::Layers<esp::Dense<5>, esp::LayerNorm, esp::Dense<4>>>>();
  check<esp::Mmoe<2, esp::Layers<esp::Dense<5>, esp::BatchNorm, esp::Dense<4>>>>();
  check<esp::Mmoe<2, esp::Layers<esp::Dense<5>, esp::Residual<esp::Dense<3>, esp::Dense<5>>,
                                 esp::Dropout<esp::Rate{0.2}>>>>();
  // The experts are equal, and the mixture equals each of them.
  check<esp::Mmoe<2, esp::Layers<esp::Dropout<esp::Rate{0.2}>>>>();
  check<esp::Mmoe<3, esp::Layers<esp::LayerNorm>>>();
}
