// SPDX-License-Identifier: Apache-2.0
#include "common/options.hpp"

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "common/number_from.hpp"
#include "espalier/core/error.hpp"
#include "espalier/exec/make_balance.hpp"

namespace examples {

void add_training_options(CLI::App& app, Options& o, const espalier::TrainerOptions& recipe) {
  o.epochs = recipe.epochs;
  o.patience = recipe.patience;
  o.batch_size = recipe.batch_size;
  o.learning_rate = recipe.optimizer.learning_rate();
  app.option_defaults()->always_capture_default();
  app.add_option("--epochs", o.epochs, "At most this many passes over the training split")
      ->check(number_from(1));
  app.add_option("--patience", o.patience,
                 "Stop after so many epochs without a better value on the validation split, of "
                 "what is monitored; 0: never")
      ->check(number_from(0));
  app.add_option("--batch-size", o.batch_size, "Samples in a step")->check(number_from(1));
  app.add_option("--learning-rate", o.learning_rate, "Of the optimiser")
      ->check(number_from(0, false));
  app.add_option("--seed", o.seed, "Of initial values, shuffling, dropout, sampling")
      ->check(number_from(0));
  app.add_option("--seeds", o.seeds, "How many seeds a comparison takes, from --seed on")
      ->check(number_from(1));
  app.add_option("--threads", o.threads, "0: one a core. The result does not depend on it")
      ->check(number_from(0));
  app.add_flag("--json", o.json, "Print one JSON object as the last line");
  app.add_flag("--quiet", o.quiet, "No progress");
}

bool compares(const Options& o) {
  return o.compare_all || !o.compare.empty() || !o.compare_balances.empty();
}

std::string name_of_balance(const Options& o) {
  if (o.weights.empty()) return o.balance;
  std::string name = "weights";
  for (const double w : o.weights) name += '-' + espalier::number_text(w);
  return name;
}

espalier::TrainerOptions training_options(espalier::TrainerOptions recipe, const Options& o,
                                          std::uint64_t seed) {
  recipe.epochs = o.epochs;
  recipe.patience = o.patience;
  recipe.batch_size = o.batch_size;
  recipe.seed = seed;
  recipe.threads = o.threads;
  if (o.quiet) recipe.progress = espalier::ShowProgress::never;
  return recipe;
}

void add_options(CLI::App& app, Options& o, const std::vector<std::string>& models,
                 const espalier::TrainerOptions& recipe) {
  std::vector<std::string> balances;
  for (const espalier::NamedBalance& b : espalier::named_balances()) balances.emplace_back(b.name);

  app.option_defaults()->always_capture_default();
  app.add_option(
      "--data", o.data,
      "Folder with the data set (else $ESPALIER_DATA, ./data, ../shared/data, ~/.cache/espalier)");
  app.add_flag("--download", o.download,
               "Download the data set from its publisher if it is found nowhere")
      ->excludes("--data");
  app.add_option("--model", o.model, "How the tasks share")->check(CLI::IsMember(models));
  app.add_option("--balance", o.balance, "How the tasks' losses are weighted")
      ->check(CLI::IsMember(balances));
  app.add_option("--weights", o.weights, "Weights of the tasks, instead of --balance")
      ->delimiter(',')
      ->excludes("--balance");
  add_training_options(app, o, recipe);
  app.add_option("--device", o.device, "cuda: an NVIDIA GPU, in a build with -DESPALIER_CUDA=ON")
      ->check(CLI::IsMember({"cpu", "cuda"}));
  app.add_option("--precision", o.precision,
                 "Of products; with bf16 a checkpoint is tested with its parameters kept so, too")
      ->check(CLI::IsMember({"fp32", "bf16"}));
  app.add_option(
      "--checkpoint", o.checkpoint,
      "Save the model to this file (safetensors), and how far the training is beside it");
  app.add_flag("--resume", o.resume,
               "Go on from the checkpoint where an interrupted run stopped; a comparison: from its "
               "runs.jsonl");
  app.add_option("--log", o.log,
                 "Folder for history.jsonl, TensorBoard events, curves.svg, calibration.svg and "
                 "confusion.svg");
  app.add_option("--predictions", o.predictions,
                 "Write the test split's predictions to this file (CSV), with its id columns");
  app.add_flag(
      "--importance", o.importance,
      "Print how much worse each task is when an input is shuffled: importance.svg beside the log");
  app.add_flag("--diagnose{100}", o.diagnose,
               "Measure every so many steps (--diagnose=N) how the tasks' gradients agree and what "
               "gates do: diagnosis.jsonl and .svg beside the log")
      ->check(number_from(1));
  app.add_flag("--summary", o.summary,
               "Print the model's layers, parameters and costs before training");
  app.add_flag("--explain", o.explain,
               "Print what a training step runs, step by step, before training");
  app.add_option("--resamples", o.resamples,
                 "Bootstrap resamples for confidence intervals in the table, from 2; 0: none")
      ->check(number_from(0));
  app.add_flag("--compare", o.compare_all,
               "Train every model with several seeds and print mean ± deviation, paired by seed; "
               "with --search: try every model");
  app.add_option("--compare-models", o.compare,
                 "Compare these models only; with --search: try these")
      ->delimiter(',')
      ->check(CLI::IsMember(models));
  balances.emplace_back("all");
  app.add_option(
         "--compare-balances", o.compare_balances,
         "Compare these ways to balance, or all of them, with --model or the compared models")
      ->delimiter(',')
      ->excludes("--weights")
      ->check(CLI::IsMember(balances));
  app.add_option("--search", o.search,
                 "Search learning rate and task weights with so many trials, by cross-validation "
                 "on the training split; 0: no")
      ->check(number_from(0));
  app.add_option("--folds", o.folds, "Of the cross-validation")->check(CLI::Range(2, 1000));
}

void check_together(const CLI::App& app, const Options& o) {
  const auto refuse = [&](const char* option, bool unheard, const char* why) {
    if (unheard && app.count(option) > 0)
      throw espalier::ConfigError(std::string(option) + " " + why);
  };
  const bool several = compares(o), searched = o.search > 0;
  for (const char* option : {"--checkpoint", "--predictions", "--importance", "--diagnose",
                             "--summary", "--explain", "--resamples"})
    refuse(option, several || searched,
           "is for the training of one model, not for a comparison or a search");
  refuse("--compare-balances", searched, "excludes a search: it finds weights of tasks");
  refuse("--resume", searched, "is for a training or a comparison; a search goes on by itself");
  refuse("--model", o.compare_all || !o.compare.empty(), "excludes --compare and --compare-models");
  refuse("--balance", !o.compare_balances.empty(), "excludes --compare-balances");
  refuse("--seeds", !several || searched,
         "is for comparisons: --compare, --compare-models or --compare-balances");
  refuse("--device", searched, "is not for a search, which trains on the CPU");
  refuse("--folds", !searched, "is for a search: --search");
  refuse("--resamples", o.resamples == 1, "is 1, expected 0, or 2 and more");
}

}  // namespace examples
