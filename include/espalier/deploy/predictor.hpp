// SPDX-License-Identifier: Apache-2.0
// `Predictor<Model>`: a saved model, ready to answer. No gradients, no optimiser; any number of threads may call it.
#pragma once

#include <initializer_list>
#include <memory>
#include <mutex>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/data/batch_buffer.hpp"
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
                Precision precision = Precision::Fp32)
      : PlanPredictor(program, SafetensorsFile(path), precision) {}
  PlanPredictor(const CpuProgram& program, const SafetensorsFile& file,
                Precision precision = Precision::Fp32)
      : features_(program.plan.schema) {
    restore_features(file, program.plan, features_);
    Parameters<float> read(program.plan, features_.vocabulary_rows());
    load_parameters(file, program.plan, read);
    if (precision.narrow()) {
      narrow_ = NarrowParameters(program.plan, read);
      executor_ = std::make_unique<InferenceExecutor<float>>(program, narrow_, precision);
    } else {
      parameters_ = std::move(read);
      executor_ = std::make_unique<InferenceExecutor<float>>(program, parameters_);
    }
  }

  PlanPredictor(const PlanPredictor&) = delete;
  PlanPredictor& operator=(const PlanPredictor&) = delete;

  /// Predictions for every row of `data`, in order.
  [[nodiscard]] Predictions predict(const Dataset& data) const { return run(features_.encode(data)); }

  /// Predictions for one row of raw values: {{"age", 31.0}, {"movie", "m7"}}. An input that is not given is missing.
  /// Returns the outputs of all tasks, one behind the other in the tasks' order. Throws ConfigError for an unknown name.
  [[nodiscard]] std::vector<float> predict_row(std::span<const NamedValue> values) const {
    const Predictions p = run(features_.encode(values));
    std::vector<float> flat;
    for (const std::vector<float>& of_task : p.values) flat.insert(flat.end(), of_task.begin(), of_task.end());
    return flat;
  }
  [[nodiscard]] std::vector<float> predict_row(std::initializer_list<NamedValue> values) const {
    return predict_row(std::span<const NamedValue>(values.begin(), values.size()));
  }

  [[nodiscard]] const PlanView& plan() const { return executor_->plan(); }
  [[nodiscard]] const Features& features() const { return features_; }
  /// Empty with Precision::Bf16.
  [[nodiscard]] const Parameters<float>& parameters() const { return parameters_; }
  /// What the parameters take of memory, padding included.
  [[nodiscard]] std::size_t parameter_bytes() const {
    std::size_t values = parameters_.dense.size();
    for (const Buffer<float>& table : parameters_.tables) values += table.size();
    return values * sizeof(float) + narrow_.bytes();
  }

 private:
  [[nodiscard]] Predictions run(const EncodedData& data) const {
    constexpr Index slice = InferenceExecutor<float>::slice;
    Predictions p(plan(), data.size());
    std::vector<std::int32_t> rows(static_cast<std::size_t>(data.size()));
    std::iota(rows.begin(), rows.end(), 0);
    BatchBuffer<float> buffer(data, (std::min)(slice, data.size()));
    auto workspace = borrow();
    std::vector<float*> out(p.values.size());
    for (Index at = 0; at < data.size(); at += slice) {
      const Index count = (std::min)(slice, data.size() - at);
      buffer.gather(data, std::span<const std::int32_t>(rows).subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(count)));
      for (std::size_t k = 0; k < out.size(); ++k) out[k] = p.values[k].data() + at * plan().tasks[k].outputs;
      executor_->run(buffer.batch(), workspace, out);
    }
    give_back(std::move(workspace));
    return p;
  }

  /// Workspaces are kept between calls: as many as there were calls at one time.
  [[nodiscard]] InferenceExecutor<float>::Workspace borrow() const {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return executor_->make_workspace();
    auto workspace = std::move(idle_.back());
    idle_.pop_back();
    return workspace;
  }
  void give_back(InferenceExecutor<float>::Workspace workspace) const {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(workspace));
  }

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
