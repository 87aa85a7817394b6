// SPDX-License-Identifier: Apache-2.0
// The command line options of the example trainers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "espalier/train/options.hpp"

namespace CLI {
class App;
}  // namespace CLI

namespace examples {

struct Options {
  std::string data;  ///< folder; empty: searched for
  bool download = false;
  std::string model;
  std::string balance = "equal";
  int epochs = 0, patience = 0, threads = 0, seeds = 3, resamples = 0;
  espalier::Index batch_size = 0;
  double learning_rate = 0;
  std::uint64_t seed = 1;
  std::string device = "cpu";
  std::string precision = "fp32";
  std::string checkpoint, log, predictions;
  int diagnose = 0;  ///< steps between measurements; 0: none
  bool resume = false, importance = false, summary = false, explain = false, json = false,
       quiet = false;
  bool compare_all = false;
  std::vector<std::string> compare, compare_balances;
  std::vector<double> weights;
  int search = 0, folds = 3;
};

/// Adds the training options, with the recipe's values as defaults.
void add_training_options(CLI::App& app, Options& o, const espalier::TrainerOptions& recipe);

/// Whether several models or several balancing methods are requested.
[[nodiscard]] bool compares(const Options& o);

/// The name of the balancing method or weights in a run's folder and records: equal, mgda, …,
/// weights-1-1-0.5.
[[nodiscard]] std::string name_of_balance(const Options& o);

/// The recipe with the command line's values; the caller sets the optimizer.
[[nodiscard]] espalier::TrainerOptions training_options(espalier::TrainerOptions recipe,
                                                        const Options& o, std::uint64_t seed);

/// Adds all options.
void add_options(CLI::App& app, Options& o, const std::vector<std::string>& models,
                 const espalier::TrainerOptions& recipe);

/// Throws espalier::ConfigError for options that this kind of run would ignore.
void check_together(const CLI::App& app, const Options& o);

}  // namespace examples
