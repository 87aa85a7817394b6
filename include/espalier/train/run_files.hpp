// SPDX-License-Identifier: Apache-2.0
// The functions for the files that a run can write, and for groups. A `LazyFileOption` refers to
// them once it is set.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/features.hpp"
#include "espalier/metrics/evaluate.hpp"
#include "espalier/model/resume.hpp"
#include "espalier/ops/program.hpp"
#include "espalier/report/curves.hpp"
#include "espalier/report/event_file.hpp"
#include "espalier/report/history.hpp"
#include "espalier/report/lazy_file_option.hpp"
#include "espalier/train/options.hpp"
#include "espalier/train/run_settings.hpp"

namespace espalier {

/// The parts of a training run that its files contain. Refers to them; does not own them.
struct RunParts {
  const Program<float, Cpu>& program;
  const TrainerOptions& options;
  Parameters<float>& parameters;
  OptimizerState<float>& optimizer;
  Parameters<float>& best;
  ParameterAverage<float>& average;
  Index training_rows = 0, validation_rows = 0;

  [[nodiscard]] std::vector<std::string> settings() const {
    return run_settings(program, options, training_rows, validation_rows);
  }
};

struct CheckpointFunctions {
  using File = std::shared_ptr<const SafetensorsFile>;

  /// The file to resume from; null if it does not exist.
  static File open(const std::string& checkpoint) {
    return resume_exists(checkpoint)
               ? std::make_shared<const SafetensorsFile>(resume_path(checkpoint))
               : File();
  }

  static void save_run(const RunParts& run, const Features& features, const LossWeighting& balance,
                       const LoopState& loop) {
    save_resume(
        run.options.checkpoint, run.program.plan, features.state(),
        {run.parameters, run.optimizer, run.best, balance.state(), run.settings(), &run.average},
        loop);
  }

  /// `batch`: samples per step. Throws CheckpointError if the position of the run is not the start
  /// of a batch.
  ESPALIER_COLD static LoopState load_run(const SafetensorsFile& file, const RunParts& run,
                                          LossWeighting& balance, Index batch) {
    ResumeView view{run.parameters, run.optimizer, run.best, {}, run.settings(), &run.average};
    LoopState loop = load_resume(file, run.program.plan, view);
    checkpoint_detail::naming(file, [&] { balance.restore(view.balance); });
    if (loop.position >= run.training_rows || loop.position % batch != 0) {
      throw_error<CheckpointError>(
          {file.path(), ": position is ", loop.position, ", expected the start of a batch"});
    }
    return loop;
  }

  static void save(const std::string& path, const PlanView& plan,
                   const Parameters<float>& parameters, const Features& features,
                   const SavedMetrics& metrics) {
    save_model(path, plan, parameters, features.state(), metrics);
  }

  decltype(&open) open_resumed;
  void (*restore_features)(const SafetensorsFile&, const PlanView&, Features&);
  decltype(&load_run) load;
  decltype(&save_run) save_state;
  decltype(&save) save_weights;

  [[nodiscard]] static const CheckpointFunctions& all();
};

struct GroupFunctions {
  Grouping grouping;

  [[nodiscard]] static const GroupFunctions& all();
};

struct HistoryFunctions {
  static void write_file(const History& history, const std::string& path) { history.write(path); }

  /// Reads the file; an empty history if it does not exist.
  static History read_file(const std::string& path) {
    return file_exists(path) ? History::read(path) : History();
  }

  decltype(&write_file) write;
  decltype(&read_file) read;

  [[nodiscard]] static const HistoryFunctions& all();
};

struct EventFunctions {
  static std::shared_ptr<EventFile> make(const std::string& folder, std::int64_t first_step) {
    return std::make_shared<EventFile>(folder, first_step);
  }
  static void write_row(EventFile& file, const HistoryRow& row) {
    for (const auto& [name, value] : row.values) file.scalar(name, value, row.step);
  }

  decltype(&make) open;
  decltype(&write_row) write;

  [[nodiscard]] static const EventFunctions& all();
};

struct CurveFunctions {
  static void draw(const std::string& path, const History& history, int best_epoch) {
    write_curves(path, history, "Training", best_epoch);
  }

  decltype(&draw) write;

  [[nodiscard]] static const CurveFunctions& all();
};

#if ESPALIER_DEFINE
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
#endif

}  // namespace espalier
