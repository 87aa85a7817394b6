// SPDX-License-Identifier: Apache-2.0
// Definitions of checkpoint.hpp.
#pragma once

#include "espalier/model/checkpoint.hpp"

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/json.hpp"
#include "espalier/data/features.hpp"
#include "espalier/data/features_state.hpp"
#include "espalier/data/row_history.hpp"
#include "espalier/data/target_encoding.hpp"
#include "espalier/exec/parameters.hpp"
#include "espalier/model/description.hpp"
#include "espalier/model/row_history_file.hpp"
#include "espalier/model/safetensors.hpp"
#include "espalier/model/saved_metrics.hpp"
#include "espalier/model/target_encoding_file.hpp"

namespace espalier {

namespace checkpoint_detail {

ESPALIER_INLINE void add_parameters(SafetensorsWriter& writer, const PlanView& plan,
                                    const Parameters<float>& p, const std::string& prefix) {
  if (const std::string found = find_not_finite(plan, p, prefix); !found.empty()) {
    throw_error<CheckpointError>({"a model that is not finite is not saved: ", found});
  }
  for_each_tensor(plan, p, prefix,
                  [&](std::string name, Shape shape, std::span<const float> values) {
                    writer.add(std::move(name), std::move(shape), values);
                  });
}

ESPALIER_INLINE void read_parameters(const SafetensorsFile& file, const PlanView& plan,
                                     Parameters<float>& p, const std::string& prefix) {
  for_each_tensor(plan, p, prefix,
                  [&](const std::string& name, const Shape& shape, std::span<float> values) {
                    file.read(name, shape, values);
                  });
  if (const std::string found = find_not_finite(plan, p, prefix); !found.empty()) {
    throw_error<CheckpointError>({file.path(), ": ", found, ", expected finite numbers"});
  }
}

ESPALIER_COLD ESPALIER_INLINE void require_model(const SafetensorsFile& file) {
  if (file.find_metadata("loop") == nullptr) return;
  std::string_view model = file.path();
  if (model.ends_with(".resume")) model.remove_suffix(7);
  throw_error<CheckpointError>(
      {file.path(), ": the resume file of a run, with its last weights; the model is ",
       (model == file.path() ? "the file that was called so without '.resume'" : model)});
}

ESPALIER_INLINE void add_description(SafetensorsWriter& writer, const PlanView& plan,
                                     const FeaturesState& features) {
  writer.metadata("espalier", std::string(checkpoint_version));
  writer.metadata("description", join_lines(describe_plan(plan)));
  writer.metadata("features", to_json(features).dump());
  if (features.history) add_history(writer, *features.history);
  if (features.targets) add_targets(writer, *features.targets);
}

ESPALIER_INLINE void add_metrics(SafetensorsWriter& writer, const SavedMetrics& metrics) {
  if (metrics.epoch > 0) writer.metadata("metrics", to_json(metrics).dump());
}

ESPALIER_COLD ESPALIER_INLINE void check_description(const SafetensorsFile& file,
                                                     const PlanView& plan) {
  const std::string& version = file.metadata("espalier");
  if (version != checkpoint_version) {
    throw_error<CheckpointError>(
        {file.path(), ": layout version ", version, ", expected ", checkpoint_version});
  }
  const std::string& found = file.metadata("description");
  const std::string expected = join_lines(describe_plan(plan));
  if (found == expected) return;
  const auto [theirs, ours] = first_difference(found, expected);
  throw_error<CheckpointError>(
      {file.path(), ": made for another model: the file has ", theirs, "; this model has ", ours});
}

}  // namespace checkpoint_detail

ESPALIER_INLINE void save_model(const std::string& path, const PlanView& plan,
                                const Parameters<float>& parameters, const FeaturesState& features,
                                const SavedMetrics& metrics) {
  SafetensorsWriter writer;
  checkpoint_detail::add_description(writer, plan, features);
  checkpoint_detail::add_metrics(writer, metrics);
  checkpoint_detail::add_parameters(writer, plan, parameters, "");
  writer.write(path);
}

ESPALIER_INLINE FeaturesState load_features(const SafetensorsFile& file, const PlanView& plan) {
  checkpoint_detail::check_description(file, plan);
  FeaturesState state = checkpoint_detail::read_json(
      file, "features", [](const Json& json) { return features_from_json(json); });
  if (RowHistory history(plan.schema.fields); !history.empty()) {
    read_history(file, history);
    state.history = std::make_shared<const RowHistory>(std::move(history));
  }
  if (TargetEncoding targets(plan.schema.fields); !targets.empty()) {
    read_targets(file, targets);
    state.targets = std::make_shared<const TargetEncoding>(std::move(targets));
  }
  return state;
}

ESPALIER_INLINE SavedMetrics load_metrics(const SafetensorsFile& file) {
  if (file.find_metadata("metrics") == nullptr) return {};
  return checkpoint_detail::read_json(file, "metrics",
                                      [](const Json& json) { return metrics_from_json(json); });
}

ESPALIER_INLINE void load_parameters(const SafetensorsFile& file, const PlanView& plan,
                                     Parameters<float>& parameters) {
  checkpoint_detail::check_description(file, plan);
  checkpoint_detail::read_parameters(file, plan, parameters, "");
}

ESPALIER_INLINE void restore_features(const SafetensorsFile& file, const PlanView& plan,
                                      Features& features) {
  FeaturesState state = load_features(file, plan);
  checkpoint_detail::naming(file, [&] { features.restore(std::move(state)); });
}

ESPALIER_INLINE FeaturesState load_features(const std::string& path, const PlanView& plan) {
  return load_features(SafetensorsFile(path), plan);
}

ESPALIER_INLINE void load_parameters(const std::string& path, const PlanView& plan,
                                     Parameters<float>& parameters) {
  load_parameters(SafetensorsFile(path), plan, parameters);
}

}  // namespace espalier
