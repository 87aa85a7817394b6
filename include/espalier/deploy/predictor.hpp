// SPDX-License-Identifier: Apache-2.0
// `Predictor<Model>`: a saved model for inference, without gradients or optimiser; any number of
// threads may call it.
#pragma once

#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/nan.hpp"
#include "espalier/data/features.hpp"
#include "espalier/deploy/input_counts.hpp"
#include "espalier/deploy/serving_state.hpp"
#include "espalier/exec/cpu_inference.hpp"
#include "espalier/exec/inference_interface.hpp"
#include "espalier/exec/predictions.hpp"
#include "espalier/model/checkpoint.hpp"

namespace espalier {

struct PredictorOptions {
  Precision precision = Precision::Fp32;
  /// Refuse a row with a missing input, a category that is not in the vocabulary, or a number far
  /// outside the range seen in training. predict_row throws a ConfigError that names input and
  /// value, predict a DataError that names file, line and value.
  bool strict = false;
  /// Clamp numbers to the range of the training split.
  bool clamp = false;
  /// Warns if an input often differs from the training data; see also
  /// PlanPredictor::input_counts().
  InputWarnings warnings{};
};

/// Serves any plan. With `Precision::Bf16` the parameters take about half the memory.
/// `Predictor<Model>` is the same for the plan of a model.
class PlanPredictor {
 public:
  using CpuProgram = Program<float, Cpu>;

  /// Reads a file that Trainer::save or the trainer's checkpoint wrote. `make`: makes the executor;
  /// the CPU's by default. Throws IoError; CheckpointError if the file is of another model, naming
  /// the first difference; ConfigError for invalid options.
  PlanPredictor(const CpuProgram& program, const std::string& path, PredictorOptions options = {},
                MakeInference make = &InferenceOf<Cpu>::make_any);
  PlanPredictor(const CpuProgram& program, const SafetensorsFile& file,
                PredictorOptions options = {}, MakeInference make = &InferenceOf<Cpu>::make_any);
  PlanPredictor(const CpuProgram& program, const std::string& path, Precision precision)
      : PlanPredictor(program, path, PredictorOptions{.precision = precision}) {}
  PlanPredictor(const CpuProgram& program, const SafetensorsFile& file, Precision precision)
      : PlanPredictor(program, file, PredictorOptions{.precision = precision}) {}
  ~PlanPredictor();

  PlanPredictor(const PlanPredictor&) = delete;
  PlanPredictor& operator=(const PlanPredictor&) = delete;

  /// Predictions for every row of `data`, in order. Does not read labels.
  [[nodiscard]] Predictions predict(const Dataset& data) const;
  /// The same for data that features() encoded. Not included in input_counts().
  [[nodiscard]] Predictions predict(const EncodedData& data) const;

  /// Predictions for one row of raw values: {{"age", 31.0}, {"movie", "m7"}}. An input that is not
  /// given is missing. Returns the outputs of all tasks, concatenated in task order. Throws
  /// ConfigError for an unknown name.
  [[nodiscard]] std::vector<float> predict_row(std::span<const NamedValue> values) const {
    return predict_row(values, static_cast<const RowHistory*>(nullptr));
  }
  [[nodiscard]] std::vector<float> predict_row(std::initializer_list<NamedValue> values) const {
    return predict_row(std::span<const NamedValue>(values.begin(), values.size()));
  }

  /// The same for a model with history inputs, which are read from `state`; the row also has the
  /// key, day and time columns that they use. Throws ConfigError if a day or time is missing, and
  /// for a state of a model with other inputs.
  [[nodiscard]] std::vector<float> predict_row(std::span<const NamedValue> values,
                                               const ServingState& state) const;
  [[nodiscard]] std::vector<float> predict_row(std::initializer_list<NamedValue> values,
                                               const ServingState& state) const {
    return predict_row(std::span<const NamedValue>(values.begin(), values.size()), state);
  }

  /// The state after all rows of training and validation; the caller gets a copy to update.
  [[nodiscard]] ServingState initial_state() const;
  /// A state that knows no rows, as at the start of training.
  [[nodiscard]] ServingState empty_state() const {
    return {features_, features_->history_inputs()};
  }
  /// A state that ServingState::save() wrote, also one of an earlier training with the same inputs.
  /// Throws IoError, CheckpointError.
  [[nodiscard]] ServingState load_state(const std::string& path) const;

  /// Per input, in the model's order: how many rows were predicted so far, and in how many of them
  /// it was missing, unknown or far outside the range of training (never, for models saved before
  /// ranges existed). Refused rows do not count.
  [[nodiscard]] std::vector<InputCounts> input_counts() const { return counter_->counts(); }

  // The following references are valid as long as the predictor lives.

  /// The class names of a task that training had, in the order of its first outputs; empty if
  /// classes are numbers. Throws ConfigError for an unknown task.
  [[nodiscard]] const std::vector<std::string>& class_names(std::string_view task) const;

  [[nodiscard]] const PlanView& plan() const;
  [[nodiscard]] const Features& features() const { return *features_; }
  /// Empty with Precision::Bf16.
  [[nodiscard]] const Parameters<float>& parameters() const { return parameters_; }
  /// Memory of the parameters, with padding and copies: the packed weights in fp32, the device's.
  [[nodiscard]] std::size_t parameter_bytes() const;

 private:
  [[nodiscard]] Predictions run(const EncodedData& data) const;
  [[nodiscard]] std::vector<float> predict_row(std::span<const NamedValue> values,
                                               const RowHistory* history) const;
  [[nodiscard]] InputCheck check(std::vector<InputEvent>& found) const {
    return {&found, strict_, clamp_};
  }

  std::shared_ptr<const Features> features_;
  bool strict_, clamp_;
  std::unique_ptr<InputCounter> counter_;
  Parameters<float> parameters_;
  Bf16Parameters bf16_;
  std::unique_ptr<InferenceInterface> executor_;
};

/// The predictor of one model type:
///
///     // A second argument may follow: {.strict = true} or Precision::Bf16.
///     const Predictor<Model> predictor("model.safetensors");
///     const std::vector<float> p = predictor.predict_row({{"age", 31.0}, {"movie", "m7"}});
///
/// `Device`: Cpu, or Cuda with <espalier/cuda.hpp>.
template <class Model, class Device = Cpu>
class Predictor : public PlanPredictor {
 public:
  explicit Predictor(const std::string& path, PredictorOptions options = {})
      : PlanPredictor(program_of<Model, float, Cpu>(), path, std::move(options),
                      InferenceOf<Device>::template make<Model>) {
    require_nan();
  }
  Predictor(const std::string& path, Precision precision)
      : Predictor(path, PredictorOptions{.precision = precision}) {}
};

/// `Predictor predictor("…");` names no model: Predictor<void> gives a readable error.
Predictor(const std::string&, Precision)->Predictor<void>;
Predictor(const std::string&, PredictorOptions = {})->Predictor<void>;

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/deploy/predictor_definitions.hpp"
#endif
