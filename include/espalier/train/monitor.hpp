// SPDX-License-Identifier: Apache-2.0
// `Monitor`: the value that early stopping watches, and whether it improved.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "espalier/core/config.hpp"
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
  Monitor(const PlanView& plan, std::string_view what, Grouping grouping = {},
          Evaluate evaluate = &espalier::evaluate<>);

  /// Throws DataError if the monitored value is undefined on the validation split for any model:
  /// there are no labels, or labels of one class only.
  void check(const EncodedData& validation) const;

  [[nodiscard]] double value(const Report& report, double loss) const;

  /// NaN is never better; every number is better than NaN.
  [[nodiscard]] bool better(double now, double best) const {
    if (std::isnan(now)) return false;
    return std::isnan(best) || (higher_ ? now > best : now < best);
  }

  /// Index of the task that "task/metric" names. Throws ConfigError if there is none.
  [[nodiscard]] static std::size_t task_of(const PlanView& plan, std::string_view what);

  [[nodiscard]] const std::string& what() const { return what_; }

  /// Whether the task counts in "loss" and "mean_auc": not with weight 0, unless all tasks have
  /// weight 0.
  [[nodiscard]] bool decides(std::size_t task) const;

 private:
  /// The metrics of a model that predicts the same for every sample.
  [[nodiscard]] TaskReport of_constants(std::size_t task, std::span<const float> labels,
                                        Values weights, Groups groups) const;

  void find_metric(std::size_t task);

  PlanView plan_;
  std::string what_;
  std::string task_, metric_;
  bool higher_ = false;
  Grouping grouping_;
  Evaluate evaluate_;
};

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/train/monitor_definitions.hpp"
#endif
