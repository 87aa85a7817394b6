// SPDX-License-Identifier: Apache-2.0
// `Models`: named model types among which a search chooses, and the check that their scores are
// comparable.
#pragma once

#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/json.hpp"
#include "espalier/core/random.hpp"
#include "espalier/data/labels.hpp"
#include "espalier/model/description.hpp"
#include "espalier/search/space.hpp"
#include "espalier/train/learning_settings.hpp"
#include "espalier/train/monitor.hpp"
#include "espalier/train/trainer.hpp"

namespace espalier::search {

/// A model type with a name. Created by model<Model>(name).
struct NamedModel {
  using Make = PlanTrainer (*)(const PlanTrainer::CpuProgram&, TrainerOptions);

  std::string name;
  PlanTrainer::CpuProgram program;
  /// Creates its trainer. The default creates a trainer for any program, if the model type is no
  /// longer known.
  Make make = [](const PlanTrainer::CpuProgram& p, TrainerOptions options) {
    return PlanTrainer(p, std::move(options));
  };

  /// "mmoe (6f1d…)": the sharing method, and a hash of the whole model and its learning settings.
  [[nodiscard]] ESPALIER_COLD std::string about() const {
    std::uint64_t hash = 0;
    for (const std::string& line : describe_plan(program.plan)) hash = mix(hash, hash_text(line));
    for (const std::string& line : learning_settings(program)) hash = mix(hash, hash_text(line));
    char text[24];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
    return std::string(program.plan.model) + " (" + text + ")";
  }
};

template <class Model>
[[nodiscard]] NamedModel model(std::string name) {
  return {std::move(name), program_of<Model, float, Cpu>(),
          [](const PlanTrainer::CpuProgram&, TrainerOptions options) -> PlanTrainer {
            return Trainer<Model>(std::move(options));
          }};
}

/// Models among which a parameter of the space chooses. Converts to that parameter, so the names
/// are written only once:
///
///     const Models models{model<Small>("small"), model<Large>("large")};
///     const Space space{models, log_uniform("rate", 1e-4, 1e-2)};
///     const auto objective = cross_validation(models, data, {.folds = 5}, options_of);
class Models {
 public:
  /// `parameter`: name of the choice. Throws ConfigError if there is no model, or if a name is
  /// empty or appears twice.
  Models(std::initializer_list<NamedModel> models) : Models(std::vector<NamedModel>(models)) {}
  ESPALIER_COLD explicit Models(std::vector<NamedModel> models, std::string parameter = "model")
      : models_(std::move(models)), parameter_(std::move(parameter)) {
    if (models_.empty()) throw ConfigError("search: there is no model, expected at least one");
    if (parameter_.empty()) throw ConfigError("search: the choice of the model has no name");
    for (std::size_t i = 0; i < models_.size(); ++i) {
      if (models_[i].name.empty())
        throw_error<ConfigError>({"search: model ", i + 1, " has no name"});
      for (std::size_t j = 0; j < i; ++j) {
        if (models_[i].name == models_[j].name)
          throw_error<ConfigError>(
              {"search: two models are called '", models_[i].name, "', expected a name each"});
      }
    }
  }

  [[nodiscard]] const std::vector<NamedModel>& list() const { return models_; }
  [[nodiscard]] const std::string& parameter() const { return parameter_; }

  /// The parameter that chooses among the names.
  [[nodiscard]] ESPALIER_COLD Parameter choice() const {
    std::vector<Json> names;
    for (const NamedModel& m : models_) names.emplace_back(m.name);
    return search::choice(parameter_, std::move(names));
  }
  operator Parameter() const {
    return choice();
  }  // NOLINT(google-explicit-constructor): a space lists it

  /// Throws ConfigError if no model has that name.
  [[nodiscard]] ESPALIER_COLD const NamedModel& at(std::string_view name) const {
    for (const NamedModel& m : models_) {
      if (m.name == name) return m;
    }
    throw_error<ConfigError>(
        {"search: ", parameter_, " is '", name, "', expected one of ", choice().describe()});
  }

  /// "small: mmoe (6f1d…), large: mmoe (a3b0…)"
  [[nodiscard]] ESPALIER_COLD std::string about() const {
    std::string text;
    for (const NamedModel& m : models_)
      text += (text.empty() ? "" : ", ") + m.name + ": " + m.about();
    return text;
  }

 private:
  std::vector<NamedModel> models_;
  std::string parameter_;
};

namespace detail {

/// What a score by `monitor` reads from a model: for each task, a description of what is measured.
/// A loss depends on the weights and losses of the tasks. Metrics are in the unit of the label,
/// regardless of how the model learns it. A custom score may read all tasks.
[[nodiscard]] ESPALIER_COLD inline std::map<std::string, std::string> tasks_of_score(
    const NamedModel& of, const std::string& monitor, bool own_score) {
  const PlanView& plan = of.program.plan;
  const bool by_loss = monitor == "loss" && !own_score,
             by_auc = monitor == "mean_auc" && !own_score;
  const std::size_t only =
      by_loss || by_auc || own_score ? plan.tasks.size() : Monitor::task_of(plan, monitor);
  std::map<std::string, std::string> read;
  for (std::size_t k = 0; k < plan.tasks.size(); ++k) {
    if (only < plan.tasks.size() && k != only) continue;
    if (by_auc && (plan.tasks[k].label != LabelKind::binary || !Monitor(plan, monitor).decides(k)))
      continue;
    LabelInfo label = plan.schema.labels[k];
    std::string text = features_detail::expected(label);
    if (!by_loss) {
      label.log1p = false;
      label.standardize = true;
    }
    if (const std::string setting = label_setting(label); !setting.empty()) text += ", " + setting;
    if (by_loss) {
      text += ", weight " + number_text(plan.tasks[k].weight) + ", " +
              std::string(plan.tasks[k].loss) + " " +
              loss_probe(of.program.losses[k], plan.tasks[k].label, plan.tasks[k].logits.rows);
    }
    if (!label.table.empty()) text += ", items of '" + std::string(label.table) + "'";
    if (label.new_items) text += ", new ones";
    read[std::string(plan.tasks[k].name)] = text;
  }
  return read;
}

/// Throws ConfigError if a better score would not mean a better model.
ESPALIER_COLD inline void require_comparable(const Models& models, const std::string& monitor,
                                             bool own_score) {
  const NamedModel& first = models.list().front();
  const auto expected = tasks_of_score(first, monitor, own_score);
  for (const NamedModel& other : models.list()) {
    const auto found = tasks_of_score(other, monitor, own_score);
    const auto require = [&](const std::string& task) {
      const auto here = found.find(task), there = expected.find(task);
      const bool both = here != found.end() && there != expected.end();
      if (both ? here->second == there->second : own_score) return;
      const auto text = [&](auto at, const auto& all) {
        return at == all.end() ? "not there" : at->second;
      };
      throw_error<ConfigError>(
          {"cross-validation: ", own_score ? "your score" : "'" + monitor + "'", " of models '",
           first.name, "' and '", other.name, "' cannot be compared: task '", task, "' is ",
           text(there, expected), " in the one, ", text(here, found), " in the other"});
    };
    for (const auto& entry : expected) require(entry.first);
    for (const auto& entry : found) require(entry.first);
  }
}

}  // namespace detail

}  // namespace espalier::search
