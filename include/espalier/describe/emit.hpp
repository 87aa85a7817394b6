// SPDX-License-Identifier: Apache-2.0
// Helpers that emit common nodes of layers and sharing architectures: products, sums, copies.
#pragma once

#include <initializer_list>
#include <string_view>

#include "espalier/fwd.hpp"
#include "espalier/plan/builder.hpp"

namespace espalier::detail {

/// Calls `make()` in the scope `name`.
template <class Builder, class F>
constexpr auto under(Builder& b, std::string_view name, F make) {
  const auto path = b.scope(name);
  return make();
}

/// Replaces `automatic` with a concrete initialiser.
constexpr Init initial(Init init, Activation act) {
  if (init != Init::automatic) return init;
  const bool rectifier = act == Activation::relu || act == Activation::leaky_relu ||
                         act == Activation::gelu || act == Activation::silu;
  return rectifier ? Init::he_uniform : Init::glorot_uniform;
}

/// act(W x), with a tensor `weight` and no bias.
template <class Builder>
constexpr Block linear(Builder& b, Block x, int units, Activation act = Activation::identity) {
  Node node;
  node.in = x;
  node.activation = act;
  b.align();
  node.parameters[0] = b.tensor("weight", units, x.rows, Init::glorot_uniform);
  if (needs_pre_activation(act)) node.cache = b.block(units, x.steps);
  node.out = b.block(units, x.steps);
  return b.template emit<ops::Dense>(node);
}

/// act(W x + b), with tensors `weight` and `bias`.
template <class Builder>
constexpr Block affine(Builder& b, Block x, int units, Activation act,
                       Init weights = Init::automatic) {
  Node node;
  node.in = x;
  node.activation = act;
  b.align();
  node.parameters[0] = b.tensor("weight", units, x.rows, initial(weights, act));
  b.align();
  node.parameters[1] = b.tensor("bias", units, 0, Init::zeros);
  if (needs_pre_activation(act)) node.cache = b.block(units, x.steps);
  node.out = b.block(units, x.steps);
  return b.template emit<ops::Dense>(node);
}

/// affine() with its tensors under `dense{position}`.
template <class Builder>
constexpr Block dense(Builder& b, Block x, int units, Activation act, int position) {
  const auto path = b.scope("dense", position);
  return affine(b, x, units, act);
}

/// y = x.
template <class Builder>
constexpr Block copy(Builder& b, Block in, Block out) {
  Node node;
  node.in = in;
  node.out = out;
  return b.template emit<ops::Copy>(node);
}

/// Copies blocks of the same width into one block, in order.
template <class Builder>
constexpr Block side_by_side(Builder& b, const Block* parts, int count, std::string_view name) {
  const int width = parts[0].rows;
  const Block out = b.block(width * count, parts[0].steps);
  const auto path = b.scope(name);
  for (int i = 0; i < count; ++i) {
    copy(b, parts[i], out.slice(i * width, width));
  }
  return out;
}

/// scale · in ∘ in2.
template <class Builder>
constexpr Block multiply(Builder& b, Block in, Block in2, double scale = 1) {
  Node node;
  node.in = in;
  node.in2 = in2;
  node.scale = scale;
  node.out = b.block(in.rows, in.steps);
  return b.template emit<ops::Multiply>(node);
}

template <class Builder>
constexpr Block add(Builder& b, Block in, Block in2) {
  Node node;
  node.in = in;
  node.in2 = in2;
  node.out = b.block(in.rows, in.steps);
  return b.template emit<ops::Add>(node);
}

/// Copies blocks of any widths, with the same number of steps, into one block, in order.
template <class Builder>
constexpr Block concatenate(Builder& b, std::initializer_list<Block> parts) {
  int rows = 0;
  for (const Block& part : parts) rows += part.rows;
  const Block out = b.block(rows, parts.begin()->steps);
  int row = 0;
  for (const Block& part : parts) {
    copy(b, part, out.slice(row, part.rows));
    row += part.rows;
  }
  return out;
}

}  // namespace espalier::detail
