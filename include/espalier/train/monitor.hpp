// SPDX-License-Identifier: Apache-2.0
// `Monitor`: what early stopping watches, as one number, and whether it got better.
#pragma once

#include <cmath>
#include <string>
#include <string_view>

#include "espalier/core/error.hpp"
#include "espalier/metrics/report.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

/// "loss": Σ weight_k · validation loss_k, so that no task alone decides. "mean_auc": mean over the binary tasks.
/// "task/metric": one metric of one task. Throws ConfigError for anything else.
class Monitor {
 public:
  Monitor(const PlanView& plan, std::string_view what) : what_(what) {
    if (what == "loss") return;
    if (what == "mean_auc") {
      higher_ = true;
      for (const TaskInfo& task : plan.tasks) binary_ += task.label == LabelKind::binary ? 1 : 0;
      if (binary_ == 0) throw ConfigError("monitor 'mean_auc': the model has no binary task");
      return;
    }
    const std::size_t slash = what.find('/');
    std::string names;
    for (const TaskInfo& task : plan.tasks) {
      if (slash != std::string_view::npos && task.name == what.substr(0, slash)) {
        task_ = task.name;
        metric_ = what.substr(slash + 1);
        higher_ = better_is_higher(metric_);
        return;
      }
      names += ", '" + std::string(task.name) + "/…'";
    }
    throw ConfigError("monitor '" + what_ + "': expected 'loss', 'mean_auc'" + names);
  }

  [[nodiscard]] double value(const Report& report, double loss) const {
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
  std::string what_;
  std::string task_, metric_;
  bool higher_ = false;
  int binary_ = 0;
};

}  // namespace espalier
