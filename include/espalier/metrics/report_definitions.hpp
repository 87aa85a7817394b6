// SPDX-License-Identifier: Apache-2.0
// Definitions of the functions that report.hpp declares.
#pragma once

#include "espalier/metrics/report.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/metrics/report_text.hpp"

namespace espalier {

ESPALIER_COLD ESPALIER_INLINE bool better_is_higher(std::string_view metric) {
  constexpr std::string_view higher[] = {"auc",       "pr_auc", "gauc", "mean_auc", "accuracy",
                                         "precision", "recall", "f1",   "r2",       "mrr"};
  constexpr std::string_view lower[] = {"loss", "log_loss",         "rmse",
                                        "mae",  "poisson_deviance", "ece"};
  metric.remove_prefix(metric.rfind('/') + 1);  // npos + 1 is 0
  if (std::find(std::begin(higher), std::end(higher), metric) != std::end(higher)) return true;
  if (metric.starts_with("ndcg@") || metric.starts_with("recall@")) return true;
  if (std::find(std::begin(lower), std::end(lower), metric) != std::end(lower)) return false;
  if (metric == "ratio")
    throw ConfigError("metric 'ratio' is best at 1: neither higher nor lower is better");
  std::string names;
  for (const auto name : higher) names += std::string(name) + ", ";
  for (const auto name : lower) names += std::string(name) + ", ";
  throw_error<ConfigError>(
      {"unknown metric '", metric, "'; expected one of ", names, "ndcg@k, recall@k"});
}

ESPALIER_COLD ESPALIER_INLINE const MetricValue& Report::at(std::string_view task,
                                                            std::string_view metric) const& {
  std::string known;
  for (const auto& row : tasks) {
    if (row.task != task) {
      known += (known.empty() ? "" : ", ") + row.task;
      continue;
    }
    std::string metrics;
    for (const auto& entry : row.metrics) {
      if (entry.name == metric) return entry;
      metrics += (metrics.empty() ? "" : ", ") + entry.name;
    }
    throw_error<ConfigError>({"task '", row.task, "' has no metric '", metric, "'; it has ",
                              (metrics.empty() ? "none" : metrics)});
  }
  throw_error<ConfigError>(
      {"the report has no task '", task, "'; it has ", (known.empty() ? "none" : known)});
}

namespace report_detail {

inline std::string format(const MetricValue& metric) {
  if (!metric.interval) return format(metric.value);
  return format(metric.value) + " [" + format(metric.interval->low) + ", " +
         format(metric.interval->high) + "]";
}

}  // namespace report_detail

ESPALIER_COLD ESPALIER_INLINE std::string Report::to_string() const {
  if (tasks.empty()) return {};
  std::vector<std::vector<std::string>> cells{{"task", "labelled", "mean"}};
  for (const auto& row : tasks)
    for (const auto& entry : row.metrics)
      if (std::find(cells[0].begin() + 3, cells[0].end(), entry.name) == cells[0].end())
        cells[0].push_back(entry.name);
  for (const auto& row : tasks) {
    const bool none = std::isnan(row.mean) && row.labelled > 0;  // a class task has no mean
    std::vector<std::string> line{row.task, std::to_string(row.labelled),
                                  none ? "-" : report_detail::format(row.mean)};
    line.resize(cells[0].size(), "-");
    for (const auto& entry : row.metrics) {
      const auto column =
          std::find(cells[0].begin() + 3, cells[0].end(), entry.name) - cells[0].begin();
      line[static_cast<std::size_t>(column)] = report_detail::format(entry);
    }
    cells.push_back(std::move(line));
  }
  return report_detail::align(cells);
}

}  // namespace espalier
