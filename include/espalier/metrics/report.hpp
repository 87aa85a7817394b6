// SPDX-License-Identifier: Apache-2.0
// `Report`: the metrics of every task, by name and as a table.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/metrics/bootstrap.hpp"

namespace espalier {

struct MetricValue {
  std::string name;
  double value = undefined;  ///< NaN if undefined, for example the AUC of a single class
  std::optional<Interval> interval = std::nullopt;
};

struct TaskReport {
  std::string task;
  std::vector<MetricValue> metrics;
  Index labelled = 0;  ///< samples with a label for this task and a weight above 0
  /// Mean label; the base rate of a binary task; undefined for class tasks.
  double mean = undefined;
};

/// Whether a higher value of the metric is better; early stopping needs to know this. Accepts every
/// metric name, including ndcg@k and recall@k, and also what can be monitored: "loss", "mean_auc"
/// and "task/metric". Throws ConfigError for an unknown name, and for "ratio" (predicted over
/// observed), which is best at 1.
[[nodiscard]] bool better_is_higher(std::string_view metric);

/// One row per task. Converts to text with to_string(), and with << on any stream that accepts a
/// std::string.
struct Report {
  std::vector<TaskReport> tasks;

  /// The metric of the task. Throws ConfigError, listing the known names, if the task or the metric
  /// is unknown.
  [[nodiscard]] const MetricValue& at(std::string_view task, std::string_view metric) const&;
  [[nodiscard]] MetricValue at(std::string_view task, std::string_view metric) && {
    return std::as_const(*this).at(task, metric);
  }

  /// The value of at(task, metric); throws as at() does.
  [[nodiscard]] double value(std::string_view task, std::string_view metric) const {
    return at(task, metric).value;
  }

  /// A plain-text table: one row per task, one column per metric in order of first appearance,
  /// after the columns "labelled" and "mean". "-" if a task lacks the metric, "n/a" if it is
  /// undefined; intervals in brackets. Every line ends in '\n'. Empty if there are no tasks.
  [[nodiscard]] std::string to_string() const;
};

/// `std::cout << report`: writes the table to any stream. The caller includes <ostream>.
template <class Stream>
requires requires(Stream& stream, const std::string& text) { stream << text; }
Stream& operator<<(Stream& stream, const Report& report) {
  stream << report.to_string();
  return stream;
}

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/metrics/report_definitions.hpp"
#endif
