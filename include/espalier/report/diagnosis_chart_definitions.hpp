// SPDX-License-Identifier: Apache-2.0
// Definitions of diagnosis_chart.hpp.
#pragma once

#include "espalier/report/diagnosis_chart.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/report/history.hpp"
#include "espalier/report/svg_chart.hpp"

namespace espalier {

ESPALIER_COLD ESPALIER_INLINE SvgChart diagnosis_chart(const History& history) {
  std::vector<ChartPanel> panels;
  const auto add = [&](std::string title, std::string_view y, std::string name,
                       const std::string& column) {
    std::size_t at = 0;
    while (at < panels.size() && panels[at].title != title) ++at;
    if (at == panels.size()) {
      panels.push_back({std::move(title), "step", std::string(y), {}});
      panels.back().whole_x = true;
    }
    ChartSeries series;
    series.name = std::move(name);
    for (const HistoryRow& row : history.rows()) {
      series.x.push_back(static_cast<double>(row.step));
      series.y.push_back(row.value(column));
    }
    panels[at].series.push_back(std::move(series));
  };
  const auto within = [](const std::string& column, std::string_view before,
                         std::string_view after) {
    return column.substr(before.size(), column.size() - before.size() - after.size());
  };
  constexpr std::string_view norm = "gradient_norm/all/", cosine = "gradient_cosine/",
                             gate = "gate/", entropy = "/entropy", load = "/load/";
  const std::vector<std::string> columns = history.columns();
  // Task names may contain '/'. The columns of group "all" contain every pair, so they tell where
  // the pair begins in a column name.
  const std::string whole = std::string(cosine) + "all/";
  const auto pair_at = [&](const std::string& column) {
    std::size_t first = column.rfind('/');
    for (const std::string& known : columns) {
      if (!known.starts_with(whole)) continue;
      const std::string_view pair = std::string_view(known).substr(whole.size() - 1);
      if (column.ends_with(pair)) first = (std::min)(first, column.size() - pair.size());
    }
    return first;
  };
  for (const std::string& column : columns) {
    const std::string_view name = column;
    const std::size_t last = name.starts_with(cosine) ? pair_at(column) : 0;
    if (name.starts_with(norm)) {
      add("Length of gradients", "norm", within(column, norm, ""), column);
    } else if (name.starts_with(cosine) && last > cosine.size()) {
      add("Agreement of gradients: " + column.substr(cosine.size(), last - cosine.size()), "cosine",
          column.substr(last + 1), column);
    } else if (name.starts_with(gate) && name.ends_with(entropy)) {
      add("Entropy of gates", "nats", within(column, gate, entropy), column);
    } else if (name.starts_with(gate) && name.find(load) != std::string_view::npos) {
      const std::size_t end = column.rfind(load);
      add("Load of experts: " + column.substr(gate.size(), end - gate.size()), "mean weight",
          "expert " + column.substr(end + load.size()), column);
    }
  }
  SvgChart chart("Diagnosis");
  for (ChartPanel& panel : panels) chart.add(std::move(panel));
  return chart;
}

}  // namespace espalier
