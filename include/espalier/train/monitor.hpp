// SPDX-License-Identifier: Apache-2.0
// `Monitor`: what early stopping watches, as one number, and whether it got better.
#pragma once

#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/error.hpp"
#include "espalier/data/encoded.hpp"
#include "espalier/metrics/evaluate.hpp"
#include "espalier/metrics/report.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

/// "loss": Σ weight_k · validation loss_k, so that no task alone decides. "mean_auc": mean over the binary tasks.
/// "task/metric": one metric of one task.
class Monitor {
 public:
  /// `grouping`: whether there are groups, and so metrics by group. `evaluate`: of the kinds of labels that the tasks have. Throws ConfigError for anything else, and for a metric
  /// that the task does not have.
  ESPALIER_COLD Monitor(const PlanView& plan, std::string_view what, Grouping grouping = {},
                        Evaluate evaluate = &espalier::evaluate<>)
      : plan_(plan), what_(what), grouping_(grouping), evaluate_(evaluate) {
    if (what == "loss") return;
    if (what == "mean_auc") {
      higher_ = true;
      for (const TaskInfo& task : plan.tasks) {
        if (task.label == LabelKind::binary) return;
      }
      throw ConfigError("monitor 'mean_auc': the model has no binary task");
    }
    const std::size_t slash = what.find('/');
    std::string names;
    for (std::size_t k = 0; k < plan.tasks.size(); ++k) {
      const TaskInfo& task = plan.tasks[k];
      if (slash != std::string_view::npos && task.name == what.substr(0, slash)) {
        task_ = task.name;
        metric_ = what.substr(slash + 1);
        find_metric(k);
        return;
      }
      names += ", '" + std::string(task.name) + "/<metric>'";
    }
    throw_error<ConfigError>({"monitor is '", what_, "', expected 'loss', 'mean_auc'", names});
  }

  /// Throws DataError when what is watched is undefined on the validation split whatever the model says: there are no
  /// labels, or only one class of them.
  ESPALIER_COLD void check(const EncodedData& validation) const {
    Report report;
    double labelled = 0;
    for (std::size_t k = 0; k < plan_.tasks.size(); ++k) {
      report.tasks.push_back(of_constants(k, validation.label(k), validation.weights, validation.groups));
      if (plan_.tasks[k].weight > 0) labelled += std::isnan(report.tasks.back().mean) ? 0 : 1;
    }
    if (std::isnan(value(report, labelled > 0 ? 0 : std::nan("")))) {
      throw_error<DataError>({"monitor '", what_,
                              "' is undefined on the validation split: it has no labels for it, or ",
                              "only one class of them"});
    }
  }

  [[nodiscard]] ESPALIER_COLD double value(const Report& report, double loss) const {
    if (what_ == "loss") return loss;
    if (!task_.empty()) return report.value(task_, metric_);
    double sum = 0;
    int count = 0;
    for (const TaskReport& task : report.tasks) {
      for (const MetricValue& m : task.metrics) {
        if (m.name != "auc" || std::isnan(m.value)) continue;
        sum += m.value;
        ++count;
      }
    }
    return count == 0 ? std::nan("") : sum / count;
  }

  /// A NaN is never better; anything is better than a NaN.
  [[nodiscard]] bool better(double now, double best) const {
    if (std::isnan(now)) return false;
    return std::isnan(best) || (higher_ ? now > best : now < best);
  }

  [[nodiscard]] const std::string& what() const { return what_; }

 private:
  /// The metrics that a model would have which says the same of every sample.
  [[nodiscard]] ESPALIER_COLD TaskReport of_constants(std::size_t task,
                                                      std::span<const float> labels, Values weights,
                                                      Groups groups) const {
    const LabelInfo& label = plan_.schema.labels[task];
    const auto outputs = static_cast<std::size_t>(plan_.tasks[task].outputs);
    const std::vector<float> constant(labels.size() * outputs,
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
