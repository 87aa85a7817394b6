// SPDX-License-Identifier: Apache-2.0
// `Monitor`: what early stopping watches, as one number, and whether it got better.
#pragma once

#include <algorithm>
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

/// "loss": Σ weight_k · validation loss_k, so that no task alone decides. "mean_auc": mean over the binary tasks. A task of
/// weight 0 is measured and decides in neither, unless all have that. "task/metric": one metric of one task, whatever its
/// weight.
class Monitor {
 public:
  /// `grouping`: whether there are groups, and so metrics by group. `evaluate`: of the kinds of labels that the tasks have.
  /// Throws ConfigError for anything else, and for a metric that the task does not have.
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

  /// Throws DataError when what is watched is undefined on the validation split whatever the model says: there are no
  /// labels, or only one class of them.
  ESPALIER_COLD void check(const EncodedData& validation) const {
    Report report;
    double labelled = 0;
    for (std::size_t k = 0; k < plan_.tasks.size(); ++k) {
      report.tasks.push_back(of_constants(k, validation.label(k), validation.weights, validation.groups));
      if (decides(k)) labelled += report.tasks.back().labelled > 0 ? 1 : 0;
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

  /// A NaN is never better; anything is better than a NaN.
  [[nodiscard]] bool better(double now, double best) const {
    if (std::isnan(now)) return false;
    return std::isnan(best) || (higher_ ? now > best : now < best);
  }

  /// The task that "task/metric" names. Throws ConfigError when there is none.
  [[nodiscard]] ESPALIER_COLD static std::size_t task_of(const PlanView& plan, std::string_view what) {
    std::string names;
    std::size_t found = plan.tasks.size();
    for (std::size_t k = 0; k < plan.tasks.size(); ++k) {
      const std::string_view name = plan.tasks[k].name;  // which may have a '/' itself: the longest one counts
      names += ", '" + std::string(name) + "/<metric>'";
      if (what.size() <= name.size() || !what.starts_with(name) || what[name.size()] != '/') continue;
      if (found == plan.tasks.size() || name.size() > plan.tasks[found].name.size()) found = k;
    }
    if (found == plan.tasks.size())
      throw_error<ConfigError>({"monitor is '", what, "', expected 'loss', 'mean_auc'", names});
    return found;
  }

  [[nodiscard]] const std::string& what() const { return what_; }

  /// A task of weight 0 does not, unless all have that.
  [[nodiscard]] bool decides(std::size_t task) const {
    const auto weighs = [](const TaskInfo& t) { return t.weight > 0; };
    return weighs(plan_.tasks[task]) || std::none_of(plan_.tasks.begin(), plan_.tasks.end(), weighs);
  }

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
