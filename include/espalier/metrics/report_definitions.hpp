// SPDX-License-Identifier: Apache-2.0
// What report.hpp declares.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/metrics/report.hpp"

namespace espalier {

ESPALIER_COLD ESPALIER_INLINE bool better_is_higher(std::string_view metric) {
  constexpr std::string_view higher[] = {"auc",       "pr_auc", "gauc", "mean_auc", "accuracy",
                                         "precision", "recall", "f1",   "r2"};
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

ESPALIER_COLD inline std::string format(double value) {
  if (std::isnan(value)) return "n/a";
  const double size = std::abs(value);
  char text[32];
  std::snprintf(text, sizeof text, size != 0 && (size < 1e-3 || size >= 1e5) ? "%.3e" : "%.4f",
                value);
  return text;
}

inline std::string format(const MetricValue& metric) {
  if (!metric.interval) return format(metric.value);
  return format(metric.value) + " [" + format(metric.interval->low) + ", " +
         format(metric.interval->high) + "]";
}

/// Characters as shown, so that an accented task's name is aligned: UTF-8 without its
/// continuation bytes.
inline std::size_t shown(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

/// The first column to the left, the others to the right, two spaces between.
ESPALIER_COLD inline std::string align(const std::vector<std::vector<std::string>>& cells) {
  std::vector<std::size_t> widths(cells[0].size(), 0);
  for (const auto& line : cells)
    for (std::size_t c = 0; c < line.size(); ++c) widths[c] = (std::max)(widths[c], shown(line[c]));
  std::string text;
  for (const auto& line : cells) {
    for (std::size_t c = 0; c < line.size(); ++c) {
      const std::string padding(widths[c] - shown(line[c]), ' ');
      text += c == 0 ? line[c] + padding : "  " + padding + line[c];
    }
    text += '\n';
  }
  return text;
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
    std::vector<std::string> line{row.task, std::to_string(row.labelled),
                                  report_detail::format(row.mean)};
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
