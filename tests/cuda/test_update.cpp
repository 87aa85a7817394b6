// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <array>
#include <limits>
#include <string>
#include <vector>

#include "cuda/gpu.hpp"
#include "espalier/optim/clip.hpp"
#include "espalier/optim/cuda/update.hpp"
#include "espalier/optim/optim.hpp"

using namespace espalier_test;
namespace esp = espalier;

namespace {

std::vector<double> values_of(const esp::Optimizer& optimizer) {
  std::vector<double> values;
  for (const esp::HyperParameter& h : optimizer.hyper_parameters()) values.push_back(h.value);
  return values;
}

}  // namespace

TEST_CASE("cuda: every optimiser updates as on the CPU, with a formula that is read when it runs") {
  const std::vector<esp::Optimizer> every{
      esp::Adam{.learning_rate = 0.1, .weight_decay = 0.01}, esp::AdamW{.learning_rate = 0.1},
      esp::Adagrad{.learning_rate = 0.1, .initial_accumulator = 0.1},
      esp::Sgd{.learning_rate = 0.1, .momentum = 0.9, .nesterov = true},
      esp::Sgd{.learning_rate = 0.1, .weight_decay = 0.01}};
  for (const esp::Optimizer& optimizer : every) {
    CAPTURE(optimizer.describe());
    const Gpu gpu(1);
    const Index n = 301;
    const auto& kernels = esp::cuda::rule_kernels(optimizer.name(), optimizer.states() == 0);
    Padded<float> p(n, 1, 3), g(n, 1), expected = p.randomize(1), gradient = g.randomize(2);
    std::vector<Padded<float>> states, expected_states;
    std::array<float*, 4> pointers{};
    TestVector<esp::cuda::FormulaBytes> formulas(1);
    esp::cuda::FormulaBytes& formula = formulas[0];
    const TestVector<float> scale{0.5F};
    esp::cuda::RangeUpdate update;
    update.formula = &formula;
    update.scale = scale.data();
    update.parameters = p.data();
    update.gradients = g.data();
    update.count = n;
    for (int s = 0; s < optimizer.states(); ++s) {
      states.emplace_back(n, 1).fill(static_cast<float>(optimizer.initial_state(s)));
      expected_states.push_back(states.back());
    }
    for (std::size_t s = 0; s < states.size(); ++s) {
      update.states[s] = states[s].data();
      pointers[s] = expected_states[s].data();
    }
    esp::cuda::begin_capture(gpu.stream.get());
    kernels.update(gpu.device, update);
    const esp::cuda::GraphPtr graph(esp::cuda::end_capture(gpu.stream.get()));
    for (std::int64_t step = 1; step <= 3; ++step) {
      g.randomize(static_cast<std::uint64_t>(step));
      gradient = g;
      kernels.write(values_of(optimizer), {step, 1.0 / static_cast<double>(step), 1}, formula);
      esp::cuda::launch(graph.get(), gpu.stream.get());
      esp::cuda::synchronize(gpu.stream.get());
      optimizer.update(expected.data(), gradient.data(), pointers.data(), n,
                       {step, 1.0 / static_cast<double>(step), 0.5});
      CHECK(most_apart(p, expected) <= 1e-6);
      for (std::size_t s = 0; s < states.size(); ++s)
        CHECK(most_apart(states[s], expected_states[s]) <= 1e-6);
    }
    CHECK(p.fenced());
  }
}

TEST_CASE("cuda: an optimiser that espalier::cuda does not have is named") {
  CHECK_THROWS_WITH_AS(static_cast<void>(esp::cuda::rule_kernels("lion", false)),
                       "espalier::cuda has no optimiser 'lion'; it has adam, adamw, adagrad, sgd",
                       esp::ConfigError);
}

TEST_CASE("cuda: norm and clipping") {
  const Gpu gpu(1);
  for (const Index n : {1, 33, 5000}) {
    Padded<float> g(n, 1);
    g.randomize(1);
    TestVector<double> norms(1);
    TestVector<float> scales(1);
    double& norm = norms[0];
    float& scale = scales[0];
    add_squared_norm(gpu.device, g.data(), n, &norm);
    const double expected = esp::sum_of_squares(g.data(), n);
    CHECK(norm == doctest::Approx(expected).epsilon(1e-12));
    for (const double most : {0.1, 1e9}) {
      clip_scale(gpu.device, &norm, most, &scale);
      CHECK(scale == static_cast<float>(esp::clip_factor(norm, most)));
    }
    norm = std::numeric_limits<double>::quiet_NaN();
    clip_scale(gpu.device, &norm, 1, &scale);
    CHECK(scale != scale);
  }
}
