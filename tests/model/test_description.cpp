// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "espalier/model/description.hpp"
#include "espalier/sequences.hpp"
#include "support/made_up.hpp"

using namespace espalier_test;

TEST_CASE("description: a model line by line") {
  struct Model
      : esp::MultiTaskModel<
            esp::Inputs<
                esp::NumericVector<"v", 2, esp::AsIs>,
                esp::Numeric<"x", esp::Clip<esp::Range{0, 9}>, esp::Log1p>,
                esp::Hashed<"url", 100, 3>, esp::Categorical<"movie", 4, esp::MinCount<5>>,
                esp::MultiCategorical<"seen", 4, esp::SharedTable<"movie">, esp::MinCount<5>>>,
            esp::Mmoe<2, esp::MlpOf<esp::Activation::silu, 6>>, Click> {};
  CHECK(esp::join_lines(esp::describe_plan(esp::plan_of<Model>())) ==
        "sharing: mmoe\n"
        "input 'v': numeric × 2\n"
        "input 'x': numeric × 1, clip to [0, 9], log1p\n"
        "input 'url': hashed to 100 × 3, table 'url'\n"
        "input 'movie': categorical × 4, table 'movie', at least 5 times\n"
        "input 'seen': categorical × 4, table 'movie', at least 5 times, mean over '|'\n"
        "task 'click': binary_cross_entropy × 1\n"
        "tensor 'expert0/dense0/weight': 6 × 14\n"
        "tensor 'expert1/dense0/weight': 6 × 14\n"
        "tensor 'expert0/dense0/bias': 6\n"
        "tensor 'expert1/dense0/bias': 6\n"
        "tensor 'click/gate/weight': 2 × 14\n"
        "tensor 'click/dense0/weight': 8 × 6\n"
        "tensor 'click/dense0/bias': 8\n"
        "tensor 'click/dense1/weight': 1 × 8\n"
        "tensor 'click/dense1/bias': 1\n"
        "activation of 'expert/dense0': silu\n"
        "activation of 'click/dense0': relu\n");
}

TEST_CASE("description: the first line that differs") {
  using Pair = std::pair<std::string, std::string>;
  CHECK(esp::first_difference("", "") == Pair{});
  CHECK(esp::first_difference("a\nb\n", "a\nb\n") == Pair{});
  CHECK(esp::first_difference("a\nb\nc\n", "a\nB\nc\n") == Pair{"b", "B"});
  CHECK(esp::first_difference("a\nb\n", "a\nbc\n") == Pair{"b", "bc"});
  CHECK(esp::first_difference("a\nb\n", "a\n") == Pair{"b", "nothing more"});
  CHECK(esp::first_difference("", "a\n") == Pair{"nothing more", "a"});
  CHECK(esp::first_difference("a\nb", "a\nc") == Pair{"b", "c"});
}

namespace {

using Seen = esp::Categorical<"seen", 8, esp::Last<5>>;
template <class... Parts>
std::string described() {
  struct Model : esp::MultiTaskModel<esp::Inputs<esp::Sequence<Seen, Parts...>>,
                                     esp::SharedBottom<esp::Mlp<4>>, Click> {};
  return esp::join_lines(esp::describe_plan(esp::plan_of<Model>()));
}

}  // namespace

TEST_CASE("description: sequences that compute something else differ, with the same tensors") {
  using esp::Transformer, esp::Heads, esp::Hstu;
  const std::vector<std::string> all{
      described<>(),
      described<esp::LastStep>(),
      described<esp::FirstStep>(),
      described<esp::MaxOfSteps>(),
      described<esp::SumOfSteps>(),
      described<esp::SinusoidalPositions<>>(),
      described<esp::SinusoidalPositions<true>>(),
      described<esp::Positions<>>(),
      described<esp::Positions<true>>(),
      described<esp::Gru<8>>(),
      described<esp::Gru<8, true>>(),
      described<esp::Lstm<8>>(),
      described<Transformer<>>(),
      described<Transformer<Heads<2>>>(),
      described<Transformer<Heads<4>>>(),
      described<Transformer<Heads<2>, esp::Causal>>(),
      described<Transformer<Heads<2>, esp::PreNorm>>(),
      described<Transformer<Heads<2>, esp::NoPositions>>(),
      described<Transformer<Heads<2>, esp::Rotary>>(),
      described<Transformer<Heads<2>, esp::SinusoidalPositions<>>>(),
      described<Transformer<Heads<2>, esp::RelativePositions<3>>>(),
      described<Transformer<Heads<2>, esp::RelativePositions<3>, esp::Causal>>(),
      described<Transformer<Heads<2>, esp::LayerNormEpsilon<esp::Epsilon{1e-12}>>>(),
      described<Hstu<>>(),
      described<Hstu<Heads<2>>>(),
      described<Hstu<Heads<2>, esp::Causal>>(),
      described<esp::AttendSteps<1>>(),
      described<esp::AttendSteps<2>>(),
  };
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      INFO(all[i]);
      INFO(all[j]);
      CHECK(all[i] != all[j]);
    }
  }
  CHECK(described<Transformer<Heads<2>, esp::SequenceDropout<esp::Rate{0.1}>, esp::Causal>>() !=
        described<Transformer<Heads<2>>>());
}
