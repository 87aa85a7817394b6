// SPDX-License-Identifier: Apache-2.0
// A schedule that reads matrices as bf16, compared with float matrices of the same rounded values.
#include "espalier/passes/bf16_weights.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <span>
#include <string_view>
#include <vector>

#include "espalier/exec/executor.hpp"
#include "espalier/optim/optim.hpp"
#include "support/forward.hpp"

using namespace espalier_test;

namespace {

void round(float* values, esp::Index count) {
  for (esp::Index i = 0; i < count; ++i) values[i] = static_cast<float>(esp::BFloat16(values[i]));
}

std::vector<float> gradient(esp::Precision precision, std::span<const std::string_view> without) {
  const auto program = esp::program_of<Broad, float, esp::Cpu>();
  esp::TrainExecutor<float> executor(program, vocabulary_rows, 64, 1, precision.device(), without);
  executor.parameters().copy_from(made_up_parameters<float>(program.plan));
  const esp::RandomBatch<float> data(program.plan, 64, vocabulary_rows, 7);
  executor.clear_gradient();
  const std::vector<double> weights{1, 1};
  executor.forward_backward(data.batch(), weights, 3);
  std::vector<float> made(static_cast<std::size_t>(program.plan.sizes.parameters));
  executor.read_gradient(made);
  return made;
}

}  // namespace

TEST_CASE("bf16: nodes are pointed at matrices and at what is left, value by value") {
  const auto program = esp::program_of<Mixed, float, esp::Cpu>();
  const auto parameters = made_up_parameters<float>(program.plan);
  const esp::Bf16Parameters bf16(program.plan, program.traits, parameters);
  auto schedule = esp::forward_schedule(program, false);
  esp::Bf16Weights<float> pass;
  pass.apply(schedule, program.traits, bf16.layout);
  CHECK(note_of(schedule.notes, "bf16").fired);
  int matrices = 0, others = 0;
  for (std::size_t i = 0; i < schedule.steps.size(); ++i) {
    const esp::Node &before = program.plan.nodes[i], &after = *schedule.steps[i].node;
    for (std::size_t p = 0; p < before.parameters.size(); ++p) {
      const esp::Extent &from = before.parameters[p], &to = after.parameters[p];
      if (!from.exists()) continue;
      (esp::is_matrix(program.traits[i], before, p) ? matrices : others) += 1;
      for (esp::Index v = 0; v < from.size; ++v) {
        const float value = parameters.dense[static_cast<std::size_t>(from.offset + v)];
        const auto at = static_cast<std::size_t>(to.offset + v);
        const float there = esp::is_matrix(program.traits[i], before, p)
                                ? static_cast<float>(bf16.matrices[at])
                                : bf16.rest[at];
        REQUIRE(there == (esp::is_matrix(program.traits[i], before, p)
                              ? static_cast<float>(esp::BFloat16(value))
                              : value));
      }
    }
  }
  CHECK(matrices > 5);
  CHECK(others > 5);
}

TEST_CASE("bf16: as parameters that are rounded beforehand") {
  const auto program = esp::program_of<Broad, float, esp::Cpu>();
  auto parameters = made_up_parameters<float>(program.plan);
  for (const esp::WeightMatrix& m : esp::weight_matrices(program.plan.nodes, program.traits))
    round(parameters.dense.data() + m.offset, m.rows * m.columns);
  for (auto& table : parameters.tables) round(table.data(), static_cast<esp::Index>(table.size()));
  const esp::Bf16Parameters bf16(program.plan, program.traits, parameters);
  const esp::InferenceExecutor<float> halves(program, bf16, esp::Precision::Bf16),
      whole(program, parameters);
  // Products round the activations, too.
  for (const esp::Index samples : {1, 64})
    CHECK(difference(predictions(halves, samples), predictions(whole, samples)) < 0.02);
}

TEST_CASE("bf16: in training, left out by name") {
  const std::vector<std::string_view> none{"bf16"};
  const auto plain = gradient(esp::Precision::Fp32, {}),
             left_out = gradient(esp::Precision::Bf16, none),
             bf16 = gradient(esp::Precision::Bf16, {});
  CHECK(same_bits(plain, left_out));
  CHECK_FALSE(same_bits(plain, bf16));
  double dot = 0, a = 0, b = 0;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    dot += static_cast<double>(plain[i]) * static_cast<double>(bf16[i]);
    a += static_cast<double>(plain[i]) * static_cast<double>(plain[i]);
    b += static_cast<double>(bf16[i]) * static_cast<double>(bf16[i]);
  }
  CHECK(dot / std::sqrt(a * b) > 0.999);
}

TEST_CASE("bf16: cannot be left out where the parameters are kept so") {
  const auto program = esp::program_of<Broad, float, esp::Cpu>();
  const esp::Bf16Parameters bf16(program.plan, program.traits,
                                 made_up_parameters<float>(program.plan));
  const std::vector<std::string_view> none{"bf16"};
  CHECK_THROWS_WITH_AS(esp::InferenceExecutor<float>(program, bf16, esp::Precision::Bf16, none),
                       "without is 'bf16', expected a pass: memory_reuse", esp::ConfigError);
}
