// SPDX-License-Identifier: Apache-2.0
// Options of Transformer and Hstu, in any order.
#pragma once

#include <type_traits>

#include "espalier/core/type_list.hpp"
#include "espalier/describe/layers.hpp"
#include "espalier/describe/sequence_positions.hpp"
#include "espalier/plan/rule.hpp"

namespace espalier {

struct SequenceOptions {
  int depth = 1, width = 0, heads = 1, feed_forward = 0;
  double dropout = 0, epsilon = Epsilon{}.value;
  Activation activation = Activation::relu;  ///< of the feed-forward part
  bool has_feed_forward = false;             ///< an option says something about it
  bool pre_norm = false, causal = false, rotary = false, relative = false;
  int distances = 0;  ///< with a bias of their own
  detail::AddedPositions added = detail::AddedPositions::automatic;
  bool from_last = true;  ///< added positions are counted from the last step

  [[nodiscard]] constexpr bool adds(detail::AddedPositions kind) const {
    const auto unless_named =
        rotary || relative ? detail::AddedPositions::none : detail::AddedPositions::learnt;
    return (added == detail::AddedPositions::automatic ? unless_named : added) == kind;
  }
};
template <int N>
struct Depth {  ///< number of layers
  static constexpr void apply(SequenceOptions& o) { o.depth = N; }
};
template <int N>
struct Width {  ///< values of a step; if not given, as many as the layer gets
  static constexpr void apply(SequenceOptions& o) { o.width = N; }
};
template <int N>
struct Heads {
  static constexpr void apply(SequenceOptions& o) { o.heads = N; }
};
template <int N>
struct FeedForward {  ///< hidden units of a layer; if not given, 4 times the width
  static constexpr void apply(SequenceOptions& o) {
    o.has_feed_forward = true;
    o.feed_forward = N;
  }
};
template <Activation A>
struct FeedForwardActivation {  ///< of the hidden units; if not given, ReLU
  static constexpr void apply(SequenceOptions& o) {
    o.has_feed_forward = true;
    o.activation = A;
  }
};
template <Epsilon E>
struct LayerNormEpsilon {  ///< of the layers' normalisations; if not given, 1e-5
  static constexpr void apply(SequenceOptions& o) { o.epsilon = E.value; }
};
template <Rate R>
struct SequenceDropout {
  static constexpr void apply(SequenceOptions& o) { o.dropout = R.value; }
};
struct PreNorm {  ///< normalises what a part reads, not what it and its input add up to
  static constexpr void apply(SequenceOptions& o) { o.pre_norm = true; }
};
struct Causal {  ///< a step attends to itself and earlier ones only
  static constexpr void apply(SequenceOptions& o) { o.causal = true; }
};
struct NoPositions {
  static constexpr void apply(SequenceOptions& o) { o.added = detail::AddedPositions::none; }
};
/// Turns queries and keys by angles that grow with the position (Su et al. 2021): see
/// ops::RotateSteps. Instead of learnt positions, unless these are named too.
struct Rotary {
  static constexpr void apply(SequenceOptions& o) { o.rotary = true; }
};
/// Adds a learnt bias to the score of query i and key u, in each layer and head one for each
/// distance i − u: 0 … Distances − 1 and, unless Causal, −1 … 1 − Distances; longer ones count as
/// the longest. Zhai et al. 2024. Instead of learnt positions, unless these are named too.
template <int Distances>
struct RelativePositions {
  static constexpr void apply(SequenceOptions& o) {
    o.relative = true;
    o.distances = Distances;
  }
};

namespace detail {

struct HeadsDivideWidth {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds,
                  "espalier: Depth, Width, Heads and FeedForward are 1 or more, and Heads divides "
                  "the width of a step");
  }
};

struct RotaryWidth {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds,
                  "espalier: Rotary turns pairs of values: the width of a step divided by Heads "
                  "must be even");
  }
};

struct RelativeDistances {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds, "espalier: RelativePositions needs at least one distance");
  }
};

struct HstuOptions {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds,
                  "espalier: Hstu has no feed-forward part and one place to normalise: "
                  "FeedForward, FeedForwardActivation, PreNorm and Rotary are options of "
                  "Transformer");
  }
};

template <class... Options>
constexpr SequenceOptions sequence_options() {
  SequenceOptions o;
  (Options::apply(o), ...);
  return o;
}

template <class Builder>
constexpr void require_heads(Builder& b, const SequenceOptions& o, int width) {
  const bool divides =
      o.depth > 0 && width > 0 && o.heads > 0 && o.feed_forward >= 0 && width % o.heads == 0;
  b.template require<HeadsDivideWidth>(divides);
  b.template require<RotaryWidth>(!o.rotary || (divides && width / o.heads % 2 == 0));
  b.template require<RelativeDistances>(!o.relative || o.distances > 0);
  b.template require<DropoutRate>(o.dropout >= 0 && o.dropout < 1);
}

/// Operations that a program compiles only if it uses them.
template <bool Used, class... Ops>
using IfUsed = std::conditional_t<Used, TypeList<Ops...>, TypeList<>>;

/// What the layers of Transformer and Hstu have in common.
template <const SequenceOptions& O>
using SequenceOperations =
    JoinUnique<TypeList<ops::Dense, ops::Add, ops::LayerNorm, HeadsDivideWidth, RotaryWidth,
                        RelativeDistances, DropoutRate, PositiveEpsilon>,
               IfUsed<(O.dropout > 0), ops::Dropout>,
               IfUsed<O.adds(AddedPositions::learnt), ops::AddPositions>,
               IfUsed<O.adds(AddedPositions::sinusoidal), ops::AddSinusoids>,
               IfUsed<O.rotary, ops::RotateSteps>>;

}  // namespace detail
}  // namespace espalier
