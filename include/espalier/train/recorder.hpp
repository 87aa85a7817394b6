// SPDX-License-Identifier: Apache-2.0
// `Recorder`: reports of a training run: progress, history, TensorBoard events, curves.
#pragma once

#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <utility>
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
  ESPALIER_COLD Recorder(const TrainerOptions& options, const PlanView& plan, const LoopState& loop,
                         bool resumed, bool over)
      : history_file_(options.history),
        curves_file_(options.curves),
        event_folder_(options.events) {
    for (const TaskInfo& task : plan.tasks) tasks_.emplace_back(task.name);
    if (const auto* file = history_file_.functions(); file != nullptr && resumed) {
      history_ = file->read(history_file_);
      history_.truncate(loop.epoch);
    }
    const auto* folder = event_folder_.functions();
    if (folder != nullptr && !over)
      events_ = folder->open(event_folder_, resumed ? loop.step + 1 : 0);
    if (options.progress != ShowProgress::never)
      progress_ = std::make_unique<Progress>(tasks_, options.epochs);
    losses_.resize(tasks_.size());
  }

  void start_epoch(const LoopState& loop, Index rows) {
    if (progress_) progress_->start_epoch(loop.epoch + 1, rows, loop.position);
  }

  /// Call after each batch.
  void batch(const LoopState& loop) {
    if (!progress_) return;
    for (std::size_t k = 0; k < losses_.size(); ++k) losses_[k] = loop.mean_loss(k);
    progress_->update(loop.position, losses_);
  }

  /// Call after the last batch of an epoch, before validation.
  void end_of_batches(const LoopState& loop) {
    if (!progress_) return;
    for (std::size_t k = 0; k < losses_.size(); ++k) losses_[k] = loop.mean_loss(k);
    progress_->finish_epoch(loop.position, losses_);
  }

  ESPALIER_COLD void epoch(const EpochInfo& info, const LoopState& loop) {
    HistoryRow row;
    row.epoch = info.epoch;
    row.step = loop.step;
    const auto add = [&](std::string name, double value) {
      row.values.emplace_back(std::move(name), value);
    };
    add("learning_rate", info.learning_rate);
    add("train/loss", info.train_loss);
    for (std::size_t k = 0; k < tasks_.size(); ++k)
      add("train/" + tasks_[k] + "/loss", info.task_losses[k]);
    if (info.validation != nullptr) {
      add("valid/loss", info.validation_loss);
      for (const TaskReport& task : info.validation->tasks) {
        for (const MetricValue& m : task.metrics) add("valid/" + task.task + "/" + m.name, m.value);
      }
    }
    history_.add(std::move(row));
    if (const auto* file = history_file_.functions()) file->write(history_, history_file_);
    require_events();
    if (events_) event_folder_.functions()->write(*events_, history_.rows().back());
    if (progress_ && info.validation != nullptr) say(summary(info));
  }

  /// Writes the values of one step to TensorBoard. A write error does not end the epoch: epoch() or
  /// finish() throws it later, when the run has been saved.
  void event(const HistoryRow& row) {
    if (!events_ || events_failed_) return;
    try {
      event_folder_.functions()->write(*events_, row);
    } catch (const IoError&) {
      events_failed_ = std::current_exception();
    }
  }

  /// Writes the curves at the end of the run.
  void finish(const LoopState& loop) {
    require_events();
    const auto* file = curves_file_.functions();
    if (file != nullptr && !history_.rows().empty())
      file->write(curves_file_, history_, loop.best_epoch);
  }

  /// Prints which finished epochs are missing in the history file of a resumed run.
  ESPALIER_COLD void say_missing(const LoopState& loop) const {
    const int last = history_.rows().empty() ? 0 : history_.rows().back().epoch;
    if (history_file_.empty() || last >= loop.epoch) return;
    say(message({"history file ", history_file_.text(), " lacks epochs ", last + 1, " to ",
                 loop.epoch, " of this run"}));
  }

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
  ESPALIER_COLD static std::string summary(const EpochInfo& info) {
    char number[40];
    const auto format = [&](double value) {
      std::snprintf(number, sizeof number, "%.4f", value);
      return std::string(number);
    };
    std::string line = "  validation: loss " + format(info.validation_loss);
    for (const TaskReport& task : info.validation->tasks) {
      if (!task.metrics.empty()) {
        line += ", " + task.task + " " + task.metrics[0].name + " " + format(task.metrics[0].value);
      }
    }
    return line + (info.best ? "  (best so far)" : "");
  }

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
