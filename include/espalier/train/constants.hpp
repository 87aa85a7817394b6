// SPDX-License-Identifier: Apache-2.0
// Scores of the best constant prediction on labelled data, and which tasks of a model are worse.
#pragma once

#include <cmath>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/decimal.hpp"
#include "espalier/data/encoded.hpp"
#include "espalier/losses/absolute_error.hpp"
#include "espalier/losses/huber.hpp"
#include "espalier/losses/squared_error.hpp"
#include "espalier/metrics/baselines.hpp"
#include "espalier/metrics/regression.hpp"
#include "espalier/metrics/report.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

/// For each task, the metrics of the best constant prediction on these labels, under the names of
/// the task's metrics.
[[nodiscard]] ESPALIER_COLD inline Report constant_report(const Schema& schema,
                                                          const EncodedData& data) {
  Report report;
  for (std::size_t k = 0; k < schema.labels.size(); ++k) {
    const LabelInfo& label = schema.labels[k];
    std::vector<double> y;
    for (const float v : data.label(k))
      y.push_back(data.label_scale(k).to_label(static_cast<double>(v)));
    const Values weights = data.weights;
    const bool named = label.kind == LabelKind::classes || label.kind == LabelKind::item;
    const double mean = named ? undefined : label_mean(y, weights);
    TaskReport task{std::string(label.name), {}, 0, mean};
    for (std::size_t j = 0; j < y.size(); ++j)
      task.labelled += y[j] == y[j] && (data.weights.empty() || data.weights[j] > 0) ? 1 : 0;
    switch (label.kind) {
      case LabelKind::binary:
        task.metrics = {{"auc", 0.5}, {"log_loss", constant_log_loss(y, weights)}};
        break;
      case LabelKind::real:
        task.metrics = {{"rmse", constant_rmse(y, weights)}, {"mae", constant_mae(y, weights)}};
        break;
      case LabelKind::count:
        task.metrics = {
            {"rmse", constant_rmse(y, weights)},
            {"mae", constant_mae(y, weights)},
            {"poisson_deviance",
             poisson_deviance(std::vector<double>(y.size(), std::isnan(mean) ? 0 : mean), y,
                              weights)}};
        break;
      case LabelKind::classes:
        task.metrics = {{"log_loss", constant_class_log_loss(y, label.classes, weights)},
                        {"accuracy", constant_class_accuracy(y, label.classes, weights)}};
        break;
      case LabelKind::item:
        break;  // a constant order is a model of its own: popularity
    }
    report.tasks.push_back(std::move(task));
  }
  return report;
}

namespace constants_detail {

[[nodiscard]] inline double value_of(const TaskReport& task, std::string_view metric) {
  for (const MetricValue& m : task.metrics) {
    if (m.name == metric) return m.value;
  }
  return undefined;
}

/// The metric that corresponds to the loss of the task; empty if unknown.
[[nodiscard]] inline std::string_view aim_of(const LabelInfo& label, std::string_view loss) {
  switch (label.kind) {
    case LabelKind::count:
      return "poisson_deviance";
    case LabelKind::real:
      break;
    case LabelKind::item:
      return "";
    case LabelKind::binary:
    case LabelKind::classes:
      return "log_loss";
  }
  if (loss == SquaredError::name) return label.log1p ? "mae" : "rmse";
  return loss == AbsoluteError::name || loss == Huber<>::name ? "mae" : "";
}

}  // namespace constants_detail

/// One line for each task of positive weight that is clearly worse than the best constant on the
/// validation split: by more than 1 % in the metric that corresponds to its loss, or with an AUC
/// significantly below that of a random order.
[[nodiscard]] ESPALIER_COLD inline std::vector<std::string> constant_notes(
    const PlanView& plan, const Report& validation, const EncodedData& data) {
  using namespace constants_detail;
  const Report constants = constant_report(plan.schema, data);
  std::vector<std::string> notes;
  for (std::size_t k = 0; k < plan.tasks.size(); ++k) {
    if (!(plan.tasks[k].weight > 0)) continue;
    const LabelInfo& label = plan.schema.labels[k];
    const TaskReport& constant = constants.tasks[k];
    const std::string_view aim = aim_of(label, plan.tasks[k].loss);
    const double found = value_of(validation.tasks[k], aim), best = value_of(constant, aim);
    const double auc = value_of(validation.tasks[k], "auc");
    const auto n = static_cast<double>(constant.labelled);
    const double ones = constant.mean * n;
    // 3 standard deviations of the AUC of a random order.
    const double chance = 3 * std::sqrt((n + 1) / (12 * ones * (n - ones)));
    const bool ranks = auc > 0.5 + chance, turned = auc < 0.5 - chance;
    if (!(found > 1.01 * best) && !turned) continue;
    std::string note = "task '" + std::string(label.name) + "': validation ";
    if (found > 1.01 * best) {
      note += std::string(aim) + " " + decimal(found, 4) +
              " is worse than that of the best constant, " + decimal(best, 4);
    } else {
      note += "auc " + decimal(auc, 4) + " is below the 0.5 of a constant";
    }
    if (ranks) {
      note += ". It ranks (auc " + decimal(auc, 4) +
              "), but its probabilities are off: fewer epochs, dropout or weight decay may help";
    } else if (aim == "rmse") {
      note += ". If a few of its labels are very large, try Label<\"" + std::string(label.column) +
              "\", Log1p> or Huber";
    } else {
      note +=
          ": what it learnt does not hold on these rows. More epochs while it gets better, else a "
          "lower learning rate, "
          "dropout or weight decay may help";
    }
    notes.push_back(note);
  }
  return notes;
}

}  // namespace espalier
