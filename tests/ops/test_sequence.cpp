// SPDX-License-Identifier: Apache-2.0
// Sequences of varying length: gradients compared with central differences in double, and what a
// sample's prediction must not depend on.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "espalier/balance/balance.hpp"
#include "espalier/describe/sharing/all.hpp"
#include "espalier/exec/inference.hpp"
#include "espalier/exec/random_batch.hpp"
#include "espalier/optim/optim.hpp"
#include "espalier/sequences.hpp"
#include "ops/gradients.hpp"
#include "ops/unit_weights.hpp"
#include "support/message_of.hpp"
#include "support/parameter_values.hpp"

namespace esp = espalier;
using esp::Index;

namespace {

using espalier_test::check_model;
using espalier_test::Click;
using espalier_test::Content;

using Video = esp::Categorical<"video", 4>;
using Watched = esp::Categorical<"watched", 4, esp::Last<5>, esp::SharedTable<"video">>;
using Searched = esp::Hashed<"searched", 7, 3, esp::Last<9, ' '>>;

template <class... Sequences>
struct Bottom
    : esp::MultiTaskModel<esp::Inputs<esp::Numeric<"a">, Sequences..., Video, esp::Numeric<"b">>,
                          esp::SharedBottom<esp::Layers<esp::Dense<6, esp::Activation::tanh>>>,
                          Click, Content> {};

template <class Sharing>
struct Shared
    : esp::MultiTaskModel<esp::Inputs<esp::Numeric<"a">, Video,
                                      esp::Sequence<Watched, esp::Dense<4, esp::Activation::tanh>,
                                                    esp::Target<"video", 2>>,
                                      esp::Sequence<Searched, esp::LayerNorm, esp::LastStep>>,
                          Sharing, Click, Content> {};

using Act = esp::Layers<esp::Dense<5, esp::Activation::tanh>>;

}  // namespace

TEST_CASE("sequence: gradients of every way to pool steps") {
  check_model<Bottom<esp::Sequence<Watched>>>();
  check_model<Bottom<esp::Sequence<Watched, esp::SumOfSteps>>>();
  check_model<Bottom<esp::Sequence<Watched, esp::MaxOfSteps>>>();
  check_model<Bottom<esp::Sequence<Watched, esp::FirstStep>>>();
  check_model<Bottom<esp::Sequence<Searched, esp::LastStep>, esp::Sequence<Watched>>>();
  check_model<Bottom<esp::Sequence<Watched, esp::Target<"video">>>>();
  check_model<Bottom<esp::Sequence<Watched, esp::Target<"video", 2>>>>();
  check_model<Bottom<esp::Sequence<Watched, esp::Din<"video", 5, 3>>>>();
  check_model<Bottom<esp::Sequence<Watched, esp::AttendSteps<>>>>();
  check_model<Bottom<esp::Sequence<Watched, esp::AttendSteps<2>>,
                     esp::Sequence<Searched, esp::Gru<6>, esp::AttendSteps<3>>>>();
}

TEST_CASE("sequence: gradients of layers that treat a step as a sample") {
  check_model<Bottom<esp::Sequence<Searched, esp::Dense<4, esp::Activation::gelu>, esp::LayerNorm,
                                   esp::Dropout<esp::Rate{0.3}>>>>();
  check_model<
      Bottom<esp::Sequence<Watched, esp::Residual<esp::Dense<4, esp::Activation::tanh>>>>>();
}

TEST_CASE("sequence: batch statistics are over all steps") {
  check_model<Bottom<esp::Sequence<Searched, esp::Dense<4>, esp::BatchNorm>>>();
  // Whole microbatches, and a whole batch, without a step.
  using Model = Bottom<esp::Sequence<Watched, esp::BatchNorm, esp::Transformer<>, esp::Gru<3>>>;
  const auto program = esp::program_of<Model, double, esp::Cpu>();
  esp::TrainExecutor<double> executor(program, {7}, 100, 1);
  esp::initialize(program.plan, 1, executor.parameters());
  executor.prepare(esp::Adam{}, {});
  const esp::RandomBatch<double> data(program.plan, 100, {7}, 3);
  esp::Batch<double> batch = data.batch();
  std::vector<esp::IdColumn> ids(batch.ids.begin(), batch.ids.end());
  std::vector<std::int32_t> offsets(101);
  for (const std::int32_t steps : {0, 1}) {  // of the last sample; the others have none
    offsets[100] = steps;
    ids[0].offsets = offsets.data();
    batch.ids = ids;
    for (std::int64_t step = 1; step <= 2; ++step) {
      for (const double loss : executor.forward_backward(batch, std::vector<double>{1, 1}, 1))
        CHECK(std::isfinite(loss));
      executor.update({step, 1, 1}, 1);
    }
  }
  CHECK(esp::find_not_finite(program.plan, executor.parameters()).empty());
}

TEST_CASE("sequence: gradients of positions, Transformer and HSTU") {
  check_model<Bottom<esp::Sequence<Watched, esp::Positions<>>>>();
  check_model<Bottom<esp::Sequence<Watched, esp::Positions<true>, esp::MaxOfSteps>>>();
  check_model<Bottom<esp::Sequence<Watched, esp::Transformer<>>>>();
  check_model<Bottom<
      esp::Sequence<Searched, esp::Transformer<esp::Depth<2>, esp::Width<6>, esp::Heads<3>,
                                               esp::FeedForward<5>, esp::PreNorm, esp::Causal,
                                               esp::SequenceDropout<esp::Rate{0.2}>>>>>();
  check_model<Bottom<esp::Sequence<Watched, esp::Hstu<esp::Heads<2>>, esp::Target<"video">>>>();
  check_model<
      Bottom<esp::Sequence<Searched,
                           esp::Hstu<esp::Depth<2>, esp::Width<4>, esp::Causal, esp::NoPositions,
                                     esp::SequenceDropout<esp::Rate{0.2}>>,
                           esp::LastStep>>>();
}

TEST_CASE("sequence: gradients of sinusoidal and rotary positions") {
  check_model<Bottom<esp::Sequence<Watched, esp::SinusoidalPositions<>>>>();
  check_model<Bottom<esp::Sequence<Searched, esp::SinusoidalPositions<true>, esp::MaxOfSteps>>>();
  check_model<Bottom<esp::Sequence<
      Watched, esp::Transformer<esp::SinusoidalPositions<>, esp::Heads<2>>, esp::LastStep>>>();
  check_model<Bottom<esp::Sequence<Watched, esp::Hstu<esp::SinusoidalPositions<true>>>>>();
  check_model<Bottom<esp::Sequence<Watched, esp::Transformer<esp::Positions<>>>>>();
  check_model<Bottom<esp::Sequence<
      Searched, esp::Transformer<esp::Rotary, esp::Width<4>, esp::Depth<2>>, esp::LastStep>>>();
  check_model<Bottom<esp::Sequence<
      Searched, esp::Transformer<esp::Rotary, esp::Positions<>, esp::Width<12>, esp::Heads<2>,
                                 esp::Causal, esp::PreNorm, esp::FeedForward<3>>>>>();
}

TEST_CASE("sequence: gradients of a bias by relative position") {
  check_model<
      Bottom<esp::Sequence<Watched, esp::Transformer<esp::RelativePositions<3>, esp::Heads<2>>>>>();
  check_model<Bottom<
      esp::Sequence<Searched,
                    esp::Transformer<esp::Width<6>, esp::Heads<3>, esp::RelativePositions<12>,
                                     esp::Positions<true>, esp::Rotary, esp::Causal, esp::PreNorm>,
                    esp::LastStep>>>();
  check_model<Bottom<esp::Sequence<
      Watched, esp::Hstu<esp::RelativePositions<2>, esp::Heads<2>, esp::Depth<2>>>>>();
  check_model<Bottom<
      esp::Sequence<Searched, esp::Hstu<esp::Width<4>, esp::RelativePositions<1>, esp::Causal>,
                    esp::LastStep>>>();
}

TEST_CASE("sequence: gradients of a block of BERT") {
  using esp::Epsilon;
  check_model<Bottom<esp::Sequence<
      Searched, esp::Positions<>, esp::LayerNormOf<Epsilon{1e-12}>, esp::Dropout<esp::Rate{0.1}>,
      esp::Transformer<esp::NoPositions, esp::Heads<3>,
                       esp::FeedForwardActivation<esp::Activation::gelu>,
                       esp::LayerNormEpsilon<Epsilon{1e-12}>>,
      esp::FirstStep>>>();
}

TEST_CASE("sequence: gradients of recurrent layers") {
  check_model<Bottom<esp::Sequence<Watched, esp::Gru<5>, esp::LastStep>>>();
  check_model<Bottom<esp::Sequence<Searched, esp::Lstm<4>, esp::LastStep>>>();
  check_model<Bottom<esp::Sequence<Watched, esp::Gru<3, true>, esp::Lstm<5, true>>>>();
  check_model<Bottom<esp::Sequence<Searched, esp::Bidirectional<esp::Gru<3>>,
                                   esp::Bidirectional<esp::Lstm<2>>, esp::MaxOfSteps>>>();
}

TEST_CASE_TEMPLATE("sequence: gradients in every kind of sharing", Sharing, esp::SingleTask<Act>,
                   esp::Mmoe<3, Act>, esp::Ple<2, 1, Act, Act>, esp::CrossStitch<Act, Act>,
                   esp::Mtan<Act, Act>, esp::DselectK<4, 2, Act>, esp::OneGateMoe<3, Act>,
                   esp::AdaTT<1, 1, Act, Act>) {
  check_model<Shared<Sharing>>();
}

TEST_CASE("sequence: a prediction depends on its own sample alone, whatever the threads") {
  using Model = Bottom<
      esp::Sequence<Watched, esp::Transformer<esp::Heads<2>, esp::PreNorm>, esp::Target<"video">>,
      esp::Sequence<Searched, esp::Dense<4, esp::Activation::gelu>, esp::Hstu<esp::Causal>,
                    esp::Transformer<esp::Rotary, esp::RelativePositions<3>>,
                    esp::SinusoidalPositions<true>, esp::AttendSteps<2>>>;
  const std::vector<Index> rows{7, 20};
  const auto program = esp::program_of<Model, float, esp::Cpu>();
  esp::Parameters<float> parameters(program.plan, rows);
  esp::initialize(program.plan, 3, parameters);
  const esp::RandomBatch<float> data(program.plan, 150, rows, 5);
  const esp::Batch<float>& batch = data.batch();
  const auto predict = [&](const esp::Batch<float>& of, int threads) {
    esp::TrainExecutor<float> executor(program, rows, 150, threads);
    executor.parameters().copy_from(parameters);
    executor.poison(std::nanf(""));
    std::vector<float> click(static_cast<std::size_t>(of.size)),
        content(static_cast<std::size_t>(of.size));
    float* const out[] = {click.data(), content.data()};
    executor.predict(of, out);
    click.insert(click.end(), content.begin(), content.end());
    return click;
  };
  const std::vector<float> all = predict(batch, 1);
  CHECK(predict(batch, 3) == all);
  for (const Index j : {0, 1, 63, 64, 100, 149}) {
    // The sample alone: its part of every field.
    std::vector<esp::IdColumn> ids;
    std::vector<std::vector<std::int32_t>> offsets;
    offsets.reserve(batch.ids.size());
    for (const esp::IdColumn& column : batch.ids) {
      if (column.offsets == nullptr) {
        ids.push_back({column.ids + j, nullptr});
      } else {
        offsets.push_back({0, column.offsets[j + 1] - column.offsets[j]});
        ids.push_back({column.ids + column.offsets[j], offsets.back().data()});
      }
    }
    esp::Batch<float> one;
    one.size = 1;
    one.numeric = {batch.numeric.column(j), batch.numeric.rows, 1, batch.numeric.stride};
    one.ids = ids;
    const std::vector<float> alone = predict(one, 1);
    CHECK(alone[0] ==
          doctest::Approx(static_cast<double>(all[static_cast<std::size_t>(j)])).epsilon(1e-6));
    CHECK(
        alone[1] ==
        doctest::Approx(static_cast<double>(all[static_cast<std::size_t>(150 + j)])).epsilon(1e-6));
  }
}

TEST_CASE("sequence: longer ones than a plan has memory for are refused") {
  using Model = Bottom<esp::Sequence<Watched, esp::Positions<>>>;
  const auto program = esp::program_of<Model, float, esp::Cpu>();
  esp::TrainExecutor<float> executor(program, {7}, 3, 1);
  const esp::InferenceExecutor<float> inference(program, executor.parameters());
  const esp::RandomBatch<float> data(program.plan, 3, {7}, 3);
  esp::Batch<float> batch = data.batch();
  std::vector<esp::IdColumn> ids(batch.ids.begin(), batch.ids.end());
  batch.ids = ids;
  const std::vector<std::int32_t> values(20);
  ids[0].ids = values.data();
  auto workspace = inference.make_workspace();
  float click[3], content[3];
  float* const out[] = {click, content};
  const auto said = [&](const std::vector<std::int32_t>& offsets) {
    ids[0].offsets = offsets.data();
    CHECK_THROWS_AS(inference.run(batch, workspace, out), esp::ConfigError);
    CHECK_THROWS_AS(executor.forward_backward(batch, std::vector<double>{1, 1}, 1),
                    esp::ConfigError);
    return espalier_test::message_of([&] { executor.predict(batch, out); });
  };
  CHECK(said({0, 1, 7, 7}) ==
        "sequence 'watched': sample 1 of a batch has 6 values, expected 0 to 5");
  CHECK(said({0, 1, 0, 1}) ==
        "sequence 'watched': sample 1 of a batch has -1 values, expected 0 to 5");
  CHECK(said({1, 2, 2, 3}) ==
        "sequence 'watched': the offsets of a batch begin with 1, expected 0");
}

TEST_CASE("sequence: inference with its passes predicts what training predicts") {
  using Model =
      Bottom<esp::Sequence<Watched, esp::Transformer<esp::Heads<2>>, esp::Din<"video", 4>>>;
  const std::vector<Index> rows{7};
  const auto program = esp::program_of<Model, float, esp::Cpu>();
  esp::TrainExecutor<float> executor(program, rows, 90, 1);
  esp::initialize(program.plan, 3, executor.parameters());
  const esp::InferenceExecutor<float> inference(program, executor.parameters());
  const esp::RandomBatch<float> data(program.plan, 90, rows, 5);
  std::vector<float> a(90), b(90), c(90), d(90);
  float* const expected[] = {a.data(), b.data()};
  float* const got[] = {c.data(), d.data()};
  executor.predict(data.batch(), expected);
  auto workspace = inference.make_workspace();
  inference.run(data.batch(), workspace, got);
  for (std::size_t j = 0; j < 90; ++j) {
    CHECK(c[j] == doctest::Approx(static_cast<double>(a[j])).epsilon(1e-5));
    CHECK(d[j] == doctest::Approx(static_cast<double>(b[j])).epsilon(1e-5));
  }
}

TEST_CASE(
    "sequence: steps are the same bits for any number of threads, and gradients of tasks add "
    "up") {
  using Model =
      Bottom<esp::Sequence<Watched, esp::Transformer<esp::Rotary, esp::RelativePositions<3>>,
                           esp::AttendSteps<2>>,
             esp::Sequence<Searched, esp::Hstu<esp::Causal, esp::RelativePositions<2>>,
                           esp::LayerNorm, esp::Target<"video">>>;
  const std::vector<Index> rows{7, 20};
  const auto program = esp::program_of<Model, double, esp::Cpu>();
  const esp::RandomBatch<double> data(program.plan, 150, rows, 5, 0.1);
  const std::vector<double> weights{1, 0.5};
  std::vector<double> first;
  for (const int threads : {1, 2, 3}) {
    esp::TrainExecutor<double> executor(program, rows, 150, threads);
    esp::initialize(program.plan, 1, executor.parameters());
    executor.prepare(esp::Adam{}, {});
    for (std::int64_t step = 1; step <= 3; ++step) {
      executor.forward_backward(data.batch(), weights, static_cast<std::uint64_t>(step));
      executor.update({step, 1, 1}, 0.5);
    }
    const std::vector<double> all = espalier_test::values_of(executor.parameters());
    if (threads == 1) first = all;
    CHECK(all == first);
  }
  espalier_test::check_unit_weights(program, rows);
}
