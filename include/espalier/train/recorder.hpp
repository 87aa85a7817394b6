// SPDX-License-Identifier: Apache-2.0
// `Recorder`: reports of a training run: progress, history, TensorBoard events, curves.
#pragma once

#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/model/loop_state.hpp"
#include "espalier/plan/plan.hpp"
#include "espalier/report/history.hpp"
#include "espalier/report/progress.hpp"
#include "espalier/train/options.hpp"
#include "espalier/train/run_files.hpp"

namespace espalier {

/// The reports of one run, to the destinations in the options.
class Recorder {
 public:
  Recorder() = default;

  /// The history of a resumed run continues after the finished epochs of `loop`. If the run is
  /// `over`, it writes no events.
  Recorder(const TrainerOptions& options, const PlanView& plan, const LoopState& loop, bool resumed,
           bool over);

  void start_epoch(const LoopState& loop, Index rows);

  /// Call after each batch.
  void batch(const LoopState& loop);

  /// Call after the last batch of an epoch, before validation.
  void end_of_batches(const LoopState& loop);

  void epoch(const EpochInfo& info, const LoopState& loop);

  /// Writes the values of one step to TensorBoard. A write error does not end the epoch: epoch() or
  /// finish() throws it later, when the run has been saved.
  void event(const HistoryRow& row);

  /// Writes the curves at the end of the run.
  void finish(const LoopState& loop);

  /// Prints which finished epochs are missing in the history file of a resumed run.
  void say_missing(const LoopState& loop) const;

  /// Prints a line on standard error, unless progress is off.
  void say(const std::string& line) const {
    if (progress_) progress_->say(line);
  }

  [[nodiscard]] const History& history() const { return history_; }

 private:
  void require_events() const {
    if (events_failed_) std::rethrow_exception(events_failed_);
  }

  /// "  validation: loss 1.0512, click auc 0.7312, watch rmse 1.2101  (best so far)"
  static std::string summary(const EpochInfo& info);

  LazyFileOption<HistoryFunctions> history_file_;
  LazyFileOption<CurveFunctions> curves_file_;
  LazyFileOption<EventFunctions> event_folder_;
  std::vector<std::string> tasks_;
  History history_;
  std::shared_ptr<EventFile> events_;
  std::exception_ptr events_failed_;
  std::unique_ptr<Progress> progress_;
  std::vector<double> losses_;
};

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/train/recorder_definitions.hpp"
#endif
