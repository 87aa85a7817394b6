// SPDX-License-Identifier: Apache-2.0
// Losses over all items of a table: gradients compared with central differences in double.
#include <doctest/doctest.h>

#include <vector>

#include "espalier/describe/sharing/all.hpp"
#include "espalier/sequences.hpp"
#include "ops/gradients.hpp"
#include "ops/unit_weights.hpp"

namespace esp = espalier;
using esp::Index;

namespace {

using espalier_test::check_model;
using espalier_test::check_unit_weights;
using espalier_test::Click;
using espalier_test::Content;

using Video = esp::Categorical<"video", 4>;
using Watched = esp::Categorical<"watched", 4, esp::Last<5>, esp::SharedTable<"video">>;
using Act = esp::Layers<esp::Dense<5, esp::Activation::tanh>>;
using ToItem = esp::Layers<esp::Dense<4, esp::Activation::tanh>>;

using Next = esp::Task<"next", esp::NextItem<"video">, ToItem{}>;
using NextSampled = esp::Task<"next", esp::NextItem<"video", esp::Sampled{6}>, ToItem{}>;
using NextOfSharing = esp::Task<"next", esp::NextItem<"watched">>;

template <class Sharing, class... Tasks>
struct Users : esp::MultiTaskModel<
                   esp::Inputs<esp::Numeric<"a">, Video, esp::Sequence<Watched, esp::LastStep>>,
                   Sharing, Tasks...> {};

using Alone = esp::Categorical<"watched", 4, esp::Last<5>>;
template <class... Parts>
struct Sequential : esp::MultiTaskModel<esp::Inputs<esp::Sequence<Alone, Parts...>>,
                                        esp::SharedBottom<esp::Layers<>>, NextOfSharing> {};

}  // namespace

TEST_CASE("NextItem: gradients of towers, shared layers and all rows of the table") {
  check_model<Users<esp::SharedBottom<Act>, Next>>();
  check_model<Users<esp::SharedBottom<Act>, Click, Next, Content>>();
  check_model<Users<esp::Mmoe<2, Act>, Next, Click>>();
  check_model<Users<esp::SharedBottom<Act>, NextSampled, Click>>();
}

TEST_CASE("NextStep: each step predicts the next, in the losses of all tasks") {
  check_model<Sequential<esp::Gru<4>, esp::NextStep<>, esp::LastStep>>();
  check_model<Sequential<esp::Transformer<esp::Causal, esp::Heads<2>>,
                         esp::NextStep<esp::Weight{0.3}, esp::Sampled{5}>, esp::LastStep>>();
}

TEST_CASE("NextItem: methods that weigh the tasks' gradients get those of all rows") {
  using Model = Users<esp::SharedBottom<Act>, NextSampled, Click>;
  using Both = Users<esp::SharedBottom<Act>, Click, Next>;
  const std::vector<Index> rows{9};
  check_unit_weights(esp::program_of<Model, double, esp::Cpu>(), rows);
  check_unit_weights(esp::program_of<Both, double, esp::Cpu>(), rows);
}
