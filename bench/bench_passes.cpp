// SPDX-License-Identifier: Apache-2.0
// The gain of each pass: a step or a prediction with and without it, alternating. A step of MGDA,
// which runs the tasks' paths, is in bench_balance.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "machine.hpp"
#include "workloads.hpp"

#include "espalier/exec/executor.hpp"
#include "espalier/exec/inference.hpp"

namespace {

using bench::Index;
namespace esp = espalier;

/// Twenty columns with few values, as in a census, of embedding width 16, and ten numbers.
template <std::size_t... I>
auto census_inputs(std::index_sequence<I...>)
    -> esp::Inputs<esp::NumericVector<"x", 10>,
                   esp::Categorical<bench::FieldName<static_cast<int>(I)>::text, 16>...>;
struct SmallTables : esp::MultiTaskModel<decltype(census_inputs(std::make_index_sequence<20>{})),
                                         esp::SharedBottom<esp::Mlp<256, 128>>,
                                         bench::Clicks<"click">, bench::Clicks<"buy">> {
  static constexpr const char* label = "small_tables";
  static constexpr Index rows = 20;
};

template <class Model>
void train(benchmark::State& state, Index samples, esp::Precision precision,
           std::span<const std::string_view> without) {
  const std::vector<Index> rows = bench::vocabulary_rows<Model>();
  esp::TrainExecutor<float> executor(esp::program_of<Model, float, esp::Cpu>(), rows, samples, 1,
                                     precision.device(), without);
  esp::initialize(executor.plan(), 1, executor.parameters());
  executor.prepare(esp::Adam{}, {});
  const esp::RandomBatch<float> data(executor.plan(), samples, rows, 1);
  const std::vector<double> weights(executor.plan().tasks.size(), 1.0);
  std::int64_t step = 0;
  for (auto _ : state) {
    ++step;
    executor.forward_backward(data.batch(), weights, static_cast<std::uint64_t>(step));
    executor.update({step, 1, 1});
  }
  bench::machine(1);
  state.SetItemsProcessed(state.iterations() * samples);
}

template <class Model>
void infer(benchmark::State& state, Index samples, std::span<const std::string_view> without) {
  const std::vector<Index> rows = bench::vocabulary_rows<Model>();
  constexpr auto program = esp::program_of<Model, float, esp::Cpu>();
  esp::Parameters<float> parameters(program.plan, rows);
  esp::initialize(program.plan, 1, parameters);
  const esp::InferenceExecutor<float> executor(program, parameters, without);
  const esp::RandomBatch<float> data(program.plan, samples, rows, 1);
  auto workspace = executor.make_workspace();
  std::vector<std::vector<float>> values;
  std::vector<float*> out;
  for (const esp::TaskInfo& task : program.plan.tasks)
    values.emplace_back(static_cast<std::size_t>(samples * task.outputs));
  for (auto& v : values) out.push_back(v.data());
  for (auto _ : state) {
    executor.run(data.batch(), workspace, out);
    benchmark::DoNotOptimize(out.data());
  }
  bench::machine(1);
  state.counters["values_per_sample"] = static_cast<double>(executor.values_per_sample());
  state.SetItemsProcessed(state.iterations() * samples);
}

/// Registers `run(state, samples, without)` with the pass and without it.
template <class Run>
void add(std::string_view pass, const char* workload, Index samples, Run run) {
  for (const bool with : {true, false}) {
    const std::string name = "Pass/" + std::string(pass) + "/" + workload +
                             "/batch:" + std::to_string(samples) + "/threads:1/" +
                             (with ? "with" : "without");
    benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
      const std::vector<std::string_view> none =
          with ? std::vector<std::string_view>() : std::vector<std::string_view>{pass};
      run(state, samples, std::span<const std::string_view>(none));
    })->Unit(benchmark::kMicrosecond);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto train_with = []<class Model>(esp::Precision precision) {
    return [precision](benchmark::State& state, Index samples,
                       std::span<const std::string_view> without) {
      train<Model>(state, samples, precision, without);
    };
  };
  for (const Index samples : {64, 1024}) {
    add(esp::ProjectedEmbeddings<float>::name, SmallTables::label, samples,
        train_with.operator()<SmallTables>(esp::Precision::Fp32));
  }
  for (const Index samples : {256, 1024}) {
    add(esp::DeferredWeightGradients<float>::name, bench::MmoeWide::label, samples,
        train_with.operator()<bench::MmoeWide>(esp::Precision::Fp32));
  }
  add(esp::bf16_pass, bench::SharedBottom::label, 1024,
      train_with.operator()<bench::SharedBottom>(esp::Precision::Bf16));
  for (const Index samples : {1, 64}) {
    add(esp::PackedWeights<float>::name, bench::SharedBottom::label, samples,
        &infer<bench::SharedBottom>);
    add(esp::MemoryReuse<float>::name, bench::MmoeWide::label, samples, &infer<bench::MmoeWide>);
  }
  return bench::run(argc, argv);
}
