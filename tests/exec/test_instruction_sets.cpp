// SPDX-License-Identifier: Apache-2.0
// Training steps with each instruction set: equal up to rounding, and bitwise equal for any number
// of threads. Also the choice of the instruction set.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "espalier/core/error.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/exec/check_gradients.hpp"
#include "espalier/optim/optim.hpp"
#include "support/instruction_sets.hpp"

namespace esp = espalier;
using espalier_test::with_each_instruction_set;

namespace {

using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<8>>;
using Watch = esp::Task<"watch", esp::MeanSquaredError, esp::Weight{0.5}, esp::Tower<8>>;
using Inputs = esp::Inputs<esp::NumericVector<"x", 61>, esp::Categorical<"user", 5>>;
struct Experts : esp::MultiTaskModel<Inputs, esp::Mmoe<3, esp::Mlp<47, 16>>, Click, Watch> {};

struct Steps {
  std::vector<float> gradient;    ///< of the first step
  std::vector<float> parameters;  ///< after five steps
  double loss = 0;                ///< of the last step
};

Steps five_steps(int threads) {
  const std::vector<esp::Index> rows{40};
  const esp::RandomBatch<float> data(esp::plan_of<Experts>(), 203, rows, 5, 0.1, true);
  esp::TrainExecutor<float> executor(esp::program_of<Experts, float, esp::Cpu>(), rows, 203,
                                     threads);
  esp::initialize(executor.plan(), 3, executor.parameters());
  executor.prepare(esp::Sgd{.learning_rate = 0.1, .momentum = 0.9}, {});
  const std::vector<double> weights{1.0, 0.5};
  Steps result;
  for (int step = 1; step <= 5; ++step) {
    const auto losses = executor.forward_backward(data.batch(), weights, 1);
    result.loss = losses[0] + losses[1];
    if (step == 1) {
      result.gradient.resize(static_cast<std::size_t>(executor.plan().sizes.parameters));
      executor.read_gradient(result.gradient);
    }
    executor.update({step, 1, 1});
  }
  const auto& dense = executor.parameters().dense;
  result.parameters.assign(dense.data(), dense.data() + dense.size());
  return result;
}

/// max |a − b| / max |a|
double difference(const std::vector<float>& a, const std::vector<float>& b) {
  double most = 0, largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    most = (std::max)(most, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
    largest = (std::max)(largest, std::abs(static_cast<double>(a[i])));
  }
  return most / largest;
}

}  // namespace

TEST_CASE(
    "instruction sets: a training step is the same but for rounding, by any number of threads") {
  Steps first;
  with_each_instruction_set([&](esp::InstructionSet set) {
    const Steps one = five_steps(1), two = five_steps(2);
    CHECK(one.gradient == two.gradient);
    CHECK(one.parameters == two.parameters);
    CHECK(one.loss == two.loss);
    if (set == esp::InstructionSet::compiled) {
      first = one;
      return;
    }
    CHECK(difference(first.gradient, one.gradient) < 1e-5);
    CHECK(difference(first.parameters, one.parameters) < 1e-4);
    CHECK(one.loss == doctest::Approx(first.loss).epsilon(1e-4));
  });
}

TEST_CASE("instruction sets: each has code of its own") {
  std::vector<float> w, x;
  for (int i = 0; i < 1000; ++i) {
    w.push_back(std::sin(static_cast<float>(i)));
    x.push_back(std::cos(static_cast<float>(3 * i)) + 0.5F);
  }
  std::vector<float> found;  // wider registers sum in a different order
  with_each_instruction_set([&](esp::InstructionSet) {
    float y = 0;
    dense_forward<float>(esp::Cpu{}, w.data(), nullptr, {x.data(), 1000, 1, 1000},
                         esp::Activation::identity, {}, {&y, 1, 1, 1});
    CHECK(std::find(found.begin(), found.end(), y) == found.end());
    found.push_back(y);
  });
}

TEST_CASE("instruction sets: the most that the processor has, or less by the environment") {
  const esp::InstructionSet most = esp::detail::find_instruction_set(nullptr);
  CHECK(esp::has_instruction_set(most));
  CHECK((most == esp::InstructionSet::avx512 ||
         !esp::has_instruction_set(esp::InstructionSet::avx512)));
  CHECK(esp::detail::find_instruction_set("") == most);
  CHECK(esp::detail::find_instruction_set("avx512") == most);
  CHECK(esp::detail::find_instruction_set("compiled") == esp::InstructionSet::compiled);
  CHECK(esp::detail::find_instruction_set("avx2") == (std::min)(most, esp::InstructionSet::avx2));
  CHECK_THROWS_WITH_AS(
      static_cast<void>(esp::detail::find_instruction_set("AVX2")),
      "environment variable ESPALIER_INSTRUCTION_SET is 'AVX2'; expected compiled, avx2 or avx512",
      esp::ConfigError);
}

TEST_CASE("instruction sets: one that the processor lacks is refused") {
  if (esp::has_instruction_set(esp::InstructionSet::avx512)) return;
  CHECK_THROWS_WITH_AS(esp::use_instruction_set(esp::InstructionSet::avx512),
                       "instruction set: the processor has no AVX-512", esp::ConfigError);
}
