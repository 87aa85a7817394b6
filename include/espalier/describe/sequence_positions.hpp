// SPDX-License-Identifier: Apache-2.0
// Positions of steps, as layers and as options of Transformer and Hstu.
#pragma once

#include <cstdint>

#include "espalier/core/type_list.hpp"
#include "espalier/describe/emit.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

namespace detail {

/// What Transformer and Hstu add to the steps before their first layer. `automatic`: learnt, unless
/// attention sees positions by itself.
enum class AddedPositions : std::uint8_t { automatic, none, learnt, sinusoidal };

}  // namespace detail

/// Adds a learnt vector for each position, initially N(0, 0.01²). `FromLast`: positions are counted
/// from the last step, so that the latest value of a history always has the same one.
template <bool FromLast = false>
struct Positions {
  using Operations = TypeList<ops::AddPositions>;
  static constexpr int width(int in) { return in; }

  /// As an option.
  template <class Options>
  static constexpr void apply(Options& o) {
    o.added = detail::AddedPositions::learnt;
    o.from_last = FromLast;
  }

  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int position) {
    const auto path = b.scope("positions", position);
    Node node;
    node.in = in;
    node.from_last = FromLast;
    b.align();
    node.parameters[0] = b.tensor("weight", in.steps, in.rows, Init::embedding);
    node.out = b.block(in.rows, in.steps);
    return b.template emit<ops::AddPositions>(node);
  }
};

/// Adds p_t to the step at position t, without parameters (Vaswani et al. 2017):
///
///   p_t,2i = sin(t / 10000^(2i / width));  p_t,2i+1 = cos(t / 10000^(2i / width))
/// t is counted from the first step, 0, as in the paper, or from the last.
template <bool FromLast = false>
struct SinusoidalPositions {
  using Operations = TypeList<ops::AddSinusoids>;
  static constexpr int width(int in) { return in; }

  /// As an option.
  template <class Options>
  static constexpr void apply(Options& o) {
    o.added = detail::AddedPositions::sinusoidal;
    o.from_last = FromLast;
  }

  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int position) {
    const auto path = b.scope("positions", position);
    Node node;
    node.in = in;
    node.from_last = FromLast;
    node.out = b.block(in.rows, in.steps, in.gradient);
    return b.template emit<ops::AddSinusoids>(node);
  }
};

}  // namespace espalier
