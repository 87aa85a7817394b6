// SPDX-License-Identifier: Apache-2.0
// Definitions of curves.hpp.
#pragma once

#include "espalier/report/curves.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/file.hpp"
#include "espalier/report/history.hpp"
#include "espalier/report/svg_canvas.hpp"
#include "espalier/report/svg_chart.hpp"

namespace espalier {

ESPALIER_COLD ESPALIER_INLINE SvgChart chart_of(const History& history, std::string title,
                                                int best_epoch,
                                                const std::vector<std::string>& metrics) {
  struct Curve {
    std::string name, split, task, metric;
  };
  std::vector<Curve> columns;
  std::vector<std::string> tasks;
  for (const std::string& name : history.columns()) {
    const std::size_t first = name.find('/'), last = name.rfind('/');
    if (first == last || first == std::string::npos) continue;
    columns.push_back({name, name.substr(0, first), name.substr(first + 1, last - first - 1),
                       name.substr(last + 1)});
    if (std::find(tasks.begin(), tasks.end(), columns.back().task) == tasks.end()) {
      tasks.push_back(columns.back().task);
    }
  }
  SvgChart chart(std::move(title));
  for (const std::string& metric : metrics) {
    for (const std::string_view split : {"train", "valid"}) {
      ChartPanel panel;
      panel.y_title = chart_detail::metric_title(metric);
      panel.title = (split == "train" ? "Training " : "Validation ") + panel.y_title;
      panel.x_title = "epoch";
      panel.whole_x = true;
      for (const Curve& column : columns) {
        if (column.metric != metric || column.split != split) continue;
        const auto task = std::find(tasks.begin(), tasks.end(), column.task);
        ChartSeries series;
        series.name = column.task;
        series.color = static_cast<int>(task - tasks.begin());
        for (const HistoryRow& row : history.rows()) {
          series.x.push_back(row.epoch);
          series.y.push_back(row.value(column.name));
        }
        panel.series.push_back(std::move(series));
      }
      if (panel.series.empty()) continue;
      if (best_epoch > 0) panel.marks.emplace_back(best_epoch, "best epoch");
      chart.add(std::move(panel));
    }
  }
  return chart;
}

ESPALIER_INLINE void write_curves(const std::string& path, const History& history,
                                  std::string title, int best_epoch) {
  write_file_atomically(path, chart_of(history, std::move(title), best_epoch).to_svg());
}

}  // namespace espalier
