// SPDX-License-Identifier: Apache-2.0
// Definitions of `PlanPredictor`.
#pragma once

#include "espalier/deploy/predictor.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/batch_buffer.hpp"
#include "espalier/model/checkpoint.hpp"
#include "espalier/model/row_history_file.hpp"

namespace espalier {

ESPALIER_INLINE PlanPredictor::PlanPredictor(const CpuProgram& program, const std::string& path,
                                             PredictorOptions options, MakeInference make)
    : PlanPredictor(program, SafetensorsFile(path), std::move(options), make) {}

ESPALIER_INLINE PlanPredictor::PlanPredictor(const CpuProgram& program, const SafetensorsFile& file,
                                             PredictorOptions options, MakeInference make)
    : strict_(options.strict),
      clamp_(options.clamp),
      counter_(
          std::make_unique<InputCounter>(program.plan.schema.fields, std::move(options.warnings))) {
  checkpoint_detail::require_model(file);
  auto features = std::make_shared<Features>(program.plan.schema);
  restore_features(file, program.plan, *features);
  features_ = std::move(features);
  Parameters<float> read(program.plan, features_->vocabulary_rows());
  load_parameters(file, program.plan, read);
  if (options.precision.reduced()) {
    bf16_ = Bf16Parameters(program.plan, program.traits, read);
  } else {
    parameters_ = std::move(read);
  }
  executor_ = make(program, {parameters_, bf16_, options.precision});
}

ESPALIER_INLINE PlanPredictor::~PlanPredictor() = default;

ESPALIER_INLINE Predictions PlanPredictor::predict(const Dataset& data) const {
  std::vector<InputEvent> found;
  const EncodedData encoded = features_->encode_inputs(data, check(found));
  counter_->add(data.size(), found);
  return predict(encoded);
}

ESPALIER_INLINE Predictions PlanPredictor::predict(const EncodedData& data) const {
  Predictions p = run(data);
  p.class_names = features_->class_names();
  return p;
}

ESPALIER_INLINE std::vector<float> PlanPredictor::predict_row(std::span<const NamedValue> values,
                                                              const ServingState& state) const {
  const RowHistory& known = state.history();
  if (&state.features() != features_.get() && !known.same_inputs(features_->history_inputs()))
    throw ConfigError(
        "the state is of a model with other inputs: expected one of initial_state() or "
        "load_state()");
  return predict_row(values, &known);
}

ESPALIER_COLD ESPALIER_INLINE ServingState PlanPredictor::initial_state() const {
  const auto& known = features_->state().history;
  return {features_, known ? *known : features_->history_inputs()};
}

ESPALIER_COLD ESPALIER_INLINE ServingState
PlanPredictor::load_state(const std::string& path) const {
  const SafetensorsFile file(path);
  if (file.find_metadata("history") == nullptr)
    throw_error<CheckpointError>(
        {path, ": no state of a served model, expected what ServingState::save() wrote"});
  RowHistory history = features_->history_inputs();
  read_history(file, history);
  return {features_, std::move(history)};
}

ESPALIER_INLINE std::vector<float> PlanPredictor::predict_row(std::span<const NamedValue> values,
                                                              const RowHistory* history) const {
  std::vector<InputEvent> found;
  const EncodedData encoded = features_->encode(values, check(found), history);
  counter_->add(1, found);
  const Predictions p = run(encoded);
  std::vector<float> flat;
  for (const std::vector<float>& of_task : p.values)
    flat.insert(flat.end(), of_task.begin(), of_task.end());
  return flat;
}

ESPALIER_COLD ESPALIER_INLINE const std::vector<std::string>& PlanPredictor::class_names(
    std::string_view task) const {
  for (std::size_t k = 0; k < plan().tasks.size(); ++k)
    if (plan().tasks[k].name == task) return features_->state().labels[k].classes;
  std::string known;
  for (const TaskInfo& t : plan().tasks)
    known += (known.empty() ? "'" : ", '") + std::string(t.name) + "'";
  throw_error<ConfigError>({"no task '", task, "' in the model, expected one of ", known});
}

ESPALIER_INLINE const PlanView& PlanPredictor::plan() const { return executor_->plan(); }

ESPALIER_INLINE std::size_t PlanPredictor::parameter_bytes() const {
  std::size_t values = parameters_.dense.size();
  for (const Buffer<float>& table : parameters_.tables) values += table.size();
  return values * sizeof(float) + executor_->parameter_bytes() + bf16_.bytes();
}

ESPALIER_INLINE Predictions PlanPredictor::run(const EncodedData& data) const {
  const Index most = executor_->capacity();
  Predictions p(plan(), data.size());
  std::vector<std::int32_t> rows(static_cast<std::size_t>(data.size()));
  std::iota(rows.begin(), rows.end(), 0);
  BatchBuffer<float> buffer(data, (std::min)(most, data.size()));
  std::vector<float*> out(p.values.size());
  for (Index at = 0; at < data.size(); at += most) {
    const Index count = (std::min)(most, data.size() - at);
    buffer.gather(data, std::span<const std::int32_t>(rows).subspan(
                            static_cast<std::size_t>(at), static_cast<std::size_t>(count)));
    for (std::size_t k = 0; k < out.size(); ++k)
      out[k] = p.values[k].data() + at * plan().tasks[k].outputs;
    executor_->predict(buffer.batch(), out);
  }
  for (std::size_t k = 0; k < p.values.size(); ++k)
    to_label_unit(features_->state().labels[k].scale, p.values[k]);
  return p;
}

}  // namespace espalier
