// SPDX-License-Identifier: Apache-2.0
// `Sequence`: an input of several values in order, encoded step by step and pooled to one vector.
#pragma once

#include <string_view>

#include "espalier/core/fixed_string.hpp"
#include "espalier/core/type_list.hpp"
#include "espalier/describe/emit.hpp"
#include "espalier/describe/fields.hpp"
#include "espalier/describe/layers.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

namespace detail {

// How steps become one vector: a struct with
//   static constexpr bool pools_steps = true;
//   static constexpr std::string_view target;          the field that is compared with; empty: none
//   using Operations = TypeList<…>;
//   static constexpr int width(int in);
//   template <class Builder>
//   static constexpr void fold(Builder&, Block steps, Block target, Block out);
// fold writes its result to `out`, which is a part of the model's input.
template <class T>
concept PoolsSteps = requires {
  requires T::pools_steps;
};

template <SegmentPool How>
struct PooledSteps {
  static constexpr bool pools_steps = true;
  static constexpr std::string_view target{};
  using Operations = TypeList<ops::PoolSteps>;
  static constexpr int width(int in) { return in; }

  template <class Builder>
  static constexpr void fold(Builder& b, Block steps, Block, Block out) {
    Node node;
    node.in = steps;
    node.pool_steps = How;
    node.out = out;
    b.template emit<ops::PoolSteps>(node);
  }
};

/// The parts of a Sequence: layers, and how steps are pooled.
template <class Encoder, class Pooling, class... Parts>
struct SequenceParts {
  using Layers = Encoder;
  using Pool = Pooling;
};
template <class... Ls, class Pooling, PoolsSteps Part, class... Rest>
struct SequenceParts<Layers<Ls...>, Pooling, Part, Rest...>
    : SequenceParts<Layers<Ls...>, Part, Rest...> {};
template <class... Ls, class Pooling, class Part, class... Rest>
requires(!PoolsSteps<Part>) struct SequenceParts<Layers<Ls...>, Pooling, Part, Rest...>
    : SequenceParts<Layers<Ls..., Part>, Pooling, Rest...> {
};

}  // namespace detail

// Without steps, all of these are 0.
using MeanOfSteps = detail::PooledSteps<SegmentPool::mean>;
using SumOfSteps = detail::PooledSteps<SegmentPool::sum>;
using MaxOfSteps = detail::PooledSteps<SegmentPool::max>;
using FirstStep = detail::PooledSteps<SegmentPool::first>;
using LastStep = detail::PooledSteps<SegmentPool::last>;

/// Attention with the candidate as query: y = Σ_u a_u V x_u, a = softmax over the steps of
/// ⟨Q t, K x_u⟩ / √(width / HeadCount), for each head; t: the embedding of the field `Name`.
template <FixedString Name, int HeadCount = 1>
struct Target {
  static constexpr bool pools_steps = true;
  static constexpr std::string_view target = Name.view();
  using Operations = TypeList<ops::Dense, ops::TargetAttention>;
  static constexpr int width(int in) { return in; }

  template <class Builder>
  static constexpr void fold(Builder& b, Block steps, Block to, Block out) {
    const auto path = b.scope("target");
    Node node;
    node.in = detail::under(b, "query", [&] { return detail::linear(b, to, steps.rows); });
    node.in2 = detail::under(b, "keys", [&] { return detail::linear(b, steps, 2 * steps.rows); });
    node.groups = HeadCount;
    node.cache = b.block(HeadCount, steps.steps);
    node.out = out;
    b.template emit<ops::TargetAttention>(node);
  }
};

/// The deep interest network (Zhou et al., KDD 2018): y = Σ_u a(x_u, t) x_u with an activation unit
/// a, layers of `Units` and one output over [x, t, x ∘ t]; t: the embedding of the field `Name`, as
/// wide as a step. Weights are not normalised: their sum tells how strong the interest is.
template <FixedString Name, int... Units>
struct Din {
  static constexpr bool pools_steps = true;
  static constexpr std::string_view target = Name.view();
  using Unit = Layers<Dense<Units, Activation::sigmoid>..., Dense<1, Activation::identity>>;
  using Operations =
      JoinUnique<typename Unit::Operations,
                 TypeList<ops::RepeatSteps, ops::Multiply, ops::Copy, ops::WeighSteps>>;
  static constexpr int width(int in) { return in; }

  template <class Builder>
  static constexpr void fold(Builder& b, Block steps, Block to, Block out) {
    const auto path = b.scope("interest");
    Node repeat;
    repeat.in = to;
    repeat.out = b.block(to.rows, steps.steps);
    const Block candidate = b.template emit<ops::RepeatSteps>(repeat);
    const Block both = detail::multiply(b, steps, candidate);
    Node weigh;
    weigh.in = steps;
    weigh.in2 = Unit::fold(b, detail::concatenate(b, {steps, candidate, both}));
    weigh.out = out;
    b.template emit<ops::WeighSteps>(weigh);
  }
};

/// A sequence: the values of a cell in order, such as what a user watched before. `Source` is a
/// categorical or hashed field with the option Last. `Parts`: layers for its steps (Dense, Gru,
/// Transformer, …), in order, and how the steps become one vector (MeanOfSteps by default).
///
///     Sequence<Categorical<"watched", 16, Last<50>, SharedTable<"video_id">>,
///              Transformer<Heads<4>>, Target<"video_id">>
template <class Source, class... Parts>
struct Sequence {
  using Chosen = detail::SequenceParts<Layers<>, MeanOfSteps, Parts...>;
  using Encoder = typename Chosen::Layers;
  using Pooling = typename Chosen::Pool;
  using Operations = JoinUnique<TypeList<ops::EmbeddingSequence>, typename Encoder::Operations,
                                typename Pooling::Operations>;

  static constexpr FieldInfo info() { return Source::info(); }
  static constexpr std::string_view target = Pooling::target;
  /// Values per sample in the model's input.
  static constexpr int rows = Pooling::width(Encoder::width(Source::info().width));

  template <class Builder>
  static constexpr void fold(Builder& b, Block steps, Block to, Block out) {
    const auto path = b.scope("sequence");
    const auto field = b.scope(info().name);
    Pooling::fold(b, Encoder::fold(b, steps), to, out);
  }
};

}  // namespace espalier
