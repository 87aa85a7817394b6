// SPDX-License-Identifier: Apache-2.0
// A training step with each balancing method and three tasks, and its overhead over Equal.
#include <algorithm>
#include <memory>

#include "machine.hpp"
#include "workloads.hpp"

#include "espalier/exec/executor.hpp"
#include "espalier/exec/make_balance.hpp"
#include "espalier/exec/task_gradients.hpp"

namespace {

using bench::Index;
namespace esp = espalier;

/// 256 dense inputs → 4 experts 256 → 128, three towers 64 → 1.
struct Experts : esp::MultiTaskModel<esp::Inputs<esp::NumericVector<"x", 256>>,
                                     esp::Mmoe<4, esp::Mlp<256, 128>>, bench::Clicks<"click">,
                                     bench::Clicks<"buy">, bench::Clicks<"like">> {
  static constexpr const char* label = "experts";
  static constexpr Index rows = 0;
};

template <esp::FixedString Name>
using Deep = esp::Task<Name, esp::BinaryCrossEntropy, esp::Tower<512, 256>>;

/// A small shared part with a normalization, and wide towers: balancing should not touch the
/// towers.
struct WideTowers
    : esp::MultiTaskModel<esp::Inputs<esp::NumericVector<"x", 128>>,
                          esp::SharedBottom<esp::Layers<esp::Dense<64>, esp::LayerNorm>>,
                          Deep<"click">, Deep<"buy">, Deep<"like">, Deep<"share">> {
  static constexpr const char* label = "wide_towers";
  static constexpr Index rows = 0;
};

template <class Model>
void step(benchmark::State& state, const esp::NamedBalance& method, esp::BalanceOn on, int threads,
          Index samples = 1024) {
  const auto rows = bench::vocabulary_rows<Model>();
  esp::TrainExecutor<float> executor(esp::program_of<Model, float, esp::Cpu>(), rows, samples,
                                     threads);
  esp::initialize(executor.plan(), 1, executor.parameters());
  executor.prepare(esp::Adam{.learning_rate = 1e-3}, {});
  const esp::RandomBatch<float> data(executor.plan(), samples, rows, 1);
  esp::BalanceOption option = method.make();
  esp::LossWeighting balance = option;
  balance.reset(executor.plan().tasks.size());
  std::unique_ptr<esp::AggregatorFactory::Pass> pass;
  if (option.aggregator_factory() != nullptr)
    pass = option.aggregator_factory()->make(executor, on, *balance.gradients());
  std::vector<double> weights(executor.plan().tasks.size(), 1.0);
  const auto weigh = [](void* context, std::span<const double> losses, std::span<double> out) {
    static_cast<esp::LossWeighting*>(context)->weights(losses, out);
  };
  std::int64_t number = 0;
  const auto learn = [&] {
    const std::uint64_t key = esp::mix(1, static_cast<std::uint64_t>(++number));
    const bool current = balance.needs_current_losses();
    if (!current) balance.weights({}, weights);
    const esp::UpdateStep update{number, 1, 1};
    std::span<const double> losses;
    if (pass) {
      losses = pass->step(data.batch(), weights, key, *balance.gradients(), update, 0);
    } else {
      losses = executor.forward_backward(data.batch(), weights, key, current ? +weigh : nullptr,
                                         &balance);
      executor.update(update);
    }
    balance.observe(losses);
  };
  for (int i = 0; i < 3; ++i) learn();
  for (auto _ : state) learn();
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * samples);
}

template <class Model>
void add(int threads) {
  for (const esp::NamedBalance& method : esp::named_balances()) {
    for (const esp::BalanceOn on : {esp::BalanceOn::parameters, esp::BalanceOn::representation}) {
      const bool gradients = method.make().aggregator_factory() != nullptr;
      if (!gradients && on == esp::BalanceOn::representation) continue;
      const std::string name = "Balance/" + std::string(method.name) +
                               (on == esp::BalanceOn::representation ? "_on_representation" : "") +
                               "/" + Model::label + "/tasks:3/threads:" + std::to_string(threads);
      benchmark::RegisterBenchmark(name.c_str(), [&method, on, threads](benchmark::State& state) {
        step<Model>(state, method, on, threads);
      })->Unit(benchmark::kMillisecond);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::RegisterBenchmark("Balance/mgda/wide_towers/tasks:4/batch:256/threads:1",
                               [](benchmark::State& state) {
                                 const auto mgda = std::find_if(
                                     esp::named_balances().begin(), esp::named_balances().end(),
                                     [](const esp::NamedBalance& b) { return b.name == "mgda"; });
                                 step<WideTowers>(state, *mgda, esp::BalanceOn::parameters, 1, 256);
                               })
      ->Unit(benchmark::kMillisecond);
  for (const int threads : {1, 2}) {
    add<bench::SharedBottom>(threads);
    add<Experts>(threads);
  }
  return bench::run(argc, argv);
}
