// SPDX-License-Identifier: Apache-2.0
// Layers for the steps of a sequence: Transformer, HSTU, GRU, LSTM. Other layers (Dense, LayerNorm,
// Dropout, …) treat each step as they would a sample.
#pragma once

#include "espalier/core/type_list.hpp"
#include "espalier/describe/emit.hpp"
#include "espalier/describe/layers.hpp"
#include "espalier/describe/sequence_options.hpp"
#include "espalier/describe/sequence_positions.hpp"
#include "espalier/kernels/attention_bias.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

namespace detail {

template <class Builder>
constexpr Block dropped(Builder& b, Block x, double rate) {
  if (rate == 0) return x;
  Node node;
  node.in = x;
  node.dropout_rate = rate;
  node.out = b.block(x.rows, x.steps, x.gradient);
  return b.template emit<ops::Dropout>(node);
}

/// The steps with `width` values, and with positions if wanted.
template <class Builder>
constexpr Block begin_steps(Builder& b, Block x, const SequenceOptions& o) {
  if (o.width > 0 && o.width != x.rows)
    x = under(b, "project", [&] { return affine(b, x, o.width, Activation::identity); });
  if (o.adds(AddedPositions::learnt))
    x = o.from_last ? Positions<true>::fold(b, x, 0) : Positions<>::fold(b, x, 0);
  if (o.adds(AddedPositions::sinusoidal)) {
    x = o.from_last ? SinusoidalPositions<true>::fold(b, x, 0)
                    : SinusoidalPositions<>::fold(b, x, 0);
  }
  return dropped(b, x, o.dropout);
}

/// Queries and keys of each step turned by its position.
template <class Builder>
constexpr Block rotated(Builder& b, Block qkv, int heads) {
  Node node;
  node.in = qkv;
  node.groups = heads;
  node.out = b.block(qkv.rows, qkv.steps, qkv.gradient);
  return b.template emit<ops::RotateSteps>(node);
}

/// What attention's node has from the options.
template <class Builder>
constexpr void set_attention(Builder& b, const SequenceOptions& o, Node& node) {
  node.groups = o.heads;
  node.causal = o.causal;
  node.looks_ahead = !o.causal;
  if (!o.relative) return;
  node.distances = o.distances;
  const auto buckets = static_cast<int>(DistanceBuckets{o.distances, o.causal}.count());
  b.align();
  node.parameters[0] = b.tensor("relative_bias", o.heads, buckets, Init::zeros);
}

/// W_o · attention(W_qkv x).
template <class Builder>
constexpr Block self_attention(Builder& b, Block x, const SequenceOptions& o) {
  Node node;
  node.in = under(b, "qkv", [&] { return affine(b, x, 3 * x.rows, Activation::identity); });
  if (o.rotary) node.in = rotated(b, node.in, o.heads);
  set_attention(b, o, node);
  node.cache = b.block(o.heads, x.steps);
  node.out = b.block(x.rows, x.steps);
  const Block y = b.template emit<ops::SelfAttention>(node);
  return under(b, "out", [&] { return affine(b, y, x.rows, Activation::identity); });
}

}  // namespace detail

/// An encoder of Depth<N> layers (Vaswani et al. 2017), each with self-attention of Heads<N> and a
/// feed-forward part of FeedForward<N> hidden units with ReLU (or FeedForwardActivation), which
/// both add to their input:
///
///   x ← LN(x + attention(x));  x ← LN(x + feed_forward(x))                   (post-norm)
///   x ← x + attention(LN(x));  x ← x + feed_forward(LN(x));  at the end LN   (PreNorm)
/// Learnt positions, counted from the last step, are added first, unless an option names others.
/// Options: Depth, Width, Heads, FeedForward, FeedForwardActivation<Activation::gelu>,
/// LayerNormEpsilon<Epsilon{1e-12}>, SequenceDropout<Rate{…}>, PreNorm, Causal; Positions,
/// SinusoidalPositions, RelativePositions, Rotary, NoPositions.
template <class... Options>
struct Transformer {
  static constexpr SequenceOptions options = detail::sequence_options<Options...>();
  using Operations = JoinUnique<detail::SequenceOperations<options>, TypeList<ops::SelfAttention>>;
  static constexpr int width(int in) { return options.width > 0 ? options.width : in; }

  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int position) {
    const auto path = b.scope("transformer", position);
    detail::require_heads(b, options, width(in.rows));
    Block x = detail::begin_steps(b, in, options);
    const int hidden = options.feed_forward > 0 ? options.feed_forward : 4 * x.rows;
    for (int layer = 0; layer < options.depth; ++layer) {
      const auto of_layer = b.scope("layer", layer);
      x = add(b, x, 0, [&](Block y) {
        const auto part = b.scope("attention");
        return detail::self_attention(b, y, options);
      });
      x = add(b, x, 1, [&](Block y) {
        const Block h = detail::dense(b, y, hidden, options.activation, 0);
        return detail::dense(b, h, y.rows, Activation::identity, 1);
      });
    }
    return options.pre_norm ? detail::layer_norm(b, x, 0, options.epsilon) : x;
  }

 private:
  template <class Builder, class Part>
  static constexpr Block add(Builder& b, Block x, int number, Part part) {
    const Block y = part(options.pre_norm ? detail::layer_norm(b, x, number, options.epsilon) : x);
    const Block sum = detail::add(b, x, detail::dropped(b, y, options.dropout));
    return options.pre_norm ? sum : detail::layer_norm(b, sum, number, options.epsilon);
  }
};

/// Hierarchical sequential transduction units (Zhai et al., ICML 2024), Depth<N> layers of
///
///   [q, k, v, u] = silu(W x);  x ← x + W_o (LN(pointwise attention(q, k, v)) ∘ u)
/// with RelativePositions for their bias by position, else without. Learnt positions, counted from
/// the last step, are added first, unless an option names others. Options: Depth, Width, Heads,
/// LayerNormEpsilon, SequenceDropout, Causal; Positions, SinusoidalPositions, RelativePositions,
/// NoPositions.
template <class... Options>
struct Hstu {
  static constexpr SequenceOptions options = detail::sequence_options<Options...>();
  using Operations =
      JoinUnique<detail::SequenceOperations<options>,
                 TypeList<ops::PointwiseAttention, ops::Multiply, detail::HstuOptions>>;
  static constexpr int width(int in) { return options.width > 0 ? options.width : in; }

  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int position) {
    const auto path = b.scope("hstu", position);
    b.template require<detail::HstuOptions>(!options.has_feed_forward && !options.pre_norm &&
                                            !options.rotary);
    detail::require_heads(b, options, width(in.rows));
    Block x = detail::begin_steps(b, in, options);
    for (int layer = 0; layer < options.depth; ++layer) {
      const auto of_layer = b.scope("layer", layer);
      const Block parts = detail::under(
          b, "qkvu", [&] { return detail::affine(b, x, 4 * x.rows, Activation::silu); });
      Node node;
      node.in = parts.slice(0, 3 * x.rows);
      detail::set_attention(b, options, node);
      node.out = b.block(x.rows, x.steps);
      const Block attended = b.template emit<ops::PointwiseAttention>(node);
      const Block gated = detail::multiply(b, detail::layer_norm(b, attended, 0, options.epsilon),
                                           parts.slice(3 * x.rows, x.rows));
      const Block out = detail::under(
          b, "out", [&] { return detail::affine(b, gated, x.rows, Activation::identity); });
      x = detail::add(b, x, detail::dropped(b, out, options.dropout));
    }
    return x;
  }
};

namespace detail {

struct RecurrentUnits {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds, "espalier: Gru and Lstm need at least one unit");
  }
};

/// A recurrent layer with `Gates` gates, whose state after each step goes to `out`. The gates'
/// parts that come from the input are one product for all steps.
template <class Op, int Gates, class Builder>
constexpr Block recurrent(Builder& b, Block x, bool from_last, Block out) {
  b.template require<RecurrentUnits>(out.rows > 0);
  Node node;
  node.in = under(b, "input", [&] { return affine(b, x, Gates * out.rows, Activation::identity); });
  const auto path = b.scope("recurrent");
  b.align();
  node.parameters[0] = b.tensor("weight", Gates * out.rows, out.rows, Init::pytorch);
  b.align();
  node.parameters[1] = b.tensor("bias", Gates * out.rows, 0, Init::zeros);
  node.from_last = node.looks_ahead = from_last;
  node.cache = b.block(Op::cache_rows(out.rows), x.steps);
  node.room = b.block(Op::room_rows(out.rows), 1);
  node.out = out;
  return b.template emit<Op>(node);
}

template <class Op, int Gates, int Units>
struct Recurrent {
  using Operations = TypeList<ops::Dense, Op, RecurrentUnits>;
  static constexpr int units = Units;
  static constexpr int width(int) { return Units; }

  template <class Builder>
  static constexpr Block fold_into(Builder& b, Block x, bool from_last, Block out) {
    return recurrent<Op, Gates>(b, x, from_last, out);
  }
};

}  // namespace detail

/// Gated recurrent units in PyTorch's form (Cho et al. 2014); the steps' states are its output.
/// `FromLast`: reads a sample from its last step to its first.
template <int Units, bool FromLast = false>
struct Gru : detail::Recurrent<ops::Gru, 3, Units> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int position) {
    const auto path = b.scope("gru", position);
    return Gru::fold_into(b, in, FromLast, b.block(Units, in.steps));
  }
};

/// Long short-term memory in PyTorch's form (Hochreiter & Schmidhuber 1997).
template <int Units, bool FromLast = false>
struct Lstm : detail::Recurrent<ops::Lstm, 4, Units> {
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int position) {
    const auto path = b.scope("lstm", position);
    return Lstm::fold_into(b, in, FromLast, b.block(Units, in.steps));
  }
};

/// A recurrent layer in both directions, side by side: Bidirectional<Gru<32>> gives 64 values.
template <class Layer>
struct Bidirectional {
  using Operations = typename Layer::Operations;
  static constexpr int width(int in) { return 2 * Layer::width(in); }

  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int position) {
    const auto path = b.scope("bidirectional", position);
    const Block out = b.block(2 * Layer::units, in.steps);
    for (const int backward : {0, 1}) {
      const auto direction = b.scope(backward == 0 ? "forward" : "backward");
      Layer::fold_into(b, in, backward == 1, out.slice(backward * Layer::units, Layer::units));
    }
    return out;
  }
};

}  // namespace espalier
