// SPDX-License-Identifier: Apache-2.0
// Inference with bfloat16 parameters, converted from float files: predictions close to float's.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "espalier/deploy/predictor.hpp"
#include "espalier/exec/random_batch.hpp"
#include "support/allocations.hpp"
#include "support/made_up.hpp"
#include "support/temporary_folder.hpp"
#include "support/worst.hpp"

using namespace espalier_test;

namespace {

using Wide = esp::Layers<esp::Dense<48, esp::Activation::silu>,
                         esp::Residual<esp::LayerNorm, esp::Dense<40>, esp::Dense<48>>,
                         esp::BatchNorm, esp::Dense<24>>;
using WideInputs = esp::Inputs<esp::NumericVector<"v", 21>, esp::Categorical<"user", 16>,
                               esp::MultiCategorical<"tags", 8>>;
struct WideExperts : esp::MultiTaskModel<WideInputs, esp::Mmoe<3, Wide>, Click, Watch> {};
struct OneLayer : esp::MultiTaskModel<WideInputs, esp::SharedBottom<esp::Layers<>>, Click, Watch> {
};

const std::vector<esp::Index> rows{300, 50};

template <class Model>
struct Both {
  esp::Program<float, esp::Cpu> program = esp::program_of<Model, float, esp::Cpu>();
  esp::Parameters<float> parameters{program.plan, rows};
  esp::Bf16Parameters bf16;

  Both() {
    esp::initialize(program.plan, 3, parameters);
    esp::Random random(4);
    for (const esp::ParameterInfo& t :
         program.plan.tensors) {  // changes what is not a matrix: biases, batch normalization
      if (t.columns > 0) continue;
      for (esp::Index i = t.offset; i < t.offset + t.size(); ++i) {
        parameters.dense[static_cast<std::size_t>(i)] += static_cast<float>(0.2 * random.uniform());
      }
    }
    for (esp::Buffer<float>& table : parameters.tables) {
      for (float& v : table) v = static_cast<float>(random.normal());
    }
    bf16 = esp::Bf16Parameters(program.plan, program.traits, parameters);
  }
};

std::vector<std::vector<float>> answers(const esp::InferenceExecutor<float>& executor,
                                        const esp::Batch<float>& batch) {
  auto workspace = executor.make_workspace();
  workspace.values.fill(std::numeric_limits<float>::quiet_NaN());
  std::vector<std::vector<float>> values(2,
                                         std::vector<float>(static_cast<std::size_t>(batch.size)));
  std::vector<float*> out{values[0].data(), values[1].data()};
  executor.run(batch, workspace, out);
  const long before = allocations();
  executor.run(batch, workspace, out);
  CHECK(allocations() == before);
  return values;
}

template <class Model>
void check_near() {
  const Both<Model> both;
  const esp::InferenceExecutor<float> plain(both.program, both.parameters),
      bf16(both.program, both.bf16, esp::Precision::Bf16);
  for (const esp::Index samples : {1, 2, 5, 64, 150}) {
    CAPTURE(samples);
    const esp::RandomBatch<float> data(both.program.plan, samples, rows, 5);
    const auto a = answers(plain, data.batch()), b = answers(bf16, data.batch());
    for (std::size_t k = 0; k < 2; ++k) {
      double worst = 0;
      for (std::size_t j = 0; j < a[k].size(); ++j) {
        const double x = static_cast<double>(a[k][j]), y = static_cast<double>(b[k][j]);
        const double error = std::abs(x - y) / (1 + std::abs(x));
        espalier_test::keep_worst(worst, error);
      }
      CHECK(worst < 0.03);
      CHECK(worst > 0);
    }
  }
}

/// Checks the memory: two bytes per value of a matrix or table, four per other value.
template <class Model>
void check_bytes() {
  const Both<Model> both;
  std::size_t bf16 = 0, padding = 64, all = both.parameters.dense.size();
  for (const esp::ParameterInfo& t : both.program.plan.tensors) {
    if (t.columns == 0) continue;
    bf16 += static_cast<std::size_t>(t.size());
    padding += 64;
  }
  for (const esp::Buffer<float>& table : both.parameters.tables) {
    bf16 += table.size();
    all += table.size();
  }
  CHECK(both.bf16.bytes() <= 2 * bf16 + 4 * (all - bf16) + padding);
  CHECK(both.bf16.bytes() < 0.53 * 4 * static_cast<double>(all));
}

}  // namespace

TEST_CASE("bf16 parameters: answers near those in float, alone and together, without allocating") {
  check_near<WideExperts>();
  check_near<OneLayer>();
}

TEST_CASE("bf16 parameters: half the bytes, but for biases and the like") {
  check_bytes<WideExperts>();
  check_bytes<OneLayer>();
}

TEST_CASE("bf16 parameters: refused where they cannot be read") {
  const Both<OneLayer> both;
  CHECK(message_of([&] {
          esp::InferenceExecutor<float>(both.program, both.bf16, esp::Precision::Fp32);
        }) == "bf16 parameters are read in Precision::Bf16, not in fp32");
}

TEST_CASE("bf16 parameters: a predictor reads the same file") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  const std::string path = folder / "model.safetensors";
  esp::Trainer<Experts> trainer(quick_options());
  trainer.fit(made_up(400, 1));
  trainer.save(path);
  const esp::Predictor<Experts> plain(path), bf16(path, esp::Precision::Bf16);
  CHECK(bf16.parameter_bytes() < plain.parameter_bytes());
  CHECK(bf16.parameters().dense.empty());
  const esp::Dataset data = made_up(200, 3);
  const esp::Predictions a = plain.predict(data), b = bf16.predict(data);
  double worst = 0;
  for (std::size_t j = 0; j < 200; ++j)
    espalier_test::keep_worst(worst,
                              std::abs(static_cast<double>(a.of("click")[j] - b.of("click")[j])));
  CHECK(worst < 0.02);
  CHECK(worst > 0);
  const std::vector<float> one = bf16.predict_row({{"x", 0.5}, {"user", "u3"}});
  const std::vector<float> expected = plain.predict_row({{"x", 0.5}, {"user", "u3"}});
  CHECK(one[0] == doctest::Approx(static_cast<double>(expected[0])).epsilon(0.02));
}
