// SPDX-License-Identifier: Apache-2.0
// `Predictor<Model>`: a saved model, ready to answer. No gradients, no optimiser; any number of threads may call it.
#pragma once

#include <initializer_list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/data/features.hpp"
#include "espalier/deploy/inference.hpp"
#include "espalier/train/checkpoint.hpp"
#include "espalier/train/predictions.hpp"

namespace espalier {

/// Serves any plan. With `Precision::Bf16` its parameters take half the memory. `Predictor<Model>` is this with the plan of a model.
class PlanPredictor {
 public:
  using CpuProgram = Program<float, cpu::Device>;

  /// Reads what Trainer::save or the trainer's checkpoint wrote. Throws IoError; CheckpointError when the file is
  /// another model's, naming the first difference.
  PlanPredictor(const CpuProgram& program, const std::string& path,
                Precision precision = Precision::Fp32);
  PlanPredictor(const CpuProgram& program, const SafetensorsFile& file,
                Precision precision = Precision::Fp32);
  ~PlanPredictor();

  PlanPredictor(const PlanPredictor&) = delete;
  PlanPredictor& operator=(const PlanPredictor&) = delete;

  /// Predictions for every row of `data`, in order. Labels are not looked at.
  [[nodiscard]] Predictions predict(const Dataset& data) const;

  /// Predictions for one row of raw values: {{"age", 31.0}, {"movie", "m7"}}. An input that is not given is missing.
  /// Returns the outputs of all tasks, one behind the other in the tasks' order. Throws ConfigError for an unknown name.
  [[nodiscard]] std::vector<float> predict_row(std::span<const NamedValue> values) const;
  [[nodiscard]] std::vector<float> predict_row(std::initializer_list<NamedValue> values) const {
    return predict_row(std::span<const NamedValue>(values.begin(), values.size()));
  }

  [[nodiscard]] const PlanView& plan() const;
  [[nodiscard]] const Features& features() const { return features_; }
  /// Empty with Precision::Bf16.
  [[nodiscard]] const Parameters<float>& parameters() const { return parameters_; }
  /// What the parameters take of memory, padding included; in float, the dense ones are kept in panels once more.
  [[nodiscard]] std::size_t parameter_bytes() const;

 private:
  [[nodiscard]] Predictions run(const EncodedData& data) const;

  /// Workspaces are kept between calls: as many as there were calls at one time.
  [[nodiscard]] InferenceExecutor<float>::Workspace borrow() const;
  void give_back(InferenceExecutor<float>::Workspace workspace) const;

  Features features_;
  Parameters<float> parameters_;
  NarrowParameters narrow_;
  std::unique_ptr<InferenceExecutor<float>> executor_;
  mutable std::mutex mutex_;
  mutable std::vector<InferenceExecutor<float>::Workspace> idle_;
};

/// The predictor of one model type:
///
///     const Predictor<Model> predictor("model.safetensors");
///     const std::vector<float> p = predictor.predict_row({{"age", 31.0}, {"movie", "m7"}});
template <class Model>
class Predictor : public PlanPredictor {
 public:
  explicit Predictor(const std::string& path, Precision precision = Precision::Fp32)
      : PlanPredictor(program_of<Model, float, cpu::Device>(), path, precision) {}
};

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/deploy/predictor_definitions.hpp"
#endif
