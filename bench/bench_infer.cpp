// SPDX-License-Identifier: Apache-2.0
// Inference: the latency of one sample, the throughput of 1024 samples.
#include "machine.hpp"
#include "workloads.hpp"

#include "espalier/exec/inference.hpp"

namespace {

using bench::Index;
namespace esp = espalier;

/// Parameters, and batches that alternate.
template <class Model>
struct Setting {
  std::vector<Index> rows = bench::vocabulary_rows<Model>();
  esp::Parameters<float> parameters{esp::plan_of<Model>(), rows};
  std::vector<std::unique_ptr<esp::RandomBatch<float>>> data;

  explicit Setting(Index samples) {
    esp::initialize(esp::plan_of<Model>(), 1, parameters);
    for (std::uint64_t i = 0; i < 64; ++i) {
      data.push_back(
          std::make_unique<esp::RandomBatch<float>>(esp::plan_of<Model>(), samples, rows, i + 1));
      if (samples > 1 && i == 7) break;
    }
  }
};

template <class Model>
void infer(benchmark::State& state, Index samples, int threads, esp::Precision precision) {
  const Setting<Model> setting(samples);
  constexpr auto program = esp::program_of<Model, float, esp::Cpu>();
  const esp::Bf16Parameters bf16 =
      precision.reduced() ? esp::Bf16Parameters(program.plan, program.traits, setting.parameters)
                          : esp::Bf16Parameters();
  const esp::InferenceExecutor<float> executor =
      precision.reduced() ? esp::InferenceExecutor<float>(program, bf16, precision)
                          : esp::InferenceExecutor<float>(program, setting.parameters);
  // The samples of a batch are split among the threads; each thread has its own workspace.
  esp::ThreadPool pool(threads);
  std::vector<esp::InferenceExecutor<float>::Workspace> workspaces;
  for (int i = 0; i < threads; ++i) workspaces.push_back(executor.make_workspace());
  std::vector<std::vector<float>> values;
  std::vector<float*> out;
  for (const esp::TaskInfo& task : executor.plan().tasks) {
    values.emplace_back(static_cast<std::size_t>(samples * task.outputs));
  }
  for (std::vector<float>& v : values) out.push_back(v.data());
  std::size_t next = 0;
  const auto predict = [&] {
    const esp::Batch<float>& batch = setting.data[next++ % setting.data.size()]->batch();
    if (threads == 1) {
      executor.run(batch, workspaces[0], out);
      return;
    }
    pool.run(threads, [&](Index piece, int worker) {
      const Index first = piece * samples / threads, last = (piece + 1) * samples / threads;
      esp::Batch<float> part = batch;
      part.size = last - first;
      part.numeric.data += first * part.numeric.stride;
      part.numeric.cols = part.size;
      std::array<esp::IdColumn, 64> ids;
      for (std::size_t i = 0; i < batch.ids.size(); ++i)
        ids[i] = {batch.ids[i].ids + first, nullptr};
      part.ids = {ids.data(), batch.ids.size()};
      std::array<float*, 8> to{};
      for (std::size_t k = 0; k < out.size(); ++k)
        to[k] = out[k] + first * executor.plan().tasks[k].outputs;
      executor.run(part, workspaces[static_cast<std::size_t>(worker)],
                   std::span<float* const>(to.data(), out.size()));
    });
  };
  for (int i = 0; i < 3; ++i) predict();
  const bench::Needs needs = bench::inference_needs<Model>(setting.data[0]->batch(), precision);
  bench::machine(threads);
  bench::Latencies latencies;
  bench::FloorCounter counter(state, needs.flops, needs.bytes, threads, precision);
  if (samples == 1) {
    for (auto _ : state) latencies.time(predict);
  } else {
    for (auto _ : state) predict();
  }
  counter.stop();
  if (samples == 1) latencies.report(state);
  benchmark::DoNotOptimize(out.data());
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * samples);
}

template <class Model>
void add(esp::Precision precision = esp::Precision::Fp32) {
  for (const auto& [batch, threads] : {std::pair<Index, int>{1, 1}, {1024, 1}, {1024, 2}}) {
    const Index samples = batch;
    const int count = threads;
    benchmark::RegisterBenchmark(
        bench::case_name("Infer", Model::label, batch, threads, precision).c_str(),
        [samples, count, precision](benchmark::State& state) {
          infer<Model>(state, samples, count, precision);
        })
        ->Unit(benchmark::kMicrosecond);
  }
}

}  // namespace

int main(int argc, char** argv) {
  add<bench::SharedBottom>();
  add<bench::Mmoe>();
  add<bench::MmoeWide>();
  add<bench::EmbeddingCtr>();
  add<bench::SharedBottom>(esp::Precision::Bf16);
  add<bench::Mmoe>(esp::Precision::Bf16);
  add<bench::MmoeWide>(esp::Precision::Bf16);
  add<bench::EmbeddingCtr>(esp::Precision::Bf16);
  return bench::run(argc, argv);
}
