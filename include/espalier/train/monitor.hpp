// SPDX-License-Identifier: Apache-2.0
// `Monitor`: the value that early stopping watches, and whether it improved.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/error.hpp"
#include "espalier/data/encoded.hpp"
#include "espalier/metrics/evaluate.hpp"
#include "espalier/metrics/report.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

/// "loss": Σ weight_k · validation loss_k, so that no single task decides. "mean_auc": the mean
/// over the binary tasks. A task of weight 0 is measured but does not count in either, unless all
/// tasks have weight 0. "task/metric": one metric of one task, regardless of its weight.
class Monitor {
 public:
  /// `grouping`: whether there are groups, and thus grouped metrics. `evaluate`: for the label
  /// kinds of the tasks. Throws ConfigError if `what` is none of these, or if the task does not
  /// have the metric.
  ESPALIER_COLD Monitor(const PlanView& plan, std::string_view what, Grouping grouping = {},
                        Evaluate evaluate = &espalier::evaluate<>)
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

  /// Throws DataError if the monitored value is undefined on the validation split for any model:
  /// there are no labels, or labels of one class only.
  ESPALIER_COLD void check(const EncodedData& validation) const {
    Report report;
    double labelled = 0;
    for (std::size_t k = 0; k < plan_.tasks.size(); ++k) {
      report.tasks.push_back(
          of_constants(k, validation.label(k), validation.weights, validation.groups));
      if (decides(k)) labelled += report.tasks.back().labelled > 0 ? 1 : 0;
    }
    if (std::isnan(value(report, labelled > 0 ? 0 : std::nan("")))) {
      throw_error<DataError>(
          {"monitor '", what_,
           "' is undefined on the validation split: it has no labels for it, or ",
           "only one class of them"});
    }
  }

  [[nodiscard]] ESPALIER_COLD double value(const Report& report, double loss) const {
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

  /// NaN is never better; every number is better than NaN.
  [[nodiscard]] bool better(double now, double best) const {
    if (std::isnan(now)) return false;
    return std::isnan(best) || (higher_ ? now > best : now < best);
  }

  /// Index of the task that "task/metric" names. Throws ConfigError if there is none.
  [[nodiscard]] ESPALIER_COLD static std::size_t task_of(const PlanView& plan,
                                                         std::string_view what) {
    std::string names;
    std::size_t found = plan.tasks.size();
    for (std::size_t k = 0; k < plan.tasks.size(); ++k) {
      // May contain '/': the longest match counts.
      const std::string_view name = plan.tasks[k].name;
      names += ", '" + std::string(name) + "/<metric>'";
      if (what.size() <= name.size() || !what.starts_with(name) || what[name.size()] != '/')
        continue;
      if (found == plan.tasks.size() || name.size() > plan.tasks[found].name.size()) found = k;
    }
    if (found == plan.tasks.size())
      throw_error<ConfigError>({"monitor is '", what, "', expected 'loss', 'mean_auc'", names});
    return found;
  }

  [[nodiscard]] const std::string& what() const { return what_; }

  /// Whether the task counts in "loss" and "mean_auc": not with weight 0, unless all tasks have
  /// weight 0.
  [[nodiscard]] bool decides(std::size_t task) const {
    const auto weighs = [](const TaskInfo& t) { return t.weight > 0; };
    return weighs(plan_.tasks[task]) ||
           std::none_of(plan_.tasks.begin(), plan_.tasks.end(), weighs);
  }

 private:
  /// The metrics of a model that predicts the same for every sample.
  [[nodiscard]] ESPALIER_COLD TaskReport of_constants(std::size_t task,
                                                      std::span<const float> labels, Values weights,
                                                      Groups groups) const {
    const LabelInfo& label = plan_.schema.labels[task];
    const auto outputs = static_cast<std::size_t>(plan_.tasks[task].outputs);
    const std::vector<float> constant(
        labels.size() * outputs,
        label.kind == LabelKind::classes ? 1.0F / static_cast<float>(outputs) : 0.5F);
    EvaluateOptions options;
    options.weights = weights;
    options.groups = grouping_(groups);
    return evaluate_(label, constant, labels, options);
  }

  void find_metric(std::size_t task) {
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

  PlanView plan_;
  std::string what_;
  std::string task_, metric_;
  bool higher_ = false;
  Grouping grouping_;
  Evaluate evaluate_;
};

}  // namespace espalier
