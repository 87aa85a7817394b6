// SPDX-License-Identifier: Apache-2.0
// Saving and loading models.
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

// A model's file holds its tensors by name (dense ones as the plan names them, tables rows × width) and in its metadata
//   "espalier"     the layout's version
//   "description"  the model, as describe_plan writes it
//   "features"     vocabularies and normalisation
//   "history"      what inputs of the rows before know, where there are such; its numbers are tensors (row_history_file.hpp)
//   "targets"      means over the training split, where inputs are such; their numbers are tensors (target_encoding_file.hpp)
//   "metrics"      of the validation split, where there was one

inline constexpr std::string_view checkpoint_version = "1";

namespace checkpoint_detail {

[[nodiscard]] inline Shape shape_of(const ParameterInfo& t) {
  return t.columns == 0 ? Shape{t.rows} : Shape{t.rows, t.columns};
}

/// Calls visit(name, shape, values) for every dense tensor and every table, `p` being const or not.
template <class P, class Visit>
void for_each_tensor(const PlanView& plan, P& p, const std::string& prefix, Visit visit) {
  for (const ParameterInfo& t : plan.tensors) {
    visit(prefix + std::string(t.name.view()), shape_of(t),
          std::span(p.dense.data() + t.offset, static_cast<std::size_t>(t.size())));
  }
  for (std::size_t i = 0; i < p.tables.size(); ++i) {
    visit(prefix + std::string(plan.tables[i].name.view()), Shape{p.table_rows[i], plan.tables[i].width},
          p.tables[i].span());
  }
}

inline void add_parameters(SafetensorsWriter& writer, const PlanView& plan, const Parameters<float>& p,
                           const std::string& prefix) {
  if (const std::string found = find_not_finite(plan, p, prefix); !found.empty()) {
    throw_error<CheckpointError>({"a model that is not finite is not saved: ", found});
  }
  for_each_tensor(plan, p, prefix, [&](std::string name, Shape shape, std::span<const float> values) {
    writer.add(std::move(name), std::move(shape), values);
  });
}

inline void read_parameters(const SafetensorsFile& file, const PlanView& plan, Parameters<float>& p,
                            const std::string& prefix) {
  for_each_tensor(plan, p, prefix, [&](const std::string& name, const Shape& shape, std::span<float> values) {
    file.read(name, shape, values);
  });
  if (const std::string found = find_not_finite(plan, p, prefix); !found.empty()) {
    throw_error<CheckpointError>({file.path(), ": ", found, ", expected finite numbers"});
  }
}

/// Throws CheckpointError for the file that a run is resumed from: its weights are the last ones, not the best.
ESPALIER_COLD inline void require_model(const SafetensorsFile& file) {
  if (file.find_metadata("loop") == nullptr) return;
  std::string_view model = file.path();
  if (model.ends_with(".resume")) model.remove_suffix(7);
  throw_error<CheckpointError>({file.path(), ": the resume file of a run, with its last weights; the model is ",
                                (model == file.path() ? "the file that was called so without '.resume'" : model)});
}

inline void add_description(SafetensorsWriter& writer, const PlanView& plan, const FeaturesState& features) {
  writer.metadata("espalier", std::string(checkpoint_version));
  writer.metadata("description", join_lines(describe_plan(plan)));
  writer.metadata("features", to_json(features).dump());
  if (features.history) add_history(writer, *features.history);
  if (features.targets) add_targets(writer, *features.targets);
}

inline void add_metrics(SafetensorsWriter& writer, const SavedMetrics& metrics) {
  if (metrics.epoch > 0) writer.metadata("metrics", to_json(metrics).dump());
}

/// Throws CheckpointError naming the first line in which the file's model and this one differ.
ESPALIER_COLD inline void check_description(const SafetensorsFile& file, const PlanView& plan) {
  const std::string& version = file.metadata("espalier");
  if (version != checkpoint_version) {
    throw_error<CheckpointError>({file.path(), ": layout version ", version, ", expected ",
                                  checkpoint_version});
  }
  const std::string& found = file.metadata("description");
  const std::string expected = join_lines(describe_plan(plan));
  if (found == expected) return;
  const auto [theirs, ours] = first_difference(found, expected);
  throw_error<CheckpointError>({file.path(), ": made for another model: the file has ", theirs,
                                "; this model has ", ours});
}

/// A text of the metadata as JSON. Throws CheckpointError.
template <class Read>
[[nodiscard]] auto read_json(const SafetensorsFile& file, std::string_view key, Read read) {
  try {
    return read(Json::parse(file.metadata(key)));
  } catch (const DataError& error) {
    throw_error<CheckpointError>({file.path(), ": metadata '", key, "': ", error.what()});
  }
}

/// Puts the file's name before what `action` says is wrong with its content.
template <class Action>
void naming(const SafetensorsFile& file, Action action) {
  try {
    action();
  } catch (const CheckpointError& error) {
    throw_error<CheckpointError>({file.path(), ": ", error.what()});
  }
}

}  // namespace checkpoint_detail

/// Writes a model, whole or not at all. Throws IoError; CheckpointError when a weight is NaN or infinite, or its
/// vocabularies do not fit into a header.
inline void save_model(const std::string& path, const PlanView& plan, const Parameters<float>& parameters,
                       const FeaturesState& features, const SavedMetrics& metrics = {}) {
  SafetensorsWriter writer;
  checkpoint_detail::add_description(writer, plan, features);
  checkpoint_detail::add_metrics(writer, metrics);
  checkpoint_detail::add_parameters(writer, plan, parameters, "");
  writer.write(path);
}

/// The vocabularies and normalisation of a saved model. Throws CheckpointError when it is another model's.
[[nodiscard]] inline FeaturesState load_features(const SafetensorsFile& file, const PlanView& plan) {
  checkpoint_detail::check_description(file, plan);
  FeaturesState state = checkpoint_detail::read_json(file, "features", [](const Json& json) { return features_from_json(json); });
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

/// The metrics that a file has; epoch 0 where it has none. Throws CheckpointError when they are malformed.
[[nodiscard]] inline SavedMetrics load_metrics(const SafetensorsFile& file) {
  if (file.find_metadata("metrics") == nullptr) return {};
  return checkpoint_detail::read_json(file, "metrics", [](const Json& json) { return metrics_from_json(json); });
}

/// The weights of a saved model, into parameters of the right sizes. Throws CheckpointError when it is another model's, or
/// one is NaN or infinite.
inline void load_parameters(const SafetensorsFile& file, const PlanView& plan, Parameters<float>& parameters) {
  checkpoint_detail::check_description(file, plan);
  checkpoint_detail::read_parameters(file, plan, parameters, "");
}

/// Takes over the vocabularies and normalisation of a saved model. Throws CheckpointError when they do not fit its schema too.
inline void restore_features(const SafetensorsFile& file, const PlanView& plan, Features& features) {
  FeaturesState state = load_features(file, plan);
  checkpoint_detail::naming(file, [&] { features.restore(std::move(state)); });
}

/// The same from a path; throws IoError too. Both from one SafetensorsFile are of one model, even when it is replaced meanwhile.
[[nodiscard]] inline FeaturesState load_features(const std::string& path, const PlanView& plan) {
  return load_features(SafetensorsFile(path), plan);
}
inline void load_parameters(const std::string& path, const PlanView& plan, Parameters<float>& parameters) {
  load_parameters(SafetensorsFile(path), plan, parameters);
}

}  // namespace espalier
