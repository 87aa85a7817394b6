// SPDX-License-Identifier: Apache-2.0
// `Predictor<Model>`: a saved model, ready to answer. No gradients, no optimiser; any number of threads may call it.
#pragma once

#include <initializer_list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/nan.hpp"
#include "espalier/data/features.hpp"
#include "espalier/deploy/input_counts.hpp"
#include "espalier/deploy/serving_state.hpp"
#include "espalier/exec/inference.hpp"
#include "espalier/exec/predictions.hpp"
#include "espalier/model/checkpoint.hpp"

namespace espalier {

struct PredictorOptions {
  Precision precision = Precision::Fp32;
  /// Refuse a row with an input that is missing, a category that the vocabulary does not have, or a number far outside of
  /// what training saw: predict_row with a ConfigError that names input and value, predict with a DataError that names file,
  /// line and value.
  bool strict = false;
  /// Move numbers into the range of the training split, from its least to its largest.
  bool clamp = false;
  /// A line when an input is often not what training saw; see also PlanPredictor::input_counts().
  InputWarnings warnings{};
};

/// Serves any plan. With `Precision::Bf16` its parameters take half the memory. `Predictor<Model>` is this with the plan of a model.
class PlanPredictor {
 public:
  using CpuProgram = Program<float, Cpu>;

  /// Reads what Trainer::save or the trainer's checkpoint wrote. Throws IoError; CheckpointError when the file is
  /// another model's, naming the first difference; ConfigError for options that cannot be.
  PlanPredictor(const CpuProgram& program, const std::string& path, PredictorOptions options = {});
  PlanPredictor(const CpuProgram& program, const SafetensorsFile& file, PredictorOptions options = {});
  PlanPredictor(const CpuProgram& program, const std::string& path, Precision precision)
      : PlanPredictor(program, path, PredictorOptions{.precision = precision}) {}
  PlanPredictor(const CpuProgram& program, const SafetensorsFile& file, Precision precision)
      : PlanPredictor(program, file, PredictorOptions{.precision = precision}) {}
  ~PlanPredictor();

  PlanPredictor(const PlanPredictor&) = delete;
  PlanPredictor& operator=(const PlanPredictor&) = delete;

  /// Predictions for every row of `data`, in order. Labels are not looked at.
  [[nodiscard]] Predictions predict(const Dataset& data) const;
  /// Of data that features() encoded.
  [[nodiscard]] Predictions predict(const EncodedData& data) const;

  /// Predictions for one row of raw values: {{"age", 31.0}, {"movie", "m7"}}. An input that is not given is missing.
  /// Returns the outputs of all tasks, one behind the other in the tasks' order. Throws ConfigError for an unknown name.
  [[nodiscard]] std::vector<float> predict_row(std::span<const NamedValue> values) const {
    return predict_row(values, static_cast<const RowHistory*>(nullptr));
  }
  [[nodiscard]] std::vector<float> predict_row(std::initializer_list<NamedValue> values) const {
    return predict_row(std::span<const NamedValue>(values.begin(), values.size()));
  }

  /// The same of a model with inputs of the rows before, which `state` knows: the row has the columns that they go by too. Throws
  /// ConfigError where one of days or times is missing, and for a state of a model with other inputs.
  [[nodiscard]] std::vector<float> predict_row(std::span<const NamedValue> values, const ServingState& state) const;
  [[nodiscard]] std::vector<float> predict_row(std::initializer_list<NamedValue> values, const ServingState& state) const {
    return predict_row(std::span<const NamedValue>(values.begin(), values.size()), state);
  }

  /// What the rows that it was trained and validated on have left; for each to move on.
  [[nodiscard]] ServingState initial_state() const;
  /// One that knows of no rows, as training begins.
  [[nodiscard]] ServingState empty_state() const { return {features_, features_->history_inputs()}; }
  /// One that ServingState::save() wrote, also of an earlier training of the same inputs. Throws IoError, CheckpointError.
  [[nodiscard]] ServingState load_state(const std::string& path) const;

  /// Of each input, in the model's order: how many rows were predicted so far, and in how many of them it was missing, unknown
  /// or far outside of what training saw (of models saved before ranges were: never). Rows that were refused do not count.
  [[nodiscard]] std::vector<InputCounts> input_counts() const { return counter_->counts(); }

  // What these refer to lives as long as the predictor.

  /// The names of a task's classes, those that training had, in the order of its first outputs; none where classes are numbers.
  /// Throws ConfigError for an unknown task.
  [[nodiscard]] const std::vector<std::string>& class_names(std::string_view task) const;

  [[nodiscard]] const PlanView& plan() const;
  [[nodiscard]] const Features& features() const { return *features_; }
  /// Empty with Precision::Bf16.
  [[nodiscard]] const Parameters<float>& parameters() const { return parameters_; }
  /// What the parameters take of memory, padding included; in float this includes the packed copy of the dense ones.
  [[nodiscard]] std::size_t parameter_bytes() const;

 private:
  [[nodiscard]] Predictions run(const EncodedData& data) const;
  [[nodiscard]] std::vector<float> predict_row(std::span<const NamedValue> values, const RowHistory* history) const;
  [[nodiscard]] InputCheck check(std::vector<InputEvent>& found) const { return {&found, strict_, clamp_}; }

  /// Workspaces are kept between calls: as many as there were calls at one time.
  [[nodiscard]] InferenceExecutor<float>::Workspace borrow() const;
  void give_back(InferenceExecutor<float>::Workspace workspace) const;

  std::shared_ptr<const Features> features_;
  bool strict_, clamp_;
  std::unique_ptr<InputCounter> counter_;
  Parameters<float> parameters_;
  Bf16Parameters bf16_;
  std::unique_ptr<InferenceExecutor<float>> executor_;
  mutable std::mutex mutex_;
  mutable std::vector<InferenceExecutor<float>::Workspace> idle_;
};

/// The predictor of one model type:
///
///     const Predictor<Model> predictor("model.safetensors");  // , {.strict = true} or , Precision::Bf16
///     const std::vector<float> p = predictor.predict_row({{"age", 31.0}, {"movie", "m7"}});
template <class Model>
class Predictor : public PlanPredictor {
 public:
  explicit Predictor(const std::string& path, PredictorOptions options = {})
      : PlanPredictor(program_of<Model, float, Cpu>(), path, std::move(options)) {
    require_nan();
  }
  Predictor(const std::string& path, Precision precision)
      : Predictor(path, PredictorOptions{.precision = precision}) {}
};

/// `Predictor predictor("…");` names no model, and is told so.
Predictor(const std::string&, Precision)->Predictor<void>;
Predictor(const std::string&, PredictorOptions = {})->Predictor<void>;

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/deploy/predictor_definitions.hpp"
#endif
