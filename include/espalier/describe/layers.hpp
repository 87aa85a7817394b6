// SPDX-License-Identifier: Apache-2.0
// Encoder layers as types: Dense, LayerNorm, BatchNorm, Dropout, Residual; Layers and Mlp: chains.
#pragma once

#include "espalier/core/type_list.hpp"
#include "espalier/describe/emit.hpp"
#include "espalier/describe/stand_ins.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

// A layer is a struct with
//   using Operations = TypeList<…>;              operations that fold emits, rules that it requires
//   static constexpr int width(int in);          the number of outputs for `in` inputs
//   template <class Builder>
//   static constexpr Block fold(Builder&, Block in, int position);
// fold emits the layer's nodes and returns its output; `position` numbers the layer.

namespace detail {
struct DenseUnits {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds, "espalier: Dense needs at least one unit");
  }
};
}  // namespace detail

/// Fully connected: y = act(W x + b). W is units × inputs.
template <int Units, Activation Act = Activation::relu, Init Weights = Init::automatic>
struct Dense {
  using Operations = TypeList<ops::Dense, detail::DenseUnits>;
  static constexpr int units = Units;
  static constexpr Activation activation = Act;
  static constexpr Init weights = Weights;

  static constexpr int width(int) { return Units; }

  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int position) {
    const auto path = b.scope("dense", position);
    b.template require<detail::DenseUnits>(Units > 0);
    return detail::affine(b, in, Units, Act, Weights);
  }
};

/// The ε of a layer normalisation: LayerNormOf<Epsilon{1e-12}>.
struct Epsilon {
  double value = 1e-5;
};

namespace detail {
struct PositiveEpsilon {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds, "espalier: the epsilon of a layer normalisation must be more than 0");
  }
};

template <class Builder>
constexpr Block layer_norm(Builder& b, Block in, int position, double epsilon) {
  const auto path = b.scope("layer_norm", position);
  b.template require<PositiveEpsilon>(epsilon > 0);
  Node node;
  node.in = in;
  node.epsilon = epsilon;
  b.align();
  node.parameters[0] = b.tensor("gain", in.rows, 0, Init::ones);
  b.align();
  node.parameters[1] = b.tensor("shift", in.rows, 0, Init::zeros);
  node.cache = b.block(2, in.steps);
  node.out = b.block(in.rows, in.steps);
  return b.template emit<ops::LayerNorm>(node);
}
}  // namespace detail

/// y = gain · (x − mean) / √(variance + ε) + shift, over a sample's values (Ba et al. 2016).
template <Epsilon E = Epsilon{}>
struct LayerNormOf {
  using Operations = TypeList<ops::LayerNorm, detail::PositiveEpsilon>;
  static constexpr int width(int in) { return in; }

  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int position) {
    return detail::layer_norm(b, in, position, E.value);
  }
};

/// With ε = 1e-5.
using LayerNorm = LayerNormOf<>;

/// Batch normalisation: as LayerNorm, but each value over the batch (Ioffe & Szegedy 2015).
/// ε = 1e-5; inference uses running statistics with momentum 0.1. Statistics are over the whole
/// batch, so training has one more barrier in the forward pass and one in the backward pass.
struct BatchNorm {
  using Operations = TypeList<ops::BatchMoments, ops::BatchNormalize>;
  static constexpr int width(int in) { return in; }

  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int position) {
    const auto path = b.scope("batch_norm", position);
    Node node;
    node.in = in;
    node.epsilon = 1e-5;
    b.align();
    node.parameters[0] = b.tensor("gain", in.rows, 0, Init::ones);
    b.align();
    node.parameters[1] = b.tensor("shift", in.rows, 0, Init::zeros);
    b.align();
    node.parameters[2] = b.state("running_mean", in.rows, Init::zeros);
    b.align();
    node.parameters[3] = b.state("running_variance", in.rows, Init::ones);
    // Sample count, means and deviations, then the two sums that the backward pass needs.
    node.scratch_size = 4 * in.rows + 1;
    node.scratch = b.scratch(node.scratch_size);
    node.out = b.block(in.rows, in.steps);
    Node moments = node;
    b.template emit<ops::BatchMoments>(moments);
    Node normalize = node;
    normalize.in = in.stopped();  // BatchMoments::backward writes the whole gradient
    b.template emit<ops::BatchNormalize>(normalize);
    return node.out;
  }
};

namespace detail {
struct DropoutRate {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds, "espalier: Dropout's rate must lie in [0, 1)");
  }
};
}  // namespace detail

/// A rate for Dropout: Dropout<Rate{0.1}>.
struct Rate {
  double value = 0.5;
};

/// In training, each value is set to zero with probability `R`, and the others are scaled by
/// 1 / (1 − R) (Srivastava et al. 2014). The mask depends only on seed, step, sample and value, not
/// on threads.
template <Rate R = Rate{}>
struct Dropout {
  using Operations = TypeList<ops::Dropout, detail::DropoutRate>;
  static constexpr bool elementwise = true;  // parallel experts can share one node
  static constexpr int width(int in) { return in; }

  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int position) {
    const auto path = b.scope("dropout", position);
    b.template require<detail::DropoutRate>(R.value >= 0 && R.value < 1);
    Node node;
    node.in = in;
    node.dropout_rate = R.value;
    node.out = b.block(in.rows, in.steps, in.gradient);
    b.template emit<ops::Dropout>(node);
    return node.out;
  }
};

/// Layers in sequence.
template <class... Ls>
struct Layers {
  using Operations = JoinUnique<typename detail::LayerOrNone<Ls>::Operations...>;
  static constexpr int count = sizeof...(Ls);

  static constexpr int width(int in) {
    ((in = detail::LayerOrNone<Ls>::width(in)), ...);
    return in;
  }

  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int position = 0) {
    ((in = detail::LayerOrNone<Ls>::fold(b, in, position++)), ...);
    return in;
  }
};

namespace detail {
template <class Encoder>
struct AsLayers {
  using type = Layers<Encoder>;
};
template <class... Ls>
struct AsLayers<Layers<Ls...>> {
  using type = Layers<Ls...>;
};
}  // namespace detail

/// An encoder as Layers; a single layer becomes a sequence of one.
template <class Encoder>
using EncoderOf = typename detail::AsLayers<Encoder>::type;

/// Dense layers with ReLU: Mlp<128, 64>.
template <int... Units>
using Mlp = Layers<Dense<Units>...>;

/// Dense layers with another activation: MlpOf<Activation::gelu, 128, 64>.
template <Activation Act, int... Units>
using MlpOf = Layers<Dense<Units, Act>...>;

namespace detail {
struct ResidualWidth {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds,
                  "espalier: the layers inside Residual must give as many values as they take");
  }
};
}  // namespace detail

/// y = x + f(x), where f is the sequence `Ls…`, which must keep the width (He et al. 2016).
template <class... Ls>
struct Residual {
  using Inside = Layers<Ls...>;
  using Operations =
      JoinUnique<typename Inside::Operations, TypeList<ops::Add, detail::ResidualWidth>>;
  static constexpr int width(int in) { return in; }

  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int position) {
    const auto path = b.scope("residual", position);
    const Block inside = Inside::fold(b, in);
    b.template require<detail::ResidualWidth>(inside.rows == in.rows);
    return detail::add(b, in, inside);
  }
};

}  // namespace espalier
