// SPDX-License-Identifier: Apache-2.0
// Saving and loading models, and all that a run needs to be resumed.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/json.hpp"
#include "espalier/core/json_parser.hpp"
#include "espalier/data/features.hpp"
#include "espalier/train/loop_state.hpp"
#include "espalier/train/optimizer_state.hpp"
#include "espalier/train/parameters.hpp"
#include "espalier/train/safetensors.hpp"

namespace espalier {

// A model's file holds its tensors by name (dense ones as the plan names them, tables rows × width) and in its metadata
//   "espalier"     the layout's version
//   "description"  the model, as describe_plan writes it
//   "features"     vocabularies and normalisation

inline constexpr std::string_view checkpoint_version = "1";

/// The model as lines "what: value": architecture, fields, tasks, tensors. Two plans are the same model when these are.
[[nodiscard]] inline std::vector<std::string> describe_plan(const PlanView& plan) {
  std::vector<std::string> lines;
  lines.push_back("sharing: " + std::string(plan.model));
  for (const FieldInfo& f : plan.schema.fields) {
    std::string line = "input '" + std::string(f.name) + "':";
    if (f.is_numeric()) {
      line += " numeric × " + std::to_string(f.width);
      for (int i = 0; i < f.transform_count; ++i) {
        const Transform& t = f.transforms[static_cast<std::size_t>(i)];
        if (t.kind == TransformKind::log1p) line += ", log1p";
        if (t.kind == TransformKind::standardize) line += ", standardize";
        if (t.kind == TransformKind::clip) {
          line += ", clip to [" + Json(t.low).dump() + ", " + Json(t.high).dump() + "]";
        }
      }
    } else {
      line += f.kind == FieldKind::hashed ? " hashed to " + std::to_string(f.buckets) : std::string(" categorical");
      line += " × " + std::to_string(f.width) + ", table '" + std::string(f.table) + "'";
      if (f.min_count > 1) line += ", at least " + std::to_string(f.min_count) + " times";
      if (f.pool != Pool::none) {
        line += std::string(f.pool == Pool::sum ? ", sum" : ", mean") + " over '" + f.separator + "'";
      }
    }
    lines.push_back(line);
  }
  for (std::size_t k = 0; k < plan.tasks.size(); ++k) {
    const TaskInfo& t = plan.tasks[k];
    lines.push_back("task '" + std::string(t.name) + "': " + std::string(t.loss) + " × " + std::to_string(t.outputs));
  }
  for (const ParameterInfo& t : plan.tensors) {
    std::string shape = std::to_string(t.rows);
    if (t.columns > 0) shape += " × " + std::to_string(t.columns);
    lines.push_back("tensor '" + std::string(t.name.view()) + "': " + shape);
  }
  for (const Node& n : plan.nodes) {
    if (n.activation == Activation::identity) continue;
    lines.push_back("activation of '" + std::string(n.name.view()) + "': " +
                    std::to_string(static_cast<int>(n.activation)));
  }
  return lines;
}

namespace detail {

[[nodiscard]] inline Shape shape_of(const ParameterInfo& t) {
  return t.columns == 0 ? Shape{t.rows} : Shape{t.rows, t.columns};
}

inline void add_parameters(SafetensorsWriter& writer, const PlanView& plan, const Parameters<float>& p,
                           const std::string& prefix) {
  for (const ParameterInfo& t : plan.tensors) {
    writer.add(prefix + std::string(t.name.view()), shape_of(t),
               std::span<const float>(p.dense.data() + t.offset, static_cast<std::size_t>(t.size())));
  }
  for (std::size_t i = 0; i < p.tables.size(); ++i) {
    writer.add(prefix + std::string(plan.tables[i].name.view()), Shape{p.table_rows[i], plan.tables[i].width},
               p.tables[i].span());
  }
}

inline void read_parameters(const SafetensorsFile& file, const PlanView& plan, Parameters<float>& p,
                            const std::string& prefix) {
  for (const ParameterInfo& t : plan.tensors) {
    file.read(prefix + std::string(t.name.view()), shape_of(t),
              std::span<float>(p.dense.data() + t.offset, static_cast<std::size_t>(t.size())));
  }
  for (std::size_t i = 0; i < p.tables.size(); ++i) {
    file.read(prefix + std::string(plan.tables[i].name.view()), Shape{p.table_rows[i], plan.tables[i].width},
              p.tables[i].span());
  }
}

inline void add_description(SafetensorsWriter& writer, const PlanView& plan, const FeaturesState& features) {
  std::string text;
  for (const std::string& line : describe_plan(plan)) text += line + "\n";
  writer.metadata("espalier", std::string(checkpoint_version));
  writer.metadata("description", std::move(text));
  writer.metadata("features", to_json(features).dump());
}

/// Throws CheckpointError naming the first line in which the file's model and this one differ.
inline void check_description(const SafetensorsFile& file, const PlanView& plan) {
  const std::string& version = file.metadata("espalier");
  if (version != checkpoint_version) {
    throw CheckpointError(file.path() + ": layout version " + version + ", expected " + std::string(checkpoint_version));
  }
  const std::string& text = file.metadata("description");
  std::size_t at = 0;
  const auto next = [&]() -> std::string {
    const std::size_t end = text.find('\n', at);
    const std::string line = text.substr(at, end == std::string::npos ? end : end - at);
    at = end == std::string::npos ? text.size() : end + 1;
    return line;
  };
  for (const std::string& line : describe_plan(plan)) {
    const std::string found = at < text.size() ? next() : "nothing more";
    if (found != line) {
      throw CheckpointError(file.path() + ": made for another model: the file has " + found + "; this model has " + line);
    }
  }
  if (at < text.size()) {
    throw CheckpointError(file.path() + ": made for another model: the file also has " + next());
  }
}

[[nodiscard]] inline FeaturesState read_features(const SafetensorsFile& file) {
  return features_from_json(Json::parse(file.metadata("features"), file.path() + ": features"));
}

}  // namespace detail

/// Writes a model, whole or not at all. Throws IoError.
inline void save_model(const std::string& path, const PlanView& plan, const Parameters<float>& parameters,
                       const FeaturesState& features) {
  SafetensorsWriter writer;
  detail::add_description(writer, plan, features);
  detail::add_parameters(writer, plan, parameters, "");
  writer.write(path);
}

/// The vocabularies and normalisation of a saved model. Throws IoError; CheckpointError when it is another model's.
[[nodiscard]] inline FeaturesState load_features(const std::string& path, const PlanView& plan) {
  const SafetensorsFile file(path);
  detail::check_description(file, plan);
  return detail::read_features(file);
}

/// The weights of a saved model, into parameters of the right sizes.
inline void load_parameters(const std::string& path, const PlanView& plan, Parameters<float>& parameters) {
  const SafetensorsFile file(path);
  detail::check_description(file, plan);
  detail::read_parameters(file, plan, parameters, "");
}

/// What a run learns with, for saving and resuming it.
struct ResumeView {
  Parameters<float>& parameters;
  OptimizerState<float>& optimizer;
  Parameters<float>& best;           ///< of the best epoch
  std::vector<double> balance;       ///< state of the balancing method
  std::vector<std::string> settings; ///< "what: value", equal for runs that continue each other bit for bit
};

[[nodiscard]] inline std::string resume_path(const std::string& checkpoint) { return checkpoint + ".resume"; }

[[nodiscard]] inline bool resume_exists(const std::string& checkpoint) {
  std::error_code ignored;
  return std::filesystem::exists(resume_path(checkpoint), ignored);
}

/// Writes <checkpoint>.resume: weights, best weights, optimiser state, balance, and where the loop is.
inline void save_resume(const std::string& checkpoint, const PlanView& plan, const FeaturesState& features,
                        const ResumeView& view, const LoopState& loop) {
  SafetensorsWriter writer;
  detail::add_description(writer, plan, features);
  detail::add_parameters(writer, plan, view.parameters, "");
  detail::add_parameters(writer, plan, view.best, "best/");
  for (int s = 0; s < view.optimizer.count; ++s) {
    const auto at = static_cast<std::size_t>(s);
    const std::string prefix = "optimizer" + std::to_string(s) + "/";
    const Buffer<float>& dense = view.optimizer.dense[at];
    writer.add(prefix + "dense", Shape{static_cast<std::int64_t>(dense.size())}, dense.span());
    for (std::size_t t = 0; t < view.optimizer.tables[at].size(); ++t) {
      const Buffer<float>& table = view.optimizer.tables[at][t];
      writer.add(prefix + std::string(plan.tables[t].name.view()), Shape{static_cast<std::int64_t>(table.size())},
                 table.span());
    }
  }
  const std::vector<double> balance = view.balance.empty() ? std::vector<double>{0.0} : view.balance;
  writer.add("balance", Shape{static_cast<std::int64_t>(balance.size())}, std::span<const double>(balance));
  Json state = Json::object();
  state.set("epoch", loop.epoch);
  state.set("position", loop.position);
  state.set("step", loop.step);
  state.set("best_epoch", loop.best_epoch);
  state.set("stopped", loop.stopped);
  writer.metadata("loop", state.dump());
  std::vector<double> numbers{loop.best_value};
  numbers.insert(numbers.end(), loop.loss_sums.begin(), loop.loss_sums.end());
  numbers.insert(numbers.end(), loop.sample_sums.begin(), loop.sample_sums.end());
  writer.add("loop", Shape{static_cast<std::int64_t>(numbers.size())}, std::span<const double>(numbers));
  std::string settings;
  for (const std::string& line : view.settings) settings += line + "\n";
  writer.metadata("settings", std::move(settings));
  writer.write(resume_path(checkpoint));
}

[[nodiscard]] inline FeaturesState load_resume_features(const std::string& checkpoint, const PlanView& plan) {
  return load_features(resume_path(checkpoint), plan);
}

/// Reads back what save_resume wrote; `balance` of the view is filled. Throws CheckpointError when settings differ.
[[nodiscard]] inline LoopState load_resume(const std::string& checkpoint, const PlanView& plan, ResumeView& view) {
  const SafetensorsFile file(resume_path(checkpoint));
  detail::check_description(file, plan);
  std::string settings;
  for (const std::string& line : view.settings) settings += line + "\n";
  const std::string& found = file.metadata("settings");
  if (settings != found) {
    std::size_t line = 0, a = 0, b = 0;
    const auto cut = [](const std::string& text, std::size_t from) { return text.substr(from, text.find('\n', from) - from); };
    for (std::size_t i = 0; i < (std::min)(settings.size(), found.size()) && settings[i] == found[i]; ++i) {
      if (settings[i] == '\n') line = i + 1;
    }
    a = b = line;
    throw CheckpointError(file.path() + ": the run was started with " + cut(found, b) + ", now it is " + cut(settings, a) +
                          "; resume with the same settings or remove the file");
  }
  detail::read_parameters(file, plan, view.parameters, "");
  detail::read_parameters(file, plan, view.best, "best/");
  for (int s = 0; s < view.optimizer.count; ++s) {
    const auto at = static_cast<std::size_t>(s);
    const std::string prefix = "optimizer" + std::to_string(s) + "/";
    Buffer<float>& dense = view.optimizer.dense[at];
    file.read(prefix + "dense", Shape{static_cast<std::int64_t>(dense.size())}, dense.span());
    for (std::size_t t = 0; t < view.optimizer.tables[at].size(); ++t) {
      Buffer<float>& table = view.optimizer.tables[at][t];
      file.read(prefix + std::string(plan.tables[t].name.view()), Shape{static_cast<std::int64_t>(table.size())},
                table.span());
    }
  }
  view.balance = file.values<double>("balance");
  const Json state = Json::parse(file.metadata("loop"), file.path() + ": loop");
  LoopState loop;
  loop.epoch = static_cast<int>(state.at("epoch").as_number());
  loop.position = static_cast<Index>(state.at("position").as_number());
  loop.step = static_cast<std::int64_t>(state.at("step").as_number());
  loop.best_epoch = static_cast<int>(state.at("best_epoch").as_number());
  loop.stopped = state.at("stopped").as_bool();
  const std::vector<double> numbers = file.values<double>("loop");
  if (numbers.empty() || numbers.size() % 2 == 0) throw CheckpointError(file.path() + ": tensor 'loop' has an unexpected length");
  loop.best_value = numbers[0];
  const auto half = static_cast<std::ptrdiff_t>((numbers.size() - 1) / 2);
  loop.loss_sums.assign(numbers.begin() + 1, numbers.begin() + 1 + half);
  loop.sample_sums.assign(numbers.begin() + 1 + half, numbers.end());
  return loop;
}

}  // namespace espalier
