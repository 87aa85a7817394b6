// SPDX-License-Identifier: Apache-2.0
// --search: learning rate, task weights and, if there are several, the model, by cross-validation
// on the training split.
#pragma once

#include <cstdio>
#include <filesystem>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "common/options.hpp"
#include "espalier/search/search.hpp"

namespace examples {

/// The first task's weight stays 1: Adam hardly depends on a common factor.
[[nodiscard]] inline std::string weight_of(const espalier::PlanView& plan, std::size_t task) {
  return "weight of " + std::string(plan.tasks[task].name);
}

[[nodiscard]] inline std::vector<double> weights_of(const espalier::search::Trial& trial,
                                                    const espalier::PlanView& plan) {
  std::vector<double> weights{1};
  for (std::size_t k = 1; k < plan.tasks.size(); ++k) {
    weights.push_back(trial.real(weight_of(plan, k)));
  }
  return weights;
}

/// Successive halving over `o.search` random trials, up to `base.epochs` epochs. `optimizer` is the
/// recipe's; the models have the same tasks. The scores are stored in runs/<example>; a later
/// search with the same settings resumes from them. Returns 0, or 130 if interrupted.
inline int search(const std::string& example, const Options& o,
                  std::vector<espalier::search::NamedModel> named, const espalier::Dataset& train,
                  const espalier::TrainerOptions& base,
                  espalier::Optimizer (*optimizer)(double learning_rate)) {
  namespace esp = espalier;
  if (o.balance != "equal" || !o.weights.empty()) {
    throw esp::ConfigError(
        "--search finds weights of tasks: expected neither --balance nor --weights");
  }
  const esp::search::Models models(std::move(named));
  const bool several = models.list().size() > 1;
  const esp::PlanTrainer::CpuProgram& program = models.list()[0].program;
  const esp::PlanView& plan = program.plan;
  std::vector<esp::search::Parameter> parameters;
  if (several) parameters.push_back(models.choice());
  parameters.push_back(
      esp::search::log_uniform("learning rate", o.learning_rate / 10, o.learning_rate * 10));
  for (std::size_t k = 1; k < plan.tasks.size(); ++k) {
    parameters.push_back(esp::search::log_uniform(weight_of(plan, k), 0.1, 10));
  }
  const esp::search::CrossValidation settings{
      .folds = o.folds, .monitor = base.monitor, .seed = o.seed};
  const auto options_of = [&](const esp::search::Trial& trial) {
    esp::TrainerOptions options = base;
    options.optimizer = optimizer(trial.real("learning rate"));
    options.balance = esp::FixedWeights{weights_of(trial, plan)};
    return options;
  };
  esp::search::CrossValidated objective =
      several ? esp::search::cross_validation(models, train, settings, options_of)
              : esp::search::cross_validation(program, train, settings, options_of);
  objective.about += "; batches of " + std::to_string(base.batch_size) + ", patience " +
                     std::to_string(base.patience) + (base.precision.reduced() ? ", bf16" : "");

  const std::filesystem::path log =
      o.log.empty() ? std::filesystem::path("runs") / example : std::filesystem::path(o.log);
  const esp::search::SuccessiveHalving strategy{.trials = o.search,
                                                .eta = 3,
                                                .min_budget = (base.epochs + 8) / 9,
                                                .max_budget = base.epochs,
                                                .seed = o.seed};
  esp::search::Options options{.threads = o.threads,
                               .seed = o.seed,
                               .file = (log / "search.jsonl").string(),
                               .picture = (log / "search.svg").string(),
                               .handle_interrupts = true};
  if (o.quiet) options.progress = esp::ShowProgress::never;
  const esp::search::Result result =
      esp::search::run(esp::search::Space(parameters), strategy, objective, options);
  if (result.interrupted) {
    std::cerr << "interrupted; run again to go on from " << options.file << '\n';
    return 130;
  }
  std::cout << '\n'
            << example << ": " << base.monitor << " by " << o.folds
            << " folds of the training split\n"
            << result.table();
  // The recipe's monitor selected these; a training run with them also stops by it.
  const esp::search::Outcome best = result.best();
  std::printf("\nthe best: ");
  if (several) std::printf("--model %s ", best.trial.text(models.parameter()).c_str());
  std::printf("--learning-rate %.4g --weights ", best.trial.real("learning rate"));
  const std::vector<double> weights = weights_of(best.trial, plan);
  for (std::size_t k = 0; k < weights.size(); ++k)
    std::printf(k == 0 ? "%.4g" : ",%.4g", weights[k]);
  const esp::TrainerOptions found = objective.options(best);
  std::printf(" --epochs %d --batch-size %td --patience %d", found.epochs, found.batch_size,
              found.patience);
  std::printf("\nscores in %s, a picture in %s\n", options.file.c_str(), options.picture.c_str());
  return 0;
}

}  // namespace examples
