// SPDX-License-Identifier: Apache-2.0
// CudaTaskGradients, on the emulator, against the CPU's TaskGradientPass.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "cuda/recording.hpp"
#include "espalier/balance/balance.hpp"
#include "espalier/describe/sharing/all.hpp"
#include "espalier/exec/cuda/task_gradients.hpp"
#include "espalier/exec/random_batch.hpp"
#include "espalier/exec/task_gradients.hpp"
#include "espalier/optim/optim.hpp"
#include "support/click_and_watch.hpp"
#include "support/parameter_values.hpp"

namespace esp = espalier;
using esp::Index;

namespace {

using espalier_test::click_and_watch::Click;
using espalier_test::click_and_watch::Watch;
using Buy = esp::Task<"buy", esp::BinaryCrossEntropy, esp::Weight{0.7}, esp::Tower<8>>;
using Fields = esp::Inputs<esp::Numeric<"age">, esp::Categorical<"user", 2>, esp::Numeric<"hour">,
                           esp::MultiCategorical<"tags", 3>>;
using Act = esp::Layers<esp::Dense<5, esp::Activation::tanh>>;
using Next = esp::Layers<esp::Dense<4, esp::Activation::silu>, esp::LayerNorm>;
template <class Sharing>
struct Model : esp::MultiTaskModel<Fields, Sharing, Click, Buy, Watch> {};

}  // namespace

TEST_CASE_TEMPLATE("cuda: products and weighted sums of the tasks' gradients are the CPU's",
                   Sharing, esp::SharedBottom<Act>, esp::SingleTask<Act>, esp::Mmoe<3, Act>,
                   esp::Ple<2, 1, Act, Next>, esp::CrossStitch<Act, Next>) {
  const std::vector<Index> rows{40, 30};
  const std::vector<double> weights{1, 0.7, 0.5};
  esp::TrainExecutor<float> cpu(esp::program_of<Model<Sharing>, float, esp::Cpu>(), rows, 20, 1);
  esp::CudaTrainExecutor gpu(esp::program_of<Model<Sharing>, float, esp::Cuda>(), rows, 20);
  esp::initialize(cpu.plan(), 1, cpu.parameters());
  gpu.set_parameters(cpu.parameters());
  const esp::Optimizer optimizer = esp::Sgd{.learning_rate = 0.5};
  const std::vector<std::string> frozen{"*embedding/user"};
  cpu.prepare(optimizer, frozen);
  gpu.prepare(optimizer, frozen);
  esp::GradientAggregator balance(esp::Mgda{});
  balance.reset(3);
  esp::TaskGradientPass<float> on_cpu(cpu, esp::BalanceOn::parameters);
  esp::CudaTaskGradients on_gpu(gpu, esp::BalanceOn::parameters, balance);
  for (std::int64_t step = 1; step <= 3; ++step) {
    const esp::RandomBatch<float> batch(cpu.plan(), step == 2 ? 7 : 20, rows,
                                        static_cast<std::uint64_t>(step), step == 3 ? 1.0 : 0.2);
    const auto key = static_cast<std::uint64_t>(step);
    on_cpu.forward_backward(batch.batch(), weights, key, balance);
    const double norm = cpu.update({step, 1, 1}, 0.7);
    on_gpu.step(batch.batch(), weights, key, balance, {step, 1, 1}, 0.7);
    gpu.losses();
    const auto expected = on_cpu.gramian(), got = on_gpu.gramian();
    double most = 0;
    for (const double product : expected)
      most = (std::max)(most, std::isnan(product) ? 0 : std::abs(product));
    for (std::size_t i = 0; i < expected.size(); ++i) {
      CAPTURE(i);
      CHECK(std::isnan(got[i]) == std::isnan(expected[i]));
      if (!std::isnan(expected[i])) CHECK(std::abs(got[i] - expected[i]) <= 1e-5 * most);
    }
    for (std::size_t k = 0; k < 3; ++k)
      CHECK(on_gpu.weights()[k] == doctest::Approx(on_cpu.weights()[k]).epsilon(1e-3));
    CHECK(gpu.norm() == doctest::Approx(norm).epsilon(1e-4));
  }
  esp::Parameters<float> got(cpu.plan(), rows);
  gpu.get_parameters(got);
  CHECK(espalier_test::most_apart(espalier_test::values_of(got),
                                  espalier_test::values_of(cpu.parameters())) <= 1e-4);
}

TEST_CASE("cuda: a step of a gradient method is two graphs and one wait") {
  using Bottom = Model<esp::SharedBottom<Act>>;
  const std::vector<Index> rows{40, 30};
  const std::vector<double> weights{1, 0.7, 0.5};
  esp::CudaTrainExecutor gpu(esp::program_of<Bottom, float, esp::Cuda>(), rows, 20);
  esp::GradientAggregator balance(esp::Mgda{});
  balance.reset(3);
  gpu.prepare(esp::Adam{}, {});
  esp::CudaTaskGradients pass(gpu, esp::BalanceOn::parameters, balance);
  const esp::RandomBatch<float> batch(gpu.plan(), 20, rows, 1);
  pass.step(batch.batch(), weights, 1, balance, {1, 1, 1}, 0);
  const esp::cuda::Recording before = esp::cuda::recording();
  for (std::int64_t step = 2; step < 5; ++step)
    pass.step(batch.batch(), weights, 1, balance, {step, 1, 1}, 0);
  const esp::cuda::Recording& after = esp::cuda::recording();
  if (!esp::cuda::emulated()) return;
  CHECK(after.graphs - before.graphs == 3 * 2);
  CHECK(after.waits - before.waits == 3);
}
