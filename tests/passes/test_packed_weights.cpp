// SPDX-License-Identifier: Apache-2.0
// Products of a single sample with packed weights, compared with row-major weights.
#include "espalier/passes/packed_weights.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "support/forward.hpp"

using namespace espalier_test;

namespace {

const std::vector<std::string_view> without{"packed_weights"};

template <class T>
void check_near(double most) {
  const auto program = esp::program_of<Broad, T, esp::Cpu>();
  const auto parameters = made_up_parameters<T>(program.plan);
  const esp::InferenceExecutor<T> packed(program, parameters), plain(program, parameters, without);
  CHECK(packed.packed_bytes() == parameters.dense.size() * sizeof(T));
  CHECK(plain.packed_bytes() == 0);
  CHECK(difference(predictions(packed, 1), predictions(plain, 1)) < most);
  // With more samples, products read the matrices as stored.
  CHECK(predictions(packed, 64) == predictions(plain, 64));
}

}  // namespace

TEST_CASE("packed weights: what one sample is told, in float and double") {
  check_near<float>(2e-6);
  check_near<double>(1e-14);
}

TEST_CASE("packed weights: read where a product reads them, and nowhere else") {
  const auto program = esp::program_of<Broad, float, esp::Cpu>();
  auto parameters = made_up_parameters<float>(program.plan);
  const esp::InferenceExecutor<float> packed(program, parameters),
      plain(program, parameters, without);
  const auto before = predictions(packed, 1);
  // The panels are copies: changes of the parameters that they cover have no effect.
  const auto dense =
      std::find_if(program.plan.nodes.begin(), program.plan.nodes.end(),
                   [](const esp::Node& n) { return n.op == esp::op_id<esp::ops::Dense>; });
  REQUIRE(dense != program.plan.nodes.end());
  const esp::Extent matrix = dense->parameters[0];
  const esp::Index panel_values = 48 * dense->in.rows;  // the values of the first panel
  std::fill_n(parameters.dense.data() + matrix.offset, panel_values, 0.0F);
  CHECK(same_bits(predictions(packed, 1), before));
  CHECK(difference(predictions(plain, 1), before) > 1e-4);
}

TEST_CASE("packed weights: a layer that two nodes see in different shapes is read as it lies") {
  // As if the same values were two layers of 20 × 40 and one of 40 × 40.
  auto program = esp::program_of<Broad, float, esp::Cpu>();
  const auto parameters = made_up_parameters<float>(program.plan);
  std::vector<esp::Node> nodes(program.plan.nodes.begin(), program.plan.nodes.end());
  const auto dense = std::find_if(nodes.begin(), nodes.end(), [](const esp::Node& n) {
    return n.op == esp::op_id<esp::ops::Dense>;
  });
  REQUIRE(dense != nodes.end());
  const auto place = static_cast<std::size_t>(dense - nodes.begin());
  esp::Node half = *dense;
  half.out.rows /= 2;
  nodes.push_back(half);
  program.plan.nodes = nodes;
  std::vector<esp::OperationTraits> traits(program.traits.begin(), program.traits.end());
  traits.push_back(traits[place]);
  const esp::PackedWeights<float> pass(program.plan, traits, parameters.dense.data(),
                                       parameters.dense.size());
  CHECK(pass.bytes() == 0);
  esp::ExecutionSchedule<float> schedule;
  esp::Storage<float, esp::Cpu> storage;
  pass.apply(schedule, storage);
  CHECK(storage.packed_weights == nullptr);
  const esp::PassNote note = note_of(schedule.notes, "packed_weights");
  CHECK_FALSE(note.fired);
  CHECK(note.why == "two layers use the same values as matrices of different shapes");
}

TEST_CASE("packed weights: a pass that there is not") {
  const auto program = esp::program_of<Broad, float, esp::Cpu>();
  const auto parameters = made_up_parameters<float>(program.plan);
  const std::vector<std::string_view> wrong{"packed_weight"};
  CHECK_THROWS_WITH_AS(esp::InferenceExecutor<float>(program, parameters, wrong),
                       "without is 'packed_weight', expected a pass: packed_weights, memory_reuse",
                       esp::ConfigError);
}
