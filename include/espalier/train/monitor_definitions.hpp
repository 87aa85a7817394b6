// SPDX-License-Identifier: Apache-2.0
// Definitions of monitor.hpp.
#pragma once

#include "espalier/train/monitor.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"

namespace espalier {

ESPALIER_COLD ESPALIER_INLINE Monitor::Monitor(const PlanView& plan, std::string_view what,
                                               Grouping grouping, Evaluate evaluate)
    : plan_(plan), what_(what), grouping_(grouping), evaluate_(evaluate) {
  if (what == "loss") return;
  if (what == "mean_auc") {
    higher_ = true;
    for (std::size_t k = 0; k < plan.tasks.size(); ++k) {
      if (plan.tasks[k].label == LabelKind::binary && decides(k)) return;
    }
    throw ConfigError("monitor 'mean_auc': the model has no binary task of a weight above 0");
  }
  const std::size_t found = task_of(plan, what);
  task_ = plan.tasks[found].name;
  metric_ = what.substr(task_.size() + 1);
  find_metric(found);
}

ESPALIER_COLD ESPALIER_INLINE void Monitor::check(const EncodedData& validation) const {
  Report report;
  double labelled = 0;
  for (std::size_t k = 0; k < plan_.tasks.size(); ++k) {
    report.tasks.push_back(
        of_constants(k, validation.label(k), validation.weights, validation.groups));
    if (decides(k)) labelled += report.tasks.back().labelled > 0 ? 1 : 0;
  }
  if (std::isnan(value(report, labelled > 0 ? 0 : std::nan("")))) {
    throw_error<DataError>({"monitor '", what_,
                            "' is undefined on the validation split: it has no labels for it, or ",
                            "only one class of them"});
  }
}

ESPALIER_COLD ESPALIER_INLINE double Monitor::value(const Report& report, double loss) const {
  if (what_ == "loss") return loss;
  if (!task_.empty()) return report.value(task_, metric_);
  double sum = 0;
  int count = 0;
  for (std::size_t k = 0; k < report.tasks.size(); ++k) {
    if (!decides(k)) continue;
    for (const MetricValue& m : report.tasks[k].metrics) {
      if (m.name != "auc" || std::isnan(m.value)) continue;
      sum += m.value;
      ++count;
    }
  }
  return count == 0 ? std::nan("") : sum / count;
}

ESPALIER_COLD ESPALIER_INLINE std::size_t Monitor::task_of(const PlanView& plan,
                                                           std::string_view what) {
  std::string names;
  std::size_t found = plan.tasks.size();
  for (std::size_t k = 0; k < plan.tasks.size(); ++k) {
    // May contain '/': the longest match counts.
    const std::string_view name = plan.tasks[k].name;
    names += ", '" + std::string(name) + "/<metric>'";
    if (what.size() <= name.size() || !what.starts_with(name) || what[name.size()] != '/') continue;
    if (found == plan.tasks.size() || name.size() > plan.tasks[found].name.size()) found = k;
  }
  if (found == plan.tasks.size())
    throw_error<ConfigError>({"monitor is '", what, "', expected 'loss', 'mean_auc'", names});
  return found;
}

ESPALIER_INLINE bool Monitor::decides(std::size_t task) const {
  const auto weighs = [](const TaskInfo& t) { return t.weight > 0; };
  return weighs(plan_.tasks[task]) || std::none_of(plan_.tasks.begin(), plan_.tasks.end(), weighs);
}

ESPALIER_COLD ESPALIER_INLINE TaskReport Monitor::of_constants(std::size_t task,
                                                               std::span<const float> labels,
                                                               Values weights,
                                                               Groups groups) const {
  const LabelInfo& label = plan_.schema.labels[task];
  const bool item = label.kind == LabelKind::item;  // a rank
  const auto outputs = item ? 1 : static_cast<std::size_t>(plan_.tasks[task].outputs);
  const float value = item                               ? 1.0F
                      : label.kind == LabelKind::classes ? 1.0F / static_cast<float>(outputs)
                                                         : 0.5F;
  const std::vector<float> constant(labels.size() * outputs, value);
  EvaluateOptions options;
  options.weights = weights;
  options.groups = grouping_(groups);
  return evaluate_(label, constant, labels, options);
}

ESPALIER_INLINE void Monitor::find_metric(std::size_t task) {
  const std::vector<float> label{std::nanf("")};
  const std::vector<std::int32_t> group{0};
  Report report;
  report.tasks.push_back(of_constants(task, label, {}, grouping_ ? Groups(group) : Groups()));
  try {
    static_cast<void>(report.at(task_, metric_));
    higher_ = better_is_higher(metric_);
  } catch (const ConfigError& error) {
    throw_error<ConfigError>({"monitor '", what_, "': ", error.what()});
  }
}

}  // namespace espalier
