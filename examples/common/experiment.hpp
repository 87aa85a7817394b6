// SPDX-License-Identifier: Apache-2.0
// What the example trainers share: one run from data to table, comparisons, JSON, and how a program ends.
#pragma once

#include <array>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "common/options.hpp"
#include "espalier/espalier.hpp"

namespace examples {

namespace esp = espalier;

/// Training, validation, test.
using Splits = std::array<esp::Dataset, 3>;

struct NamedModel {
  std::string name;
  esp::PlanTrainer::CpuProgram program;
  std::string (*summary)();
};

template <class Model>
[[nodiscard]] NamedModel named(std::string name) {
  return {std::move(name), esp::program_of<Model, float, esp::Cpu>(), [] { return esp::summary<Model>(); }};
}

/// One example: its models, its data, its recipe.
struct Example {
  std::string name;
  std::string about;
  std::vector<std::string> model_names;
  std::string default_model;
  esp::TrainerOptions recipe;
  esp::Optimizer (*optimizer)(double learning_rate);
  std::function<void(CLI::App&)> more_options{};      ///< besides the common ones
  std::function<nlohmann::ordered_json()> settings{};  ///< those of them that were given and change the result
  std::function<std::vector<NamedModel>()> models{};  ///< in the order of model_names, once options are parsed
  std::function<Splits(const Options&)> load{};
  /// Rows to hold the model against: what can be said of the test split without learning from inputs.
  std::function<esp::Report(const Splits&)> baselines{};
  std::vector<std::string> ids{};  ///< the columns that say whose a row is: they lead its predictions
  std::string baselines_are = "the best constant";
};

/// The whole program. Exit status: 0; 1 with one line on standard error; 130 when interrupted.
int run(int argc, char** argv, Example example);

}  // namespace examples
