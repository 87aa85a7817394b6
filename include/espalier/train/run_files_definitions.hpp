// SPDX-License-Identifier: Apache-2.0
// Definitions of run_files.hpp.
#pragma once

#include "espalier/train/run_files.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/file.hpp"
#include "espalier/model/checkpoint.hpp"
#include "espalier/model/resume.hpp"
#include "espalier/model/safetensors.hpp"
#include "espalier/report/curves.hpp"
#include "espalier/report/event_file.hpp"
#include "espalier/report/history.hpp"
#include "espalier/train/run_settings.hpp"

namespace espalier {

ESPALIER_INLINE std::vector<std::string> RunParts::settings() const {
  return run_settings(program, options, training_rows, validation_rows, executor.device());
}

ESPALIER_INLINE ResumeView RunParts::view(std::vector<double> balance) const {
  return {executor.parameters(), executor.optimizer_state(), best, std::move(balance), settings(),
          &executor.average()};
}

ESPALIER_INLINE CheckpointFunctions::File CheckpointFunctions::open(const std::string& checkpoint) {
  return resume_exists(checkpoint)
             ? std::make_shared<const SafetensorsFile>(resume_path(checkpoint))
             : File();
}

ESPALIER_INLINE void CheckpointFunctions::save_run(const RunParts& run, const Features& features,
                                                   const LossWeighting& balance,
                                                   const LoopState& loop) {
  save_resume(run.options.checkpoint, run.program.plan, features.state(), run.view(balance.state()),
              loop);
}

ESPALIER_COLD ESPALIER_INLINE LoopState CheckpointFunctions::load_run(const SafetensorsFile& file,
                                                                      const RunParts& run,
                                                                      LossWeighting& balance,
                                                                      Index batch) {
  ResumeView view = run.view({});
  LoopState loop = load_resume(file, run.program.plan, view);
  run.executor.changed();
  checkpoint_detail::naming(file, [&] { balance.restore(view.balance); });
  if (loop.position >= run.training_rows || loop.position % batch != 0) {
    throw_error<CheckpointError>(
        {file.path(), ": position is ", loop.position, ", expected the start of a batch"});
  }
  return loop;
}

ESPALIER_INLINE void CheckpointFunctions::save(const std::string& path, const PlanView& plan,
                                               const Parameters<float>& parameters,
                                               const Features& features,
                                               const SavedMetrics& metrics) {
  save_model(path, plan, parameters, features.state(), metrics);
}

ESPALIER_INLINE void HistoryFunctions::write_file(const History& history, const std::string& path) {
  history.write(path);
}

ESPALIER_INLINE History HistoryFunctions::read_file(const std::string& path) {
  return file_exists(path) ? History::read(path) : History();
}

ESPALIER_INLINE std::shared_ptr<EventFile> EventFunctions::make(const std::string& folder,
                                                                std::int64_t first_step) {
  return std::make_shared<EventFile>(folder, first_step);
}

ESPALIER_INLINE void EventFunctions::write_row(EventFile& file, const HistoryRow& row) {
  for (const auto& [name, value] : row.values) file.scalar(name, value, row.step);
}

ESPALIER_INLINE void CurveFunctions::draw(const std::string& path, const History& history,
                                          int best_epoch) {
  write_curves(path, history, "Training", best_epoch);
}

ESPALIER_INLINE const CheckpointFunctions& CheckpointFunctions::all() {
  static constexpr CheckpointFunctions functions{&open, &espalier::restore_features, &load_run,
                                                 &save_run, &save};
  return functions;
}

ESPALIER_INLINE const GroupFunctions& GroupFunctions::all() {
  static constexpr GroupFunctions functions{true};
  return functions;
}

ESPALIER_INLINE const HistoryFunctions& HistoryFunctions::all() {
  static constexpr HistoryFunctions functions{&write_file, &read_file};
  return functions;
}

ESPALIER_INLINE const EventFunctions& EventFunctions::all() {
  static constexpr EventFunctions functions{&make, &write_row};
  return functions;
}

ESPALIER_INLINE const CurveFunctions& CurveFunctions::all() {
  static constexpr CurveFunctions functions{&draw};
  return functions;
}

}  // namespace espalier
