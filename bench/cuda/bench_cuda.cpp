// SPDX-License-Identifier: Apache-2.0
// Training steps on a GPU: TrainStep/<workload>/batch:<B>/gpu. An iteration is 20 steps, after
// which the host reads the losses; the batches lie in host memory, as the prefetch thread leaves
// them.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "workloads.hpp"

#include "espalier/exec/cuda/train_executor.hpp"

namespace {

namespace esp = espalier;
using bench::Index;

constexpr std::int64_t steps_at_once = 20;

template <class Model>
void train_step(benchmark::State& state, Index samples) {
  const auto rows = bench::vocabulary_rows<Model>();
  const auto program = esp::program_of<Model, float, esp::Cuda>();
  esp::CudaTrainExecutor executor(program, rows, samples);
  esp::Parameters<float> parameters(program.plan, rows);
  esp::initialize(program.plan, 1, parameters);
  executor.set_parameters(parameters);
  executor.prepare(esp::Adam{.learning_rate = 1e-3}, {});
  std::vector<double> weights;
  for (const esp::TaskInfo& task : program.plan.tasks) weights.push_back(task.weight);
  std::vector<std::unique_ptr<esp::RandomBatch<float>>> data;
  for (std::uint64_t i = 1; i <= 4; ++i)
    data.push_back(std::make_unique<esp::RandomBatch<float>>(program.plan, samples, rows, i));
  std::int64_t step = 0;
  const auto learn = [&] {
    for (std::int64_t i = 0; i < steps_at_once; ++i) {
      ++step;
      const auto& batch = data[static_cast<std::size_t>(step) % data.size()]->batch();
      executor.step(batch, weights, static_cast<std::uint64_t>(step), {step, 1, 1});
    }
    benchmark::DoNotOptimize(executor.losses().data());
  };
  learn();
  for (auto _ : state) learn();
  const double count = static_cast<double>(state.iterations() * steps_at_once);
  state.SetItemsProcessed(state.iterations() * steps_at_once * samples);
  state.counters["step_us"] =
      benchmark::Counter(count * 1e-6, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["graph_nodes"] = static_cast<double>(executor.graph_nodes(samples));
}

template <class Model>
void add(const std::vector<Index>& batches) {
  for (const Index batch : batches) {
    const std::string name =
        std::string("TrainStep/") + Model::label + "/batch:" + std::to_string(batch) + "/gpu";
    benchmark::RegisterBenchmark(
        name.c_str(), [batch](benchmark::State& state) { train_step<Model>(state, batch); })
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    add<bench::SharedBottom>({32, 256, 1024, 4096, 16384, 65536});
    add<bench::Mmoe>({32, 256, 1024, 4096, 16384, 65536});
    add<bench::MmoeWide>({256, 1024, 16384, 65536});
    add<bench::EmbeddingCtr>({1024, 4096, 16384, 65536});
    esp::cuda::require_gpu();
    benchmark::AddCustomContext("gpu", esp::cuda::gpu_name());
    benchmark::RunSpecifiedBenchmarks();
  } catch (const esp::Error& error) {
    std::fprintf(stderr, "bench_cuda: %s\n", error.what());
    return 77;
  }
}
