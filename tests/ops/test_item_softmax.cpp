// SPDX-License-Identifier: Apache-2.0
// Losses over all items of a table: gradients compared with central differences in double.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "espalier/describe/sharing/all.hpp"
#include "espalier/exec/random_batch.hpp"
#include "espalier/exec/task_gradients.hpp"
#include "espalier/sequences.hpp"
#include "ops/gradients.hpp"
#include "support/parameter_values.hpp"

namespace esp = espalier;
using esp::Index;

namespace {

using espalier_test::check_model;
using espalier_test::Click;
using espalier_test::Content;
using espalier_test::most_apart;
using espalier_test::values_of;

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

/// A gradient method with weights of 1.
struct Ones {
  static constexpr std::string_view name = "ones";
  static constexpr bool needs_coordinates = false;
  static void weights(const esp::TaskGradients&, std::span<double> out) {
    std::fill(out.begin(), out.end(), 1.0);
  }
};

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
  const auto check = [](const auto& program, const auto& method) {
    const std::vector<Index> rows{9};
    const esp::RandomBatch<double> data(program.plan, 150, rows, 5, 0.1);
    const std::vector<double> weights{1, 0.5};
    esp::TrainExecutor<double> plain(program, rows, 150, 1), by_task(program, rows, 150, 2);
    for (auto* executor : {&plain, &by_task}) {
      esp::initialize(program.plan, 1, executor->parameters());
      executor->prepare(esp::Sgd{.learning_rate = 0.1}, {});
    }
    esp::GradientAggregator balance{method};
    balance.reset(2);
    esp::TaskGradientPass<double> pass(by_task, esp::BalanceOn::parameters);
    for (std::int64_t step = 1; step <= 3; ++step) {
      plain.forward_backward(data.batch(), weights, 7);
      plain.update({step, 1, 1});
      pass.forward_backward(data.batch(), weights, 7, balance);
      by_task.update({step, 1, 1});
    }
    CHECK(most_apart(values_of(plain.parameters()), values_of(by_task.parameters())) < 1e-12);
  };
  check(esp::program_of<Model, double, esp::Cpu>(), Ones{});
  check(esp::program_of<Both, double, esp::Cpu>(), Ones{});
}
