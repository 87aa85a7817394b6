// SPDX-License-Identifier: Apache-2.0
// The program that instructions.py measures: count_me <case> <times> or count_me --list
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "espalier/describe/model.hpp"
#include "espalier/describe/sharing.hpp"
#include "espalier/exec/executor.hpp"
#include "espalier/exec/inference.hpp"
#include "espalier/exec/random_batch.hpp"
#include "espalier/losses/losses.hpp"
#include "espalier/optim/optim.hpp"

namespace {

namespace esp = espalier;
using esp::Index;

template <esp::FixedString Name, int Units>
using Click = esp::Task<Name, esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<Units>>;

struct Bottom : esp::MultiTaskModel<
                    esp::Inputs<esp::NumericVector<"x", 256>>,
                    esp::SharedBottom<esp::Mlp<512, 256>>, Click<"click", 64>, Click<"buy", 64>,
                    esp::Task<"time", esp::MeanSquaredError, esp::Weight{0.5}, esp::Tower<64>>> {};
struct Experts
    : esp::MultiTaskModel<esp::Inputs<esp::NumericVector<"x", 499>>, esp::Mmoe<8, esp::Mlp<16>>,
                          Click<"income", 8>, Click<"married", 8>> {};
struct Tables
    : esp::MultiTaskModel<esp::Inputs<esp::NumericVector<"x", 13>, esp::Categorical<"user", 16>,
                                      esp::Categorical<"item", 16>, esp::Categorical<"shop", 16>,
                                      esp::Categorical<"city", 16>>,
                          esp::SharedBottom<esp::Mlp<64, 32>>, Click<"click", 16>,
                          Click<"buy", 16>> {};

template <class Model>
std::vector<Index> rows() {
  return std::vector<Index>(esp::vocabulary_count(esp::plan_of<Model>()), 5000);
}

template <class Model, Index Samples>
void step(int times) {
  const esp::RandomBatch<float> data(esp::plan_of<Model>(), Samples, rows<Model>(), 1);
  esp::TrainExecutor<float> executor{esp::program_of<Model, float, esp::Cpu>(), rows<Model>(),
                                     Samples, 1};
  esp::initialize(executor.plan(), 3, executor.parameters());
  executor.prepare(esp::Adam{}, {});
  const std::vector<double> weights(esp::plan_of<Model>().tasks.size(), 1.0);
  for (int i = 1; i <= times; ++i) {
    executor.forward_backward(data.batch(), weights, static_cast<std::uint64_t>(i));
    executor.update({i, 1, 1});
  }
}

template <class Model, Index Samples>
void infer(int times) {
  const esp::RandomBatch<float> data(esp::plan_of<Model>(), Samples, rows<Model>(), 1);
  esp::Parameters<float> parameters{esp::plan_of<Model>(), rows<Model>()};
  esp::initialize(esp::plan_of<Model>(), 1, parameters);
  const esp::InferenceExecutor<float> executor(esp::program_of<Model, float, esp::Cpu>(),
                                               parameters);
  auto workspace = executor.make_workspace();
  std::array<std::array<float, static_cast<std::size_t>(Samples)>, 3> values{};
  std::vector<float*> out;
  for (std::size_t k = 0; k < executor.plan().tasks.size(); ++k) out.push_back(values[k].data());
  for (int i = 0; i < times; ++i) executor.run(data.batch(), workspace, out);
}

struct Case {
  std::string_view name;
  void (*run)(int times);
};
constexpr Case cases[] = {
    {"step/shared_bottom/batch:32", step<Bottom, 32>}, {"step/mmoe/batch:32", step<Experts, 32>},
    {"step/mmoe/batch:256", step<Experts, 256>},       {"step/tables/batch:256", step<Tables, 256>},
    {"infer/shared_bottom/batch:1", infer<Bottom, 1>}, {"infer/mmoe/batch:1", infer<Experts, 1>},
    {"infer/tables/batch:1", infer<Tables, 1>},
};

}  // namespace

int main(int argc, char** argv) {
  for (const Case& c : cases) {
    if (argc == 2) std::printf("%.*s\n", static_cast<int>(c.name.size()), c.name.data());
    if (argc == 3 && c.name == argv[1]) {
      c.run(std::atoi(argv[2]));
      return 0;
    }
  }
  return argc == 2 ? 0 : 2;
}
