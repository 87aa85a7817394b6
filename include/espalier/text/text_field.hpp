// SPDX-License-Identifier: Apache-2.0
// `Text`: a text as an input, read by a pre-trained encoder of the BERT family.
#pragma once

#include <string_view>

#include "espalier/core/fixed_string.hpp"
#include "espalier/describe/sequence.hpp"
#include "espalier/describe/sequence_layers.hpp"
#include "espalier/text/word_piece_tokenizer.hpp"

namespace espalier {

/// The most tokens of a text that are read, with the special ones at its ends.
template <int N>
struct Length {
  static_assert(N >= 3 && N <= 65536, "espalier: Length is 3 to 65536 tokens");
  static constexpr int tokens = N;
};

/// The encoder of BERT (Devlin et al., NAACL 2019): embeddings of token and position (and of the
/// first segment), normalised; Depth<N> layers, normalised after each part, with GELU; ε = 1e-12.
/// Options as those of Transformer: Depth, Width, Heads, FeedForward (4 times the width),
/// SequenceDropout, and LayerNormEpsilon for encoders of another ε. Width is that of the tokens'
/// embeddings, and must be given.
template <class... Options>
struct Bert {
  static constexpr SequenceOptions options = [] {
    SequenceOptions o;
    o.epsilon = 1e-12;
    o.activation = Activation::gelu;
    (Options::apply(o), ...);
    return o;
  }();
  using Body = Transformer<FeedForwardActivation<Activation::gelu>,
                           LayerNormEpsilon<Epsilon{1e-12}>, Options..., NoPositions>;
  using Operations =
      JoinUnique<typename Body::Operations, TypeList<ops::AddPositions, ops::LayerNorm>>;
  static constexpr int width(int in) { return in; }
  static_assert(!options.causal && !options.rotary && !options.relative && !options.pre_norm,
                "espalier: Bert has the options Depth, Width, Heads, FeedForward, SequenceDropout "
                "and LayerNormEpsilon");

  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int position) {
    const auto path = b.scope("bert", position);
    const Block x = detail::layer_norm(b, Positions<>::fold(b, in, 0), 0, options.epsilon);
    return Body::fold(b, x, 0);
  }
};

namespace detail {

template <FixedString Name, int TokenWidth, int MostTokens>
struct TextSource {
  static constexpr FieldInfo info() {
    FieldInfo f;
    f.name = f.column = f.table = Name.view();
    f.kind = FieldKind::categorical;
    f.width = TokenWidth;
    f.pool = Pool::sequence;
    f.most_values = MostTokens;
    f.restore_tokenizer = &WordPieceTokenizer::restore;
    return f;
  }
};

}  // namespace detail

/// The text of a column, as tokens of a pre-trained encoder, whose folder load_encoder() reads
/// before training. The tokens' vectors become one, by default their mean (sentence encoders), or
/// that of the first with FirstStep ([CLS], as BERT's classifiers). A missing text has no tokens.
///
///     Text<"review", Bert<Depth<6>, Width<384>, Heads<12>>, Length<128>>
template <FixedString Name, class Encoder, class MostTokens = Length<128>,
          class Pooling = MeanOfSteps>
struct Text : Sequence<detail::TextSource<Name, Encoder::options.width, MostTokens::tokens>,
                       Encoder, Pooling> {
  static_assert(detail::PoolsSteps<Pooling>,
                "espalier: after a Text's Length stands how its tokens become one vector: "
                "MeanOfSteps, FirstStep, ...");
};

}  // namespace espalier
