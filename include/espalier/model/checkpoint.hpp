// SPDX-License-Identifier: Apache-2.0
// Saves and loads models.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>

#include "espalier/core/config.hpp"
#include "espalier/core/json.hpp"
#include "espalier/core/json_parser.hpp"
#include "espalier/data/features.hpp"
#include "espalier/exec/parameters.hpp"
#include "espalier/model/description.hpp"
#include "espalier/model/row_history_file.hpp"
#include "espalier/model/safetensors.hpp"
#include "espalier/model/saved_metrics.hpp"
#include "espalier/model/target_encoding_file.hpp"

namespace espalier {

// A model file holds the tensors by name (dense ones as named in the plan; tables with shape
// rows × width) and this metadata:
//   "espalier"     version of the layout
//   "description"  the model, as written by describe_plan
//   "features"     vocabularies and normalisation
//   "history"      state of inputs that depend on earlier rows, if there are any; its numbers are
//                  tensors (row_history_file.hpp)
//   "targets"      label means over the training split, if there are such inputs; their numbers
//                  are tensors (target_encoding_file.hpp)
//   "metrics"      metrics on the validation split, if there was one

inline constexpr std::string_view checkpoint_version = "1";

namespace checkpoint_detail {

[[nodiscard]] inline Shape shape_of(const ParameterInfo& t) {
  return t.columns == 0 ? Shape{t.rows} : Shape{t.rows, t.columns};
}

/// Calls visit(name, shape, values) for every dense tensor and every table. `p` may be const.
template <class P, class Visit>
void for_each_tensor(const PlanView& plan, P& p, const std::string& prefix, Visit visit) {
  for (const ParameterInfo& t : plan.tensors) {
    visit(prefix + std::string(t.name.view()), shape_of(t),
          std::span(p.dense.data() + t.offset, static_cast<std::size_t>(t.size())));
  }
  for (std::size_t i = 0; i < p.tables.size(); ++i) {
    visit(prefix + std::string(plan.tables[i].name.view()),
          Shape{p.table_rows[i], plan.tables[i].width}, p.tables[i].span());
  }
}

inline void add_parameters(SafetensorsWriter& writer, const PlanView& plan,
                           const Parameters<float>& p, const std::string& prefix) {
  if (const std::string found = find_not_finite(plan, p, prefix); !found.empty()) {
    throw_error<CheckpointError>({"a model that is not finite is not saved: ", found});
  }
  for_each_tensor(plan, p, prefix,
                  [&](std::string name, Shape shape, std::span<const float> values) {
                    writer.add(std::move(name), std::move(shape), values);
                  });
}

inline void read_parameters(const SafetensorsFile& file, const PlanView& plan, Parameters<float>& p,
                            const std::string& prefix) {
  for_each_tensor(plan, p, prefix,
                  [&](const std::string& name, const Shape& shape, std::span<float> values) {
                    file.read(name, shape, values);
                  });
  if (const std::string found = find_not_finite(plan, p, prefix); !found.empty()) {
    throw_error<CheckpointError>({file.path(), ": ", found, ", expected finite numbers"});
  }
}

/// Throws CheckpointError if the file is a resume file: its weights are the last ones, not the
/// best.
ESPALIER_COLD inline void require_model(const SafetensorsFile& file) {
  if (file.find_metadata("loop") == nullptr) return;
  std::string_view model = file.path();
  if (model.ends_with(".resume")) model.remove_suffix(7);
  throw_error<CheckpointError>(
      {file.path(), ": the resume file of a run, with its last weights; the model is ",
       (model == file.path() ? "the file that was called so without '.resume'" : model)});
}

inline void add_description(SafetensorsWriter& writer, const PlanView& plan,
                            const FeaturesState& features) {
  writer.metadata("espalier", std::string(checkpoint_version));
  writer.metadata("description", join_lines(describe_plan(plan)));
  writer.metadata("features", to_json(features).dump());
  if (features.history) add_history(writer, *features.history);
  if (features.targets) add_targets(writer, *features.targets);
}

inline void add_metrics(SafetensorsWriter& writer, const SavedMetrics& metrics) {
  if (metrics.epoch > 0) writer.metadata("metrics", to_json(metrics).dump());
}

/// Throws CheckpointError if the layout version differs, or the model differs from `plan`; names
/// the first line that differs.
ESPALIER_COLD inline void check_description(const SafetensorsFile& file, const PlanView& plan) {
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

/// Parses a metadata entry as JSON and returns read(json). Throws CheckpointError if it is missing
/// or malformed.
template <class Read>
[[nodiscard]] auto read_json(const SafetensorsFile& file, std::string_view key, Read read) {
  try {
    return read(Json::parse(file.metadata(key)));
  } catch (const DataError& error) {
    throw_error<CheckpointError>({file.path(), ": metadata '", key, "': ", error.what()});
  }
}

/// Runs `action`; prepends the file's path to the message of a CheckpointError.
template <class Action>
void naming(const SafetensorsFile& file, Action action) {
  try {
    action();
  } catch (const CheckpointError& error) {
    throw_error<CheckpointError>({file.path(), ": ", error.what()});
  }
}

}  // namespace checkpoint_detail

/// Writes a model file atomically. Throws IoError; CheckpointError if a weight is NaN or infinite,
/// or the header with the vocabularies is too large.
inline void save_model(const std::string& path, const PlanView& plan,
                       const Parameters<float>& parameters, const FeaturesState& features,
                       const SavedMetrics& metrics = {}) {
  SafetensorsWriter writer;
  checkpoint_detail::add_description(writer, plan, features);
  checkpoint_detail::add_metrics(writer, metrics);
  checkpoint_detail::add_parameters(writer, plan, parameters, "");
  writer.write(path);
}

/// Returns the vocabularies and normalisation of a saved model. Throws CheckpointError if the file
/// was made for another model.
[[nodiscard]] inline FeaturesState load_features(const SafetensorsFile& file,
                                                 const PlanView& plan) {
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

/// Returns the metrics in a file; epoch 0 if there are none. Throws CheckpointError if they are
/// malformed.
[[nodiscard]] inline SavedMetrics load_metrics(const SafetensorsFile& file) {
  if (file.find_metadata("metrics") == nullptr) return {};
  return checkpoint_detail::read_json(file, "metrics",
                                      [](const Json& json) { return metrics_from_json(json); });
}

/// Loads the weights of a saved model into `parameters`, which must have the right sizes. Throws
/// CheckpointError if the file was made for another model, or a weight is NaN or infinite.
inline void load_parameters(const SafetensorsFile& file, const PlanView& plan,
                            Parameters<float>& parameters) {
  checkpoint_detail::check_description(file, plan);
  checkpoint_detail::read_parameters(file, plan, parameters, "");
}

/// Replaces the vocabularies and normalisation of `features` with those of a saved model. Also
/// throws CheckpointError if they do not fit its schema.
inline void restore_features(const SafetensorsFile& file, const PlanView& plan,
                             Features& features) {
  FeaturesState state = load_features(file, plan);
  checkpoint_detail::naming(file, [&] { features.restore(std::move(state)); });
}

/// The same from a path; also throw IoError. To read both from one version of a file that may be
/// replaced in the meantime, use one SafetensorsFile.
[[nodiscard]] inline FeaturesState load_features(const std::string& path, const PlanView& plan) {
  return load_features(SafetensorsFile(path), plan);
}
inline void load_parameters(const std::string& path, const PlanView& plan,
                            Parameters<float>& parameters) {
  load_parameters(SafetensorsFile(path), plan, parameters);
}

}  // namespace espalier
