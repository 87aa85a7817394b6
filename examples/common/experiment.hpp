// SPDX-License-Identifier: Apache-2.0
// Shared by the example trainers: a run from data to table, comparisons, JSON, exit status.
#pragma once

#include <array>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "common/options.hpp"
#include "espalier/espalier.hpp"
#if defined(EXAMPLES_CUDA)
#include "espalier/cuda.hpp"
#endif

namespace examples {

namespace esp = espalier;

/// Training, validation and test split.
using Splits = std::array<esp::Dataset, 3>;

struct NamedModel {
  std::string name;
  esp::PlanTrainer::CpuProgram program;
  std::string (*summary)();
  esp::MakeExecutor on_gpu = nullptr;  ///< null if it does not run on GPUs
};

template <class Model>
[[nodiscard]] NamedModel named(std::string name) {
  NamedModel made{std::move(name), esp::program_of<Model, float, esp::Cpu>(),
                  [] { return esp::summary<Model>(); }};
#if defined(EXAMPLES_CUDA)
  if constexpr (esp::runs_model_on<Model, esp::Cuda>)
    made.on_gpu = esp::ExecutorOf<esp::Cuda>::make<Model>;
#endif
  return made;
}

/// An example: its models, its data, its recipe.
struct Example {
  std::string name;
  std::string about;
  std::vector<std::string> model_names;
  std::string default_model;
  esp::TrainerOptions recipe;
  esp::Optimizer (*optimizer)(double learning_rate);
  std::function<void(CLI::App&)> more_options{};  ///< besides the common options
  /// Those of the options that were given and change the result.
  std::function<nlohmann::ordered_json()> settings{};
  /// In the order of model_names, after option parsing.
  std::function<std::vector<NamedModel>()> models{};
  std::function<Splits(const Options&)> load{};
  /// Reference scores: what can be predicted on the test split without learning from the inputs.
  std::function<esp::Report(const Splits&)> baselines{};
  /// The columns that identify a row; they precede its predictions.
  std::vector<std::string> ids{};
  std::string baselines_are = "the best constant";
  /// Called with the options of each training, and with its trainer before that.
  std::function<void(esp::TrainerOptions&)> adapt{};
  std::function<void(esp::PlanTrainer&)> before{};
  /// Called after one model was trained and tested.
  std::function<void(esp::PlanTrainer&, const Splits&)> after{};
};

/// The whole program. Returns 0; 1 with one line on standard error; 130 if interrupted.
int run(int argc, char** argv, Example example);

}  // namespace examples
