// SPDX-License-Identifier: Apache-2.0
// `Sequence`: an input of several values in order, encoded step by step and pooled to one vector.
#pragma once

#include <cstddef>
#include <string_view>

#include "espalier/core/fixed_string.hpp"
#include "espalier/core/type_list.hpp"
#include "espalier/describe/emit.hpp"
#include "espalier/describe/fields.hpp"
#include "espalier/describe/items.hpp"
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

struct SequenceOrder {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(
        Holds,
        "espalier: a Sequence has a source, then layers, then NextStep if its steps are to "
        "predict, then at most one way to pool its steps: Sequence<Source, Gru<32>, "
        "Target<\"video_id\">>");
  }
};

struct TargetHeads {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds,
                  "espalier: the heads of Target and AttendSteps divide the width of a step");
  }
};

/// Whether the parts are layers, then at most one that predicts, then at most one that pools.
template <class... Parts>
constexpr bool in_order() {
  constexpr int rank[] = {PoolsSteps<Parts> ? 2 : PredictsSteps<Parts> ? 1 : 0 ..., 0};
  for (std::size_t i = 0; i + 1 < sizeof...(Parts); ++i) {
    if (rank[i] > rank[i + 1] || (rank[i] > 0 && rank[i] == rank[i + 1])) return false;
  }
  return true;
}

struct DinWidth {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds,
                  "espalier: Din compares a step with a candidate of the same width: give both "
                  "fields, or a Dense before it, that many values");
  }
};

/// Predicts nothing.
struct NoNextStep {
  using Operations = TypeList<>;
  template <class Builder>
  static constexpr void fold(Builder&, Block, int) {}
};

/// The parts of a Sequence: layers, what steps predict, and how they are pooled.
template <class Encoder, class Prediction, class Pooling, class... Parts>
struct SequenceParts {
  using Layers = Encoder;
  using Next = Prediction;
  using Pool = Pooling;
};
template <class... Ls, class Next, class Pooling, PoolsSteps Part, class... Rest>
struct SequenceParts<Layers<Ls...>, Next, Pooling, Part, Rest...>
    : SequenceParts<Layers<Ls...>, Next, Part, Rest...> {};
template <class... Ls, class Next, class Pooling, PredictsSteps Part, class... Rest>
struct SequenceParts<Layers<Ls...>, Next, Pooling, Part, Rest...>
    : SequenceParts<Layers<Ls...>, Part, Pooling, Rest...> {};
template <class... Ls, class Next, class Pooling, class Part, class... Rest>
requires(!PoolsSteps<Part> && !PredictsSteps<Part>)  //
    struct SequenceParts<Layers<Ls...>, Next, Pooling, Part, Rest...>
    : SequenceParts<Layers<Ls..., Part>, Next, Pooling, Rest...> {
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
  using Operations = TypeList<ops::Dense, ops::TargetAttention, detail::TargetHeads>;
  static constexpr int width(int in) { return in; }

  template <class Builder>
  static constexpr void fold(Builder& b, Block steps, Block to, Block out) {
    const auto path = b.scope("target");
    b.template require<detail::TargetHeads>(HeadCount > 0 && steps.rows % HeadCount == 0);
    Node node;
    node.in = detail::under(b, "query", [&] { return detail::linear(b, to, steps.rows); });
    node.in2 = detail::under(b, "keys", [&] { return detail::linear(b, steps, 2 * steps.rows); });
    node.groups = HeadCount;
    node.cache = b.block(HeadCount, steps.steps);
    node.out = out;
    b.template emit<ops::TargetAttention>(node);
  }
};

/// Attention with a learnt query: y = Σ_u a_u V x_u, a = softmax over the steps of ⟨q_h, K x_u⟩ /
/// √d for each head h of d = width / HeadCount values (the seed of Lee et al., ICML 2019).
template <int HeadCount = 1>
struct AttendSteps {
  static constexpr bool pools_steps = true;
  static constexpr std::string_view target{};
  using Operations = TypeList<ops::Dense, ops::AttendSteps, detail::TargetHeads>;
  static constexpr int width(int in) { return in; }

  template <class Builder>
  static constexpr void fold(Builder& b, Block steps, Block, Block out) {
    const auto path = b.scope("attend");
    const bool divides = HeadCount > 0 && steps.rows % HeadCount == 0;
    b.template require<detail::TargetHeads>(divides);
    Node node;
    node.in = detail::under(b, "keys", [&] { return detail::linear(b, steps, 2 * steps.rows); });
    node.groups = HeadCount;
    b.align();
    node.parameters[0] =
        b.tensor("query", HeadCount, divides ? steps.rows / HeadCount : 1, Init::glorot_uniform);
    node.cache = b.block(HeadCount, steps.steps);
    node.out = out;
    b.template emit<ops::AttendSteps>(node);
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
  using Operations = JoinUnique<typename Unit::Operations,
                                TypeList<ops::CompareSteps, ops::WeighSteps, detail::DinWidth>>;
  static constexpr int width(int in) { return in; }

  template <class Builder>
  static constexpr void fold(Builder& b, Block steps, Block to, Block out) {
    const auto path = b.scope("interest");
    b.template require<detail::DinWidth>(to.rows == steps.rows);
    Node compare;
    compare.in = steps;
    compare.in2 = to;
    compare.out = b.block(3 * steps.rows, steps.steps);
    const Block all = b.template emit<ops::CompareSteps>(compare);
    Node weigh;
    weigh.in = steps;
    weigh.in2 = Unit::fold(b, all);
    weigh.out = out;
    b.template emit<ops::WeighSteps>(weigh);
  }
};

/// A sequence: values in order, such as what a user watched before. `Source` is PastItems, or a
/// categorical or hashed field with the option Last, whose cells have several values. `Parts`:
/// layers for its steps (Dense, Gru, Transformer, …), in order, and how the steps become one vector
/// (MeanOfSteps by default).
///
///     Sequence<PastItems<"user_id", "video_id", "time_ms", 50>, Transformer<Heads<4>>,
///              Target<"video_id">>
template <class Source, class... Parts>
struct Sequence {
  using Chosen = detail::SequenceParts<Layers<>, detail::NoNextStep, MeanOfSteps, Parts...>;
  using Encoder = typename Chosen::Layers;
  using Next = typename Chosen::Next;
  using Pooling = typename Chosen::Pool;
  using Operations = JoinUnique<TypeList<ops::EmbeddingSequence, detail::SequenceOrder>,
                                typename Encoder::Operations, typename Next::Operations,
                                typename Pooling::Operations>;

  static constexpr FieldInfo info() { return Source::info(); }
  static constexpr std::string_view target = Pooling::target;
  /// Values per sample in the model's input, for steps of `width` values.
  static constexpr int rows(int width) { return Pooling::width(Encoder::width(width)); }

  template <class Builder>
  static constexpr void fold(Builder& b, Block steps, int table, Block to, Block out) {
    const auto path = b.scope("sequence");
    const auto field = b.scope(info().name);
    b.template require<detail::SequenceOrder>(detail::in_order<Parts...>());
    const int first = b.sizes.nodes;
    const Block encoded = Encoder::fold(b, steps);
    if constexpr (detail::PredictsSteps<Next>) {
      bool ahead = false;
      for (int i = first; i < b.sizes.nodes && b.nodes.size() > 0; ++i)
        ahead = ahead || b.nodes[static_cast<std::size_t>(i)].looks_ahead;
      b.template require<detail::NextStepAhead>(!ahead);
      b.template require<detail::NextStepSource>(info().kind == FieldKind::categorical);
    }
    Next::fold(b, encoded, table);
    Pooling::fold(b, encoded, to, out);
  }
};

}  // namespace espalier
