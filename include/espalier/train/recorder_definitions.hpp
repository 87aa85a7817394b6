// SPDX-License-Identifier: Apache-2.0
// Definitions of recorder.hpp.
#pragma once

#include "espalier/train/recorder.hpp"

#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/metrics/report.hpp"
#include "espalier/report/event_file.hpp"
#include "espalier/report/progress.hpp"

namespace espalier {

ESPALIER_COLD ESPALIER_INLINE Recorder::Recorder(const TrainerOptions& options,
                                                 const PlanView& plan, const LoopState& loop,
                                                 bool resumed, bool over)
    : history_file_(options.history), curves_file_(options.curves), event_folder_(options.events) {
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

ESPALIER_INLINE void Recorder::start_epoch(const LoopState& loop, Index rows) {
  if (progress_) progress_->start_epoch(loop.epoch + 1, rows, loop.position);
}

ESPALIER_INLINE void Recorder::batch(const LoopState& loop) {
  if (!progress_) return;
  for (std::size_t k = 0; k < losses_.size(); ++k) losses_[k] = loop.mean_loss(k);
  progress_->update(loop.position, losses_);
}

ESPALIER_INLINE void Recorder::end_of_batches(const LoopState& loop) {
  if (!progress_) return;
  for (std::size_t k = 0; k < losses_.size(); ++k) losses_[k] = loop.mean_loss(k);
  progress_->finish_epoch(loop.position, losses_);
}

ESPALIER_COLD ESPALIER_INLINE void Recorder::epoch(const EpochInfo& info, const LoopState& loop) {
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

ESPALIER_INLINE void Recorder::event(const HistoryRow& row) {
  if (!events_ || events_failed_) return;
  try {
    event_folder_.functions()->write(*events_, row);
  } catch (const IoError&) {
    events_failed_ = std::current_exception();
  }
}

ESPALIER_INLINE void Recorder::finish(const LoopState& loop) {
  require_events();
  const auto* file = curves_file_.functions();
  if (file != nullptr && !history_.rows().empty())
    file->write(curves_file_, history_, loop.best_epoch);
}

ESPALIER_COLD ESPALIER_INLINE void Recorder::say_missing(const LoopState& loop) const {
  const int last = history_.rows().empty() ? 0 : history_.rows().back().epoch;
  if (history_file_.empty() || last >= loop.epoch) return;
  say(message({"history file ", history_file_.text(), " lacks epochs ", last + 1, " to ",
               loop.epoch, " of this run"}));
}

ESPALIER_COLD ESPALIER_INLINE std::string Recorder::summary(const EpochInfo& info) {
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

}  // namespace espalier
