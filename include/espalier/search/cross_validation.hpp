// SPDX-License-Identifier: Apache-2.0
// `cross_validation`: the objective of a model that a Trainer trains.
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/metrics/report.hpp"
#include "espalier/search/fingerprint.hpp"
#include "espalier/search/trial.hpp"
#include "espalier/train/description.hpp"
#include "espalier/train/learning_settings.hpp"
#include "espalier/train/trainer.hpp"

namespace espalier::search {

struct CrossValidation {
  int folds = 5;
  std::string monitor =
      "loss";              ///< as the trainer's: chooses the epoch of a fold, and is its score
  std::string by{};        ///< column (a user, say) whose values are not cut apart
  std::uint64_t seed = 1;  ///< of the cut
  /// A score of your own from the metrics of a fold's weights at the epoch that `monitor` chose;
  /// and which way is better.
  std::function<double(const Report&)> score{};
  Goal goal = Goal::maximize;  ///< of `score`; what `monitor` is says so itself
};

/// A trial's values as the trainer's options. Of these the search sets itself: `monitor`, `seed`,
/// `threads`, `epochs` where there is a budget; and it turns off files, progress and interrupts,
/// which are its own.
using OptionsOf = std::function<TrainerOptions(const Trial&)>;

namespace detail {

using MakeTrainer = std::shared_ptr<PlanTrainer> (*)(const PlanTrainer::CpuProgram&,
                                                     TrainerOptions);

[[nodiscard]] ESPALIER_COLD inline Goal goal_of(const CrossValidation& settings) {
  if (settings.score) return settings.goal;
  return better_is_higher(settings.monitor) ? Goal::maximize : Goal::minimize;
}

[[nodiscard]] ESPALIER_COLD inline Objective cross_validation(
    const PlanTrainer::CpuProgram& program, MakeTrainer make, const Dataset& data,
    const CrossValidation& settings, OptionsOf options_of) {
  if (!options_of)
    throw ConfigError("cross-validation: there is no function from trials to options");
  Objective objective;
  objective.folds = settings.folds;
  objective.goal = goal_of(settings);
  std::uint64_t model = 0;
  for (const std::string& line : describe_plan(program.plan)) model = mix(model, hash_text(line));
  for (const std::string& line : learning_settings(program)) model = mix(model, hash_text(line));
  char text[24];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(model));
  objective.about = fingerprint(data) + "; " +
                    std::string(program.plan.model) + " (" + text + ")" + "; " +
                    std::to_string(settings.folds) + " folds" +
                    (settings.by.empty() ? "" : " by " + settings.by) + ", seed " +
                    std::to_string(settings.seed) + "; monitor " + settings.monitor +
                    (settings.score ? ", own score" : "");
  auto folds = std::make_shared<const std::vector<espalier::Fold>>(
      settings.by.empty() ? data.folds(settings.folds, settings.seed)
                          : data.folds_by_hash(settings.by, settings.folds, settings.seed));
  objective.score = [program, make, folds, settings, options_of = std::move(options_of)](
                        const Trial& trial, const Fold& fold) {
    TrainerOptions options = options_of(trial);
    options.monitor = settings.monitor;
    options.seed = fold.seed;
    options.threads = fold.threads;
    if (fold.budget > 0) options.epochs = fold.budget;
    options.restore_best = true;
    options.checkpoint.clear();
    options.resume = false;
    options.history.clear();
    options.events.clear();
    options.curves.clear();
    options.diagnose.clear();
    options.progress = ShowProgress::never;
    options.handle_interrupts = false;
    options.callbacks.emplace_back(
        [&fold](EpochInfo& info) { info.stop = info.stop || fold.stopping(); });
    const std::shared_ptr<PlanTrainer> trainer = make(program, std::move(options));
    const espalier::Fold& rows = (*folds)[static_cast<std::size_t>(fold.index)];
    const FitResult fit = trainer->fit(rows.train, rows.valid);
    return settings.score && !fold.stopping() ? settings.score(trainer->evaluate(rows.valid))
                                              : fit.best_value;
  };
  return objective;
}

}  // namespace detail

/// Trains on all folds but one, chooses the epoch and scores on that one: so a score is a little
/// too good, for all trials alike, and what a search has found is to be measured on a test split
/// that it has not seen. Throws ConfigError, DataError.
template <class Model>
[[nodiscard]] Objective cross_validation(const Dataset& data, const CrossValidation& settings,
                                         OptionsOf options_of) {
  const auto make = [](const PlanTrainer::CpuProgram&,
                       TrainerOptions options) -> std::shared_ptr<PlanTrainer> {
    return std::make_shared<Trainer<Model>>(std::move(options));
  };
  return detail::cross_validation(program_of<Model, float, cpu::Device>(), make, data, settings,
                                  std::move(options_of));
}

/// The same for a program, where the model's type is not known any more.
[[nodiscard]] inline Objective cross_validation(const PlanTrainer::CpuProgram& program,
                                                const Dataset& data,
                                                const CrossValidation& settings,
                                                OptionsOf options_of) {
  const auto make = [](const PlanTrainer::CpuProgram& p, TrainerOptions options) {
    return std::make_shared<PlanTrainer>(p, std::move(options));
  };
  return detail::cross_validation(program, make, data, settings, std::move(options_of));
}

}  // namespace espalier::search
