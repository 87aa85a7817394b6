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
  double value = undefined;  ///< NaN when undefined, for example the AUC of one class
  std::optional<Interval> interval = std::nullopt;
};

struct TaskReport {
  std::string task;
  std::vector<MetricValue> metrics;
  Index labelled = 0;       ///< samples with a label for this task, and a weight above 0
  double mean = undefined;  ///< of the labels: the base rate of a binary task; of classes, which are names, undefined
};

/// Whether a higher value of the metric is better: what early stopping on it has to know. Takes
/// ndcg@k, recall@k and what else can be monitored, "mean_auc" and "task/metric", too. Throws
/// ConfigError for an unknown name, and for "ratio" (predicted over observed), which is best at 1.
[[nodiscard]] bool better_is_higher(std::string_view metric);

/// One row per task. Converts to text by to_string() and by << on any stream that takes a
/// std::string.
struct Report {
  std::vector<TaskReport> tasks;

  /// The metric of the task. Throws ConfigError, naming those there are, when the task or the
  /// metric is unknown.
  [[nodiscard]] const MetricValue& at(std::string_view task, std::string_view metric) const&;
  [[nodiscard]] MetricValue at(std::string_view task, std::string_view metric) && {
    return std::as_const(*this).at(task, metric);
  }

  /// Its value; throws as at().
  [[nodiscard]] double value(std::string_view task, std::string_view metric) const {
    return at(task, metric).value;
  }

  /// A plain table: a row per task, a column per metric in order of first appearance, "-" where a
  /// task lacks it, "n/a" where it is undefined, intervals in brackets. Every line ends in '\n'.
  /// Empty without tasks.
  [[nodiscard]] std::string to_string() const;
};

/// `std::cout << report`: the table, on any stream; <ostream> is the caller's to include.
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
