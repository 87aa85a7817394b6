// SPDX-License-Identifier: Apache-2.0
// Saves and loads everything that a run needs to continue bit for bit.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/file.hpp"
#include "espalier/exec/optimizer_state.hpp"
#include "espalier/exec/parameter_average.hpp"
#include "espalier/exec/parameters.hpp"
#include "espalier/model/checkpoint.hpp"
#include "espalier/model/loop_state.hpp"
#include "espalier/model/safetensors.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

// <checkpoint>.resume is a model file with the current weights that also contains
//   best/…             weights of the best epoch, if there is one yet
//   optimizer<s>/…     optimiser state s of all dense parameters ("dense") and of each table
//   average/…          moving average of the weights, if kept
//   average_step/…     for each row of each table, the step up to which its average is current
//   balance, loop      states of the balancing method and of the training loop, as doubles
//   "metrics"          metrics of the best epoch on the validation split
//   "loop", "settings" position of the training loop; settings that must be equal to resume

/// The parts of a training run that are saved and resumed.
struct ResumeView {
  Parameters<float>& parameters;
  OptimizerState<float>& optimizer;
  Parameters<float>& best;      ///< weights of the best epoch; if none yet, the parameters
  std::vector<double> balance;  ///< state of the balancing method
  /// "what: value" lines; equal if one run can continue the other bit for bit.
  std::vector<std::string> settings;
  ParameterAverage<float>* average = nullptr;
};

[[nodiscard]] inline std::string resume_path(const std::string& checkpoint) {
  return checkpoint + ".resume";
}

[[nodiscard]] inline bool resume_exists(const std::string& checkpoint) {
  return file_exists(resume_path(checkpoint));
}

namespace resume_detail {

/// Calls visit(name, values) for every state of the optimiser.
template <class State, class Visit>
void for_each_state(const PlanView& plan, State& state, Visit visit) {
  for (std::size_t s = 0; s < state.dense.size(); ++s) {
    const std::string prefix = "optimizer" + std::to_string(s) + "/";
    visit(prefix + "dense", state.dense[s].span());
    for (std::size_t t = 0; t < state.tables[s].size(); ++t) {
      visit(prefix + std::string(plan.tables[t].name.view()), state.tables[s][t].span());
    }
  }
}

}  // namespace resume_detail

/// Writes <checkpoint>.resume atomically. Throws IoError; CheckpointError if a weight is NaN or
/// infinite.
void save_resume(const std::string& checkpoint, const PlanView& plan, const FeaturesState& features,
                 const ResumeView& view, const LoopState& loop);

/// Reads what save_resume wrote; replaces `view.balance`. Throws CheckpointError if the file was
/// made for another model or if the settings differ, naming the first difference; the state of the
/// objects that `view` refers to is then unspecified.
[[nodiscard]] LoopState load_resume(const SafetensorsFile& file, const PlanView& plan,
                                    ResumeView& view);

[[nodiscard]] LoopState load_resume(const std::string& checkpoint, const PlanView& plan,
                                    ResumeView& view);

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/model/resume_definitions.hpp"
#endif
