// SPDX-License-Identifier: Apache-2.0
// `Predictions`: a model's predictions for every row of a dataset.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/error.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

/// In the order of the dataset's rows.
struct Predictions {
  std::vector<std::string> tasks;
  /// Per task: outputs × samples; probabilities, or means in the label's unit.
  std::vector<std::vector<float>> values;
  std::vector<std::vector<std::string>> class_names;  ///< per task; empty if classes have no names
  std::vector<LabelKind> kinds;                       ///< per task
  std::vector<Index> outputs;                         ///< per task: values per sample; 1 if absent
  std::vector<double> losses;  ///< per task: weighted mean loss; empty if not computed
  /// Per task whose labels are items: the ranks of the labels, see item_ranks(); else empty.
  std::vector<std::vector<float>> ranks;

  Predictions() = default;
  Predictions(const PlanView& plan, Index samples) {
    for (const TaskInfo& task : plan.tasks) {
      tasks.emplace_back(task.name);
      values.emplace_back(static_cast<std::size_t>(samples * task.outputs));
      outputs.push_back(task.outputs);
    }
    class_names.resize(tasks.size());
    for (const LabelInfo& label : plan.schema.labels) kinds.push_back(label.kind);
  }

  /// Values per sample.
  [[nodiscard]] std::size_t width(std::size_t task) const {
    return task < outputs.size() ? static_cast<std::size_t>(outputs[task]) : 1;
  }

  [[nodiscard]] std::size_t samples() const {
    return values.empty() ? 0 : values[0].size() / width(0);
  }

  /// Predictions of one task; returned by value for temporaries
  /// (`predictor.predict(data).of("click")`). Throws ConfigError for an unknown name.
  [[nodiscard]] const std::vector<float>& of(std::string_view task) const& {
    for (std::size_t k = 0; k < tasks.size(); ++k) {
      if (tasks[k] == task) return values[k];
    }
    std::string known;
    for (const std::string& name : tasks) known += (known.empty() ? "'" : ", '") + name + "'";
    throw_error<ConfigError>({"no predictions for a task '", task, "', expected one of ", known});
  }
  [[nodiscard]] std::vector<float> of(std::string_view task) && {
    return std::as_const(*this).of(task);
  }
};

}  // namespace espalier
