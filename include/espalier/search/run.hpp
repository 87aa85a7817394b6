// SPDX-License-Identifier: Apache-2.0
// `run`: scores trials, several at the same time, and returns their results.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/file.hpp"
#include "espalier/core/json.hpp"
#include "espalier/core/random.hpp"
#include "espalier/core/threads.hpp"
#include "espalier/report/progress.hpp"
#include "espalier/search/result.hpp"
#include "espalier/search/score_file.hpp"
#include "espalier/search/strategy.hpp"
#include "espalier/search/trial.hpp"
#include "espalier/train/interrupt.hpp"
#include "espalier/train/options.hpp"

namespace espalier::search {

struct Options {
  /// Number of folds that are scored at the same time; 0: as many as threads. Does not affect the
  /// results.
  int at_once = 0;
  int threads = 0;         ///< of all concurrent folds together; 0: the number of cores
  std::uint64_t seed = 1;  ///< from which the seeds of the folds are derived
  std::string file{};      ///< file.jsonl for the scores: read if it exists, to resume
  std::string picture{};   ///< file.svg, written at the end
  ShowProgress progress = ShowProgress::automatic;
  bool handle_interrupts = false;  ///< on SIGINT and SIGTERM, return soon with `interrupted` set
};

namespace detail {

/// Throws ConfigError if the space lacks the parameter by which the objective chooses, or has other
/// values for it.
ESPALIER_COLD inline void require_choice(const Space& space, const Parameter& needed) {
  const auto& all = space.parameters();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const Parameter& p) { return p.name == needed.name; });
  if (found == all.end()) {
    throw_error<ConfigError>({"search: the space has no parameter '", needed.name,
                              "', by which the objective chooses: ", "expected ",
                              needed.describe()});
  }
  const auto known = [&](const Json& v) {
    return std::find(needed.choices.begin(), needed.choices.end(), v) != needed.choices.end();
  };
  if (found->kind == Parameter::Kind::choice &&
      std::all_of(found->choices.begin(), found->choices.end(), known))
    return;
  throw_error<ConfigError>({"search: parameter '", needed.name, "' of the space is ",
                            found->describe(), ", expected values of ", needed.describe(),
                            ", by which the objective chooses"});
}

/// State of one running search.
class Runner {
 public:
  ESPALIER_COLD Runner(const Space& space, Schedule schedule, const Objective& objective,
                       const Options& options)
      : space_(space), schedule_(std::move(schedule)), objective_(objective), options_(options) {
    if (!objective.score) throw ConfigError("search: the objective has no score function");
    for (const Parameter& p : objective.parameters) require_choice(space, p);
    require_at_least("search: folds", objective.folds, 1);
    require_at_least("search: at_once", options.at_once, 0);
    require_at_least("search: threads", options.threads, 0);
    if (options.at_once > 1024 || options.threads > 1024)
      throw ConfigError("search: at_once and threads are at most 1024");
    if (!options.picture.empty() && !options.picture.ends_with(".svg")) {
      throw_error<ConfigError>(
          {"search: picture '", options.picture, "', expected a name that ends in .svg"});
    }
    if (schedule_.values.empty() || schedule_.rungs.empty())
      throw ConfigError("search: the strategy has no trials");
    if (!options.file.empty())
      file_ = ScoreFile(options.file, space, objective, options.seed, schedule_.values);
    if (options.progress != ShowProgress::never) {
      ProgressOptions shown;
      shown.counts = "rung";
      progress_ = std::make_unique<Progress>(std::vector<std::string>{"best"},
                                             static_cast<int>(schedule_.rungs.size()), shown);
    }
  }

  ESPALIER_COLD Result run() {
    result_.parameters = space_.parameters();
    result_.goal = objective_.goal;
    result_.note = schedule_.note;
    if (progress_ && !schedule_.note.empty()) progress_->say(schedule_.note);
    std::optional<InterruptGuard> interrupts;
    if (options_.handle_interrupts) interrupts.emplace();
    interrupts_ = interrupts ? &*interrupts : nullptr;
    std::vector<int> alive(schedule_.values.size());
    for (std::size_t i = 0; i < alive.size(); ++i) alive[i] = static_cast<int>(i);
    for (std::size_t r = 0; r < schedule_.rungs.size() && !stopped(); ++r) {
      const Rung& rung = schedule_.rungs[r];
      if (static_cast<int>(alive.size()) > rung.trials)
        alive.resize(static_cast<std::size_t>((std::max)(rung.trials, 1)));
      std::sort(alive.begin(), alive.end());
      alive = score(static_cast<int>(r) + 1, rung.budget, alive);
    }
    result_.interrupted = stopped();
    if (!options_.picture.empty())
      write_file_atomically(options_.picture, result_.picture().to_svg());
    return std::move(result_);
  }

 private:
  [[nodiscard]] bool stopped() {
    if (interrupts_ != nullptr && interrupts_->interrupted()) stop_ = true;
    return stop_;
  }

  /// Scores the trials with `budget`. Returns the numbers of those that succeeded, best first.
  ESPALIER_COLD std::vector<int> score(int rung, int budget, const std::vector<int>& trials) {
    std::vector<Outcome> outcomes;
    // (index of the outcome, fold) still to be scored.
    std::vector<std::pair<std::size_t, int>> open;
    for (const int number : trials) {
      Outcome o{{number, schedule_.values[static_cast<std::size_t>(number)]}, budget, {}};
      o.folds.resize(static_cast<std::size_t>(objective_.folds));
      for (int fold = 0; fold < objective_.folds; ++fold) {
        const auto known = file_.scores().find({number, fold, budget});
        if (known == file_.scores().end()) {
          open.emplace_back(outcomes.size(), fold);
        } else {
          o.folds[static_cast<std::size_t>(fold)] = known->second;
          ++result_.read;
        }
      }
      outcomes.push_back(std::move(o));
    }
    const Index total = static_cast<Index>(outcomes.size()) * objective_.folds;
    done_ = total - static_cast<Index>(open.size());
    if (progress_) progress_->start_epoch(rung, total, done_);
    std::vector<int> missing(outcomes.size());
    for (const auto& [outcome, fold] : open) ++missing[outcome];
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      if (missing[i] == 0) finish(outcomes[i]);
    }
    if (!open.empty()) {
      const int threads = options_.threads > 0 ? options_.threads : ThreadPool::default_threads();
      const int most = (std::min)(options_.at_once > 0 ? options_.at_once : threads, 1024);
      const int at_once =
          static_cast<int>((std::min)(static_cast<Index>(most), static_cast<Index>(open.size())));
      // Own threads, not those of a backend: trials run for seconds to hours, and use threads
      // themselves.
      ThreadPool pool(at_once, nullptr);
      pool.run(static_cast<Index>(open.size()), [&](Index piece, int) {
        const auto& [index, number] = open[static_cast<std::size_t>(piece)];
        if (stopped()) return;
        Outcome& outcome = outcomes[index];
        const FoldRun fold{number, budget,
                           mix(mix(options_.seed, static_cast<std::uint64_t>(outcome.trial.number)),
                               static_cast<std::uint64_t>(number)),
                           (std::max)(1, threads / at_once), &stop_};
        Score made = attempt(outcome.trial, fold);
        const std::lock_guard lock(mutex_);
        if (stopped()) return;
        try {
          file_.add(outcome.trial, number, budget, made);
        } catch (...) {
          stop_ = true;  // the pool rethrows the error
          throw;
        }
        outcome.folds[static_cast<std::size_t>(number)] = std::move(made);
        ++result_.run;
        ++done_;
        if (--missing[index] == 0) finish(outcome);
        if (progress_ && done_ < total) progress_->update(done_, {&best_mean_, 1});
      });
    }
    if (progress_) progress_->finish_epoch(done_, {&best_mean_, 1});
    std::vector<Outcome> complete;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      if (missing[i] == 0) complete.push_back(std::move(outcomes[i]));
    }
    result_.outcomes.insert(result_.outcomes.end(), complete.begin(), complete.end());
    std::sort(complete.begin(), complete.end(), [&](const Outcome& a, const Outcome& b) {
      return ranks_before(a, b, objective_.goal);
    });
    std::vector<int> next;
    for (const Outcome& o : complete) {
      if (!o.failed()) next.push_back(o.trial.number);
    }
    return next;
  }

  [[nodiscard]] ESPALIER_COLD Score attempt(const Trial& trial, const FoldRun& fold) const {
    Score score;
    try {
      score.value = objective_.score(trial, fold);
      if (!std::isfinite(score.value)) score.error = "the score is " + std::to_string(score.value);
    } catch (const std::exception& error) {
      score.error = error.what();
      if (score.error.empty()) score.error = "an exception without a message";
    } catch (...) {
      score.error = "an exception that is no std::exception";
    }
    return score;
  }

  /// Called when all folds of a trial are scored.
  ESPALIER_COLD void finish(Outcome& outcome) {
    outcome.summarize();
    std::string line = "trial " + std::to_string(outcome.trial.number);
    if (outcome.failed()) {
      line += " failed, " + outcome.error();
    } else {
      const bool first = !best_ || outcome.budget != best_->budget;
      if (!first && !ranks_before(outcome, *best_, objective_.goal)) return;
      best_ = outcome;
      best_mean_ = outcome.mean;
      line += ": " + Trial::value_text(outcome.mean) + ", the best so far";
    }
    if (outcome.budget > 0) line += " with a budget of " + std::to_string(outcome.budget);
    if (progress_) progress_->say(line + " (" + outcome.trial.describe() + ")");
  }

  const Space& space_;
  Schedule schedule_;
  const Objective& objective_;
  const Options& options_;
  ScoreFile file_;
  std::unique_ptr<Progress> progress_;
  const InterruptGuard* interrupts_ = nullptr;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  Result result_;
  std::optional<Outcome> best_;  ///< for the current budget
  double best_mean_ = std::nan("");
  Index done_ = 0;
};

}  // namespace detail

/// Runs a search. If a score is not finite or the objective throws, only that trial fails; the
/// search goes on, and the trial is in the table with the reason. Throws ConfigError if the space,
/// strategy, objective or options are invalid; DataError and IoError for the file of scores.
template <Strategy S>
[[nodiscard]] Result run(const Space& space, const S& strategy, const Objective& objective,
                         const Options& options = {}) {
  return detail::Runner(space, strategy.schedule(space), objective, options).run();
}

}  // namespace espalier::search
