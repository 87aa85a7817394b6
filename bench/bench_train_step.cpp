// SPDX-License-Identifier: Apache-2.0
// A whole training step as the trainer runs it: forward pass, losses, backward pass, Adam (lazy for
// tables).
#include "machine.hpp"
#include "workloads.hpp"

#include "espalier/exec/executor.hpp"

namespace {

using bench::Index;
namespace esp = espalier;

template <class Model>
void train_step(benchmark::State& state, Index samples, int threads, esp::Precision precision) {
  const auto rows = bench::vocabulary_rows<Model>();
  esp::TrainExecutor<float> executor(esp::program_of<Model, float, esp::Cpu>(), rows, samples,
                                     threads, precision.device());
  esp::initialize(executor.plan(), 1, executor.parameters());
  executor.prepare(esp::Adam{.learning_rate = 1e-3}, {});
  std::vector<double> weights;
  for (const esp::TaskInfo& task : executor.plan().tasks) weights.push_back(task.weight);
  // Batches alternate so that table rows are not in the cache from the previous step.
  const bool tables = !executor.plan().tables.empty();
  std::vector<std::unique_ptr<esp::RandomBatch<float>>> data;
  for (std::uint64_t i = 0; i < (tables ? 8U : 1U); ++i) {
    data.push_back(std::make_unique<esp::RandomBatch<float>>(executor.plan(), samples, rows, i + 1,
                                                             0.0, false, true));
  }
  std::int64_t step = 0;
  const auto learn = [&] {
    const esp::Batch<float>& batch = data[static_cast<std::size_t>(step) % data.size()]->batch();
    ++step;
    const auto losses =
        executor.forward_backward(batch, weights, esp::mix(1, static_cast<std::uint64_t>(step)));
    benchmark::DoNotOptimize(losses.data());
    executor.update({step, 1, 1});
  };
  for (int i = 0; i < 3; ++i) learn();
  const bench::Needs needs = bench::step_needs<Model>(data[0]->batch());
  bench::machine(threads);
  bench::FloorCounter counter(state, needs.flops, needs.bytes, threads, precision);
  for (auto _ : state) learn();
  counter.stop();
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * samples);
}

template <class Model>
void add(std::initializer_list<Index> batches, esp::Precision precision = esp::Precision::Fp32) {
  for (const Index batch : batches) {
    for (const int threads : {1, 2}) {
      benchmark::RegisterBenchmark(
          bench::case_name("TrainStep", Model::label, batch, threads, precision).c_str(),
          [batch, threads, precision](benchmark::State& state) {
            train_step<Model>(state, batch, threads, precision);
          })
          ->Unit(benchmark::kMillisecond);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  add<bench::SharedBottom>({32, 256, 1024, 4096});
  add<bench::Mmoe>({32, 256, 1024, 4096});
  add<bench::MmoeWide>({256, 1024, 4096});
  add<bench::EmbeddingCtr>({1024, 4096});
  add<bench::Transformer>({128, 256});
  add<bench::Gru>({128, 256});
  add<bench::Din>({128, 256});
  add<bench::SharedBottom>({32, 256, 1024, 4096}, esp::Precision::Bf16);
  add<bench::Mmoe>({1024, 4096}, esp::Precision::Bf16);
  add<bench::MmoeWide>({256, 1024, 4096}, esp::Precision::Bf16);
  add<bench::EmbeddingCtr>({1024, 4096}, esp::Precision::Bf16);
  return bench::run(argc, argv);
}
