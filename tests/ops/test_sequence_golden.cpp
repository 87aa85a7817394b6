// SPDX-License-Identifier: Apache-2.0
// Models with sequences against PyTorch: predictions and all gradients.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/exec/executor.hpp"
#include "espalier/sequences.hpp"

namespace esp = espalier;
using esp::Index;

namespace {

struct Golden {
  std::string_view name;
  std::vector<double> predictions;
  std::vector<std::pair<std::string_view, std::vector<double>>> gradients;
};

const std::vector<Golden>& golden() {
  static const std::vector<Golden> values{
#include "ops/sequences_golden.inc"
  };
  return values;
}

using Past = esp::Categorical<"past", 4, esp::Last<5>, esp::SharedTable<"item">>;
template <class... Parts>
struct Model
    : esp::MultiTaskModel<esp::Inputs<esp::Categorical<"item", 4>, esp::Sequence<Past, Parts...>>,
                          esp::SharedBottom<esp::Layers<>>, esp::Task<"y", esp::MeanSquaredError>> {
};

// The batch and the values of tests/golden/sequences.py.
constexpr Index rows = 6, width = 4;
const std::vector<std::int32_t> items{1, 4, 2, 5}, offsets{0, 3, 3, 8, 9};
const std::vector<double> labels{0.5, -1, 2, 0.3};

double value_of(std::string_view tensor, std::size_t k, std::size_t i) {
  return (tensor.ends_with("gain") ? 1 : 0) +
         0.6 * std::sin(0.7 * static_cast<double>(i) + static_cast<double>(k));
}

template <class M>
void check(std::string_view name) {
  CAPTURE(name);
  const auto found = std::find_if(golden().begin(), golden().end(),
                                  [&](const Golden& g) { return g.name == name; });
  REQUIRE(found != golden().end());
  esp::TrainExecutor<double> executor(esp::program_of<M, double, esp::Cpu>(), {rows}, 4, 1);
  const esp::PlanView& plan = executor.plan();
  REQUIRE(plan.tensors.size() + 1 == found->gradients.size());
  const auto place = [&](std::string_view tensor) {
    const auto at = std::find_if(found->gradients.begin(), found->gradients.end(),
                                 [&](const auto& g) { return g.first == tensor; });
    REQUIRE_MESSAGE(at != found->gradients.end(), tensor);
    return static_cast<std::size_t>(at - found->gradients.begin());
  };
  for (const esp::ParameterInfo& t : plan.tensors) {
    const std::size_t k = place(t.name.view());
    REQUIRE(found->gradients[k].second.size() == static_cast<std::size_t>(t.size()));
    for (std::size_t i = 0; i < static_cast<std::size_t>(t.size()); ++i)
      executor.parameters().dense[static_cast<std::size_t>(t.offset) + i] =
          value_of(t.name.view(), k, i);
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(rows * width); ++i)
    executor.parameters().tables[0][i] = value_of("", place("embedding/item"), i);

  std::vector<std::int32_t> past;
  for (int i = 0; i < 9; ++i) past.push_back((7 * i + 3) % static_cast<int>(rows));
  const esp::IdColumn ids[] = {{items.data(), nullptr}, {past.data(), offsets.data()}};
  esp::Batch<double> batch;
  batch.size = 4;
  batch.ids = ids;
  batch.labels = {labels.data(), 4, 1, 4};

  double z[4];
  double* const out[] = {z};
  executor.predict(batch, out);
  for (std::size_t j = 0; j < 4; ++j) CHECK(std::abs(z[j] - found->predictions[j]) < 1e-10);

  executor.forward_backward(batch, std::vector<double>{1}, 1);
  std::vector<double> gradient(static_cast<std::size_t>(plan.sizes.parameters));
  executor.read_gradient(gradient);
  for (const esp::ParameterInfo& t : plan.tensors) {
    const auto& expected = found->gradients[place(t.name.view())].second;
    CAPTURE(t.name.view());
    for (std::size_t i = 0; i < expected.size(); ++i)
      CHECK(std::abs(gradient[static_cast<std::size_t>(t.offset) + i] - expected[i]) < 1e-10);
  }
  std::vector<double> of_table(static_cast<std::size_t>(rows * width));
  esp::SparseGradients<double>& sparse = executor.collect_sparse();
  for (Index s = 0; s < sparse.shards(); ++s) {
    const auto& shard = sparse.shard(s);
    for (Index r = 0; r < shard.count(); ++r)
      for (Index i = 0; i < width; ++i)
        of_table[static_cast<std::size_t>(shard.rows[static_cast<std::size_t>(r)] * width + i)] =
            shard.sums[static_cast<std::size_t>(r * width + i)];
  }
  const auto& expected = found->gradients[place("embedding/item")].second;
  for (std::size_t i = 0; i < expected.size(); ++i)
    CHECK(std::abs(of_table[i] - expected[i]) < 1e-10);
}

}  // namespace

TEST_CASE("sequence: predictions and gradients are PyTorch's") {
  using esp::Causal, esp::FeedForward, esp::Heads;
  check<Model<esp::Transformer<Heads<2>, FeedForward<5>>>>("transformer");
  check<Model<esp::Transformer<Heads<2>, FeedForward<5>, esp::PreNorm, Causal>>>(
      "transformer_pre_norm_causal");
  check<Model<esp::Hstu<Heads<2>>>>("hstu");
  check<Model<esp::Hstu<Heads<2>, Causal>>>("hstu_causal");
  check<Model<esp::Transformer<Heads<2>, FeedForward<5>, esp::SinusoidalPositions<>>>>(
      "transformer_sinusoidal");
  check<Model<esp::Transformer<Heads<2>, FeedForward<5>, esp::Rotary>>>("transformer_rotary");
  check<Model<esp::Transformer<esp::Rotary, FeedForward<5>, esp::PreNorm, Causal>>>(
      "transformer_rotary_causal");
  using esp::RelativePositions;
  check<Model<esp::Transformer<Heads<2>, FeedForward<5>, RelativePositions<3>>>>(
      "transformer_relative");
  check<Model<
      esp::Transformer<Heads<2>, FeedForward<5>, RelativePositions<2>, esp::PreNorm, Causal>>>(
      "transformer_relative_causal");
  check<Model<esp::Hstu<Heads<2>, RelativePositions<3>>>>("hstu_relative");
  check<Model<esp::Hstu<Heads<2>, RelativePositions<9>, Causal>>>("hstu_relative_causal");
  check<Model<
      esp::Transformer<Heads<2>, FeedForward<5>, esp::FeedForwardActivation<esp::Activation::gelu>,
                       esp::LayerNormEpsilon<esp::Epsilon{1e-12}>>>>("transformer_gelu");
  check<Model<esp::Target<"item", 2>>>("target");
  check<Model<esp::AttendSteps<2>>>("attend");
  check<Model<esp::Din<"item", 3>>>("din");
}
