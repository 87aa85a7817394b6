// SPDX-License-Identifier: Apache-2.0
// The functions for the files that a run can write, and for groups. A `LazyFileOption` refers to
// them once it is set.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/features.hpp"
#include "espalier/exec/executor_interface.hpp"
#include "espalier/exec/parameters.hpp"
#include "espalier/metrics/evaluate.hpp"
#include "espalier/model/loop_state.hpp"
#include "espalier/ops/cpu/program.hpp"
#include "espalier/report/history.hpp"
#include "espalier/report/lazy_file_option.hpp"
#include "espalier/train/options.hpp"

namespace espalier {

class EventFile;
class SafetensorsFile;
struct ResumeView;

/// The parts of a training run that its files contain. Refers to them; does not own them.
struct RunParts {
  const Program<float, Cpu>& program;
  const TrainerOptions& options;
  ExecutorInterface& executor;
  Parameters<float>& best;
  Index training_rows = 0, validation_rows = 0;

  [[nodiscard]] std::vector<std::string> settings() const;
  /// What is saved and resumed; `balance`: the state of the balancing method.
  [[nodiscard]] ResumeView view(std::vector<double> balance) const;
};

struct CheckpointFunctions {
  using File = std::shared_ptr<const SafetensorsFile>;

  /// The file to resume from; null if it does not exist.
  static File open(const std::string& checkpoint);

  static void save_run(const RunParts& run, const Features& features, const LossWeighting& balance,
                       const LoopState& loop);

  /// `batch`: samples per step. Throws CheckpointError if the position of the run is not the start
  /// of a batch.
  static LoopState load_run(const SafetensorsFile& file, const RunParts& run,
                            LossWeighting& balance, Index batch);

  static void save(const std::string& path, const PlanView& plan,
                   const Parameters<float>& parameters, const Features& features,
                   const SavedMetrics& metrics);

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
  static void write_file(const History& history, const std::string& path);

  /// Reads the file; an empty history if it does not exist.
  static History read_file(const std::string& path);

  decltype(&write_file) write;
  decltype(&read_file) read;

  [[nodiscard]] static const HistoryFunctions& all();
};

struct EventFunctions {
  static std::shared_ptr<EventFile> make(const std::string& folder, std::int64_t first_step);
  static void write_row(EventFile& file, const HistoryRow& row);

  decltype(&make) open;
  decltype(&write_row) write;

  [[nodiscard]] static const EventFunctions& all();
};

struct CurveFunctions {
  static void draw(const std::string& path, const History& history, int best_epoch);

  decltype(&draw) write;

  [[nodiscard]] static const CurveFunctions& all();
};

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/train/run_files_definitions.hpp"
#endif
