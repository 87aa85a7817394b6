// SPDX-License-Identifier: Apache-2.0
// Saves and loads models.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/json.hpp"
#include "espalier/data/features.hpp"
#include "espalier/data/features_state.hpp"
#include "espalier/exec/parameters.hpp"
#include "espalier/model/description.hpp"
#include "espalier/model/safetensors.hpp"
#include "espalier/model/saved_metrics.hpp"
#include "espalier/plan/plan.hpp"

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

void add_parameters(SafetensorsWriter& writer, const PlanView& plan, const Parameters<float>& p,
                    const std::string& prefix);

void read_parameters(const SafetensorsFile& file, const PlanView& plan, Parameters<float>& p,
                     const std::string& prefix);

/// Throws CheckpointError if the file is a resume file: its weights are the last ones, not the
/// best.
void require_model(const SafetensorsFile& file);

void add_description(SafetensorsWriter& writer, const PlanView& plan,
                     const FeaturesState& features);

void add_metrics(SafetensorsWriter& writer, const SavedMetrics& metrics);

/// Throws CheckpointError if the layout version differs, or the model differs from `plan`; names
/// the first line that differs.
void check_description(const SafetensorsFile& file, const PlanView& plan);

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
void save_model(const std::string& path, const PlanView& plan, const Parameters<float>& parameters,
                const FeaturesState& features, const SavedMetrics& metrics = {});

/// Returns the vocabularies and normalisation of a saved model. Throws CheckpointError if the file
/// was made for another model.
[[nodiscard]] FeaturesState load_features(const SafetensorsFile& file, const PlanView& plan);

/// Returns the metrics in a file; epoch 0 if there are none. Throws CheckpointError if they are
/// malformed.
[[nodiscard]] SavedMetrics load_metrics(const SafetensorsFile& file);

/// Loads the weights of a saved model into `parameters`, which must have the right sizes. Throws
/// CheckpointError if the file was made for another model, or a weight is NaN or infinite.
void load_parameters(const SafetensorsFile& file, const PlanView& plan,
                     Parameters<float>& parameters);

/// Replaces the vocabularies and normalisation of `features` with those of a saved model. Also
/// throws CheckpointError if they do not fit its schema.
void restore_features(const SafetensorsFile& file, const PlanView& plan, Features& features);

/// The same from a path; also throw IoError. To read both from one version of a file that may be
/// replaced in the meantime, use one SafetensorsFile.
[[nodiscard]] FeaturesState load_features(const std::string& path, const PlanView& plan);
void load_parameters(const std::string& path, const PlanView& plan, Parameters<float>& parameters);

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/model/checkpoint_definitions.hpp"
#endif
