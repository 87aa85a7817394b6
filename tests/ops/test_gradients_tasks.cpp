// SPDX-License-Identifier: Apache-2.0
// Gradients of every loss and tower type in whole models, compared with central differences in
// double.
#include <doctest/doctest.h>

#include "ops/gradients.hpp"
#include "support/losses.hpp"

using namespace espalier_test;

namespace {

using Small = esp::Inputs<esp::NumericVector<"x", 3>, esp::Categorical<"user", 2>>;

template <class Loss>
struct One : esp::MultiTaskModel<Small, esp::SharedBottom<esp::Mlp<5>>,
                                 esp::Task<"one", Loss, esp::Weight{0.7}, esp::Tower<4>>> {};

template <class TowerA, class TowerB, class Sharing = esp::SharedBottom<esp::Mlp<7>>>
struct Two
    : esp::MultiTaskModel<Inputs, Sharing,
                          esp::Task<"a", esp::BinaryCrossEntropy, esp::Weight{1.0}, TowerA{}>,
                          esp::Task<"b", esp::SoftmaxCrossEntropy<3>, esp::Weight{0.5}, TowerB{}>> {
};

}  // namespace

TEST_CASE("gradients: every loss") {
  for_each_loss([]<class L>(L) {
    if constexpr (L::outputs <= 2) check_model<One<L>>();  // of classes, only 2: a model for each
  });
  check_model<One<esp::BinaryCrossEntropyWith<esp::PositiveWeight{3.0}>>>();
  check_model<
      One<esp::BinaryCrossEntropyWith<esp::LabelSmoothing{0.2}, esp::PositiveWeight{0.5}>>>();
  check_model<One<esp::SoftmaxCrossEntropy<7>>>();
  check_model<One<esp::SoftmaxCrossEntropy<3, esp::ClassWeights{1.0, 4.0, 0.25}>>>();
}

TEST_CASE("gradients: towers that begin alike are one matmul, others are not") {
  using Gelu = esp::MlpOf<esp::Activation::gelu, 6, 4>;
  check_model<Two<esp::Mlp<>, esp::Mlp<>>>();
  check_model<Two<esp::Mlp<6>, esp::Mlp<3>>>();
  check_model<Two<esp::Mlp<6, 5, 4>, esp::Mlp<3>>>();
  check_model<Two<esp::Mlp<>, esp::Mlp<3>>>();
  check_model<Two<Gelu, esp::MlpOf<esp::Activation::gelu, 3>>>();
  check_model<Two<Gelu, esp::Mlp<6>>>();
}

TEST_CASE("gradients: every layer inside towers, with every architecture") {
  using Dropping = esp::Layers<esp::Dense<6>, esp::Dropout<esp::Rate{0.3}>, esp::Dense<4>>;
  using First = esp::Layers<esp::Dropout<esp::Rate{0.3}>, esp::Dense<4, esp::Activation::silu>>;
  using Normed = esp::Layers<esp::LayerNorm, esp::Dense<5>, esp::BatchNorm>;
  using Around =
      esp::Layers<esp::Residual<esp::Dense<4>, esp::Dropout<esp::Rate{0.1}>, esp::Dense<7>>,
                  esp::Dense<3>>;
  check_model<Two<Dropping, First>>();
  check_model<Two<Normed, Around>>();
  check_model<Two<Normed, Dropping, esp::SingleTask<esp::Mlp<7>>>>();
  check_model<Two<Around, First, esp::SingleTask<esp::Mlp<7>>>>();
  check_model<Two<First, Normed, esp::Mmoe<3, esp::Mlp<7>>>>();
  check_model<Two<Dropping, Around, esp::Mmoe<2, esp::Layers<esp::Dense<7>, esp::LayerNorm>>>>();
}

TEST_CASE(
    "gradients: no labels missing, most missing; with weights and without; one sample, one "
    "microbatch and many") {
  using M = Two<esp::Mlp<6>, esp::Mlp<3>, esp::Mmoe<2, esp::Layers<esp::Dense<7>, esp::BatchNorm>>>;
  for (const double missing : {0.0, 0.9}) {
    for (const esp::Index samples : {2, 16, 130}) {
      esp::GradientCheckOptions o;
      o.missing = missing;
      o.samples = samples;
      o.sample_weights = samples != 16;
      o.values_per_tensor = 8;
      check_model<M>(o);
    }
  }
  esp::GradientCheckOptions alone;
  alone.samples = 1;
  alone.missing = 0;
  check_model<Two<esp::Mlp<6>, esp::Mlp<3>>>(alone);
}
