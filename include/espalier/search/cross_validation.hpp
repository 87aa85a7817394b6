// SPDX-License-Identifier: Apache-2.0
// `cross_validation`: the objective of a model that a Trainer trains.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/metrics/report.hpp"
#include "espalier/search/fingerprint.hpp"
#include "espalier/search/models.hpp"
#include "espalier/search/result.hpp"
#include "espalier/search/trial.hpp"
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

/// What cross_validation() makes: the objective, and how to train with what a search of it has found.
struct CrossValidated : Objective {
  /// The options that the outcome's score was made with, the search's own among them: early stopping watches what
  /// chose the outcome, and there are as many epochs as its budget. Threads, files and progress are the trial's.
  std::function<TrainerOptions(const Outcome&)> options;
  /// A trainer of the outcome's model, with these options.
  std::function<PlanTrainer(const Outcome&, TrainerOptions)> trainer_with;

  [[nodiscard]] PlanTrainer trainer(const Outcome& outcome) const { return trainer_with(outcome, options(outcome)); }
};

namespace detail {

[[nodiscard]] ESPALIER_COLD inline Goal goal_of(const CrossValidation& settings) {
  if (settings.score) return settings.goal;
  return better_is_higher(settings.monitor) ? Goal::maximize : Goal::minimize;
}

/// What the search sets of a trial's options.
[[nodiscard]] ESPALIER_COLD inline TrainerOptions with_search(TrainerOptions options, const std::string& monitor,
                                                              int budget) {
  options.monitor = monitor;
  if (budget > 0) options.epochs = budget;
  return options;
}

/// `several`: whether the trial chooses among the models; else the first one is meant.
[[nodiscard]] ESPALIER_COLD inline CrossValidated cross_validation(Models models, bool several, const Dataset& data,
                                                                   const CrossValidation& settings,
                                                                   OptionsOf options_of) {
  if (!options_of)
    throw ConfigError("cross-validation: there is no function from trials to options");
  require_comparable(models, settings.monitor, static_cast<bool>(settings.score));
  CrossValidated objective;
  objective.folds = settings.folds;
  objective.goal = goal_of(settings);
  if (several) objective.parameters = {models.choice()};
  objective.about = fingerprint(data) + "; " + (several ? models.about() : models.list()[0].about()) + "; " +
                    std::to_string(settings.folds) + " folds" +
                    (settings.by.empty() ? "" : " by " + settings.by) + ", seed " +
                    std::to_string(settings.seed) + "; monitor " + settings.monitor +
                    (settings.score ? ", own score" : "");
  const auto model_of = [several, models = std::move(models)](const Trial& trial) -> const NamedModel& {
    return several ? models.at(trial.text(models.parameter())) : models.list()[0];
  };
  auto folds = std::make_shared<const std::vector<espalier::Fold>>(
      settings.by.empty() ? data.folds(settings.folds, settings.seed)
                          : data.folds_by_hash(settings.by, settings.folds, settings.seed));
  objective.score = [model_of, folds, settings, options_of](const Trial& trial, const FoldRun& fold) {
    TrainerOptions options = with_search(options_of(trial), settings.monitor, fold.budget);
    options.seed = fold.seed;
    options.threads = fold.threads;
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
    const NamedModel& chosen = model_of(trial);
    PlanTrainer trainer = chosen.make(chosen.program, std::move(options));
    const espalier::Fold& rows = (*folds)[static_cast<std::size_t>(fold.index)];
    const FitResult fit = trainer.fit(rows.train, rows.valid);
    return settings.score && !fold.stopping() ? settings.score(trainer.evaluate(rows.valid))
                                              : fit.best_value;
  };
  objective.options = [options_of = std::move(options_of), monitor = settings.monitor](const Outcome& outcome) {
    return with_search(options_of(outcome.trial), monitor, outcome.budget);
  };
  objective.trainer_with = [model_of](const Outcome& outcome, TrainerOptions options) {
    const NamedModel& chosen = model_of(outcome.trial);
    return chosen.make(chosen.program, std::move(options));
  };
  return objective;
}

}  // namespace detail

/// Trains on all folds but one, chooses the epoch and scores on that one: so a score is a little
/// too good, for all trials alike, and what a search has found is to be measured on a test split
/// that it has not seen. Throws ConfigError, DataError.
template <class Model>
[[nodiscard]] CrossValidated cross_validation(const Dataset& data, const CrossValidation& settings,
                                              OptionsOf options_of) {
  return detail::cross_validation({model<Model>("model")}, false, data, settings, std::move(options_of));
}

/// The same for a program, where the model's type is not known any more.
[[nodiscard]] inline CrossValidated cross_validation(const PlanTrainer::CpuProgram& program,
                                                     const Dataset& data,
                                                     const CrossValidation& settings,
                                                     OptionsOf options_of) {
  return detail::cross_validation({NamedModel{"model", program}}, false, data, settings, std::move(options_of));
}

/// The same over several models: the trial's parameter of `models` says which. Throws ConfigError for models whose
/// scores cannot be compared: what `monitor` is made of is not the same task, or for "loss" not the same weight and
/// loss of it, in each.
[[nodiscard]] inline CrossValidated cross_validation(const Models& models, const Dataset& data,
                                                     const CrossValidation& settings, OptionsOf options_of) {
  return detail::cross_validation(models, true, data, settings, std::move(options_of));
}

}  // namespace espalier::search
