// SPDX-License-Identifier: Apache-2.0
// `cross_validation`: the search objective of a model that a Trainer trains.
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
      "loss";              ///< as in TrainerOptions: chooses the epoch of a fold, and is its score
  std::string by{};        ///< column (for example the user) whose equal values stay in one fold
  std::uint64_t seed = 1;  ///< of the split into folds
  /// Custom score, computed from the metrics of a fold at the epoch that `monitor` chose. `goal`
  /// says which direction is better.
  std::function<double(const Report&)> score{};
  Goal goal = Goal::maximize;  ///< of `score`; the direction of `monitor` is known
};

/// Converts the values of a trial to trainer options. The search overrides `monitor`,
/// `restore_best`, `seed`, `threads`, and `epochs` if there is a budget. It turns off files,
/// progress and interrupts, which it handles itself.
using OptionsOf = std::function<TrainerOptions(const Trial&)>;

/// Result of cross_validation(): the objective, and how to train a model with the outcome of a
/// search.
struct CrossValidated : Objective {
  /// The options with which the outcome was scored, including those that the search sets: early
  /// stopping uses the monitor that chose the outcome, and `epochs` is the budget if there is one.
  /// Threads, files, progress and seed are those that the trial's options have.
  std::function<TrainerOptions(const Outcome&)> options;
  /// Creates a trainer of the outcome's model with these options.
  std::function<PlanTrainer(const Outcome&, TrainerOptions)> trainer_with;

  [[nodiscard]] PlanTrainer trainer(const Outcome& outcome) const {
    return trainer_with(outcome, options(outcome));
  }
};

namespace detail {

[[nodiscard]] ESPALIER_COLD inline Goal goal_of(const CrossValidation& settings) {
  if (settings.score) return settings.goal;
  return better_is_higher(settings.monitor) ? Goal::maximize : Goal::minimize;
}

/// Applies what the search sets in a trial's options.
[[nodiscard]] ESPALIER_COLD inline TrainerOptions with_search(TrainerOptions options,
                                                              const std::string& monitor,
                                                              int budget) {
  options.monitor = monitor;
  if (budget > 0) options.epochs = budget;
  return options;
}

/// `several`: whether the trial chooses among the models; otherwise the first model is used.
[[nodiscard]] ESPALIER_COLD inline CrossValidated cross_validation(Models models, bool several,
                                                                   const Dataset& data,
                                                                   const CrossValidation& settings,
                                                                   OptionsOf options_of) {
  if (!options_of)
    throw ConfigError("cross-validation: there is no function from trials to options");
  require_comparable(models, settings.monitor, static_cast<bool>(settings.score));
  CrossValidated objective;
  objective.folds = settings.folds;
  objective.goal = goal_of(settings);
  if (several) objective.parameters = {models.choice()};
  objective.about = fingerprint(data) + "; " +
                    (several ? models.about() : models.list()[0].about()) + "; " +
                    std::to_string(settings.folds) + " folds" +
                    (settings.by.empty() ? "" : " by " + settings.by) + ", seed " +
                    std::to_string(settings.seed) + "; monitor " + settings.monitor +
                    (settings.score ? ", own score" : "");
  const auto model_of = [several,
                         models = std::move(models)](const Trial& trial) -> const NamedModel& {
    return several ? models.at(trial.text(models.parameter())) : models.list()[0];
  };
  auto folds = std::make_shared<const std::vector<espalier::Fold>>(
      settings.by.empty() ? data.folds(settings.folds, settings.seed)
                          : data.folds_by_hash(settings.by, settings.folds, settings.seed));
  objective.score = [model_of, folds, settings, options_of](const Trial& trial,
                                                            const FoldRun& fold) {
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
  objective.options = [options_of = std::move(options_of),
                       monitor = settings.monitor](const Outcome& outcome) {
    return with_search(options_of(outcome.trial), monitor, outcome.budget);
  };
  objective.trainer_with = [model_of](const Outcome& outcome, TrainerOptions options) {
    const NamedModel& chosen = model_of(outcome.trial);
    return chosen.make(chosen.program, std::move(options));
  };
  return objective;
}

}  // namespace detail

/// Trains on all folds but one; chooses the epoch and computes the score on that one. So a score is
/// slightly too good, for all trials alike: measure the result of a search on a test split that the
/// search has not seen. Throws ConfigError, DataError.
template <class Model>
[[nodiscard]] CrossValidated cross_validation(const Dataset& data, const CrossValidation& settings,
                                              OptionsOf options_of) {
  return detail::cross_validation({model<Model>("model")}, false, data, settings,
                                  std::move(options_of));
}

/// The same for a program, if the model type is no longer known.
[[nodiscard]] inline CrossValidated cross_validation(const PlanTrainer::CpuProgram& program,
                                                     const Dataset& data,
                                                     const CrossValidation& settings,
                                                     OptionsOf options_of) {
  return detail::cross_validation({NamedModel{"model", program}}, false, data, settings,
                                  std::move(options_of));
}

/// The same for several models; the parameter of `models` selects one per trial. Throws ConfigError
/// if the scores of the models cannot be compared: `monitor` must be computed from the same tasks
/// in each model and, if it is "loss", with the same weights and losses.
[[nodiscard]] inline CrossValidated cross_validation(const Models& models, const Dataset& data,
                                                     const CrossValidation& settings,
                                                     OptionsOf options_of) {
  return detail::cross_validation(models, true, data, settings, std::move(options_of));
}

}  // namespace espalier::search
