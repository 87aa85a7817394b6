// SPDX-License-Identifier: Apache-2.0
// Definitions of summary.hpp.
#pragma once

#include "espalier/ops/summary.hpp"

#include <algorithm>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/ops/cost.hpp"

namespace espalier {

namespace detail {

ESPALIER_COLD ESPALIER_INLINE std::string grouped_digits(double number) {
  char digits[64];
  int left = std::snprintf(digits, sizeof digits, "%.0f", number);
  std::string text;
  for (const char* d = digits; left > 0; ++d, --left) {
    text += *d;
    if (left > 1 && left % 3 == 1) text += ',';
  }
  return text;
}

/// Formats 1234567 as "1.23 MFLOP".
[[nodiscard]] inline std::string short_flops(double flops) {
  const bool mega = flops >= 1e5;
  char text[64];
  std::snprintf(text, sizeof text, "%.2f %s", flops * (mega ? 1e-6 : 1e-3),
                mega ? "MFLOP" : "kFLOP");
  return text;
}

ESPALIER_COLD ESPALIER_INLINE std::string align_columns(
    const std::vector<std::vector<std::string>>& rows, std::size_t left) {
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = (std::max)(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - row[i].size(), ' ');
      line += (i == 0 ? "" : "  ") + (i < left ? row[i] + padding : padding + row[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  return text;
}

/// Trainable values of each node; a tensor that several nodes read counts for the last of them.
[[nodiscard]] ESPALIER_COLD inline std::vector<Index> parameters_of_nodes(const PlanView& plan) {
  std::vector<Index> sums(plan.nodes.size(), 0);
  std::vector<bool> counted(plan.tensors.size(), false);
  for (std::size_t i = plan.nodes.size(); i-- > 0;) {
    for_each_tensor(plan, plan.nodes[i], [&](std::size_t at, const ParameterInfo& tensor) {
      if (tensor.trainable && !counted[at]) sums[i] += tensor.size();
      counted[at] = true;
    });
  }
  return sums;
}

}  // namespace detail

ESPALIER_COLD ESPALIER_INLINE std::string summary(const PlanView& plan, std::span<const Cost> costs,
                                                  std::span<const std::string_view> operations) {
  using detail::grouped_digits;
  using Rows = std::vector<std::vector<std::string>>;
  const PlanCost total = plan_cost(plan, costs);
  const std::vector<Index> parameters = detail::parameters_of_nodes(plan);
  Rows nodes{{"operation", "where", "output", "parameters", "flops", "flops to train"}};
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    const Node& node = plan.nodes[i];
    std::string shape = std::to_string(node.out.rows);
    if (node.out.steps > 1) shape += " x " + std::to_string(node.out.steps);
    nodes.push_back({std::string(operations[i]), std::string(node.name.view()), shape,
                     grouped_digits(static_cast<double>(parameters[i])),
                     grouped_digits(costs[i].forward_flops),
                     grouped_digits(costs[i].forward_flops + costs[i].backward_flops)});
  }
  nodes.push_back({"total", "", "", grouped_digits(static_cast<double>(total.parameters)),
                   grouped_digits(total.forward_flops), grouped_digits(total.flops())});

  std::string text = std::string(plan.model) + "\n\n" + detail::align_columns(nodes, 2) + '\n';
  if (!plan.tables.empty()) {
    Rows tables{{"table", "width"}};
    for (const TableInfo& table : plan.tables) {
      tables.push_back({std::string(table.name.view()), std::to_string(table.width)});
    }
    text += detail::align_columns(tables, 1) + '\n';
  }
  Rows tasks{{"task", "loss", "outputs", "weight"}};
  for (const TaskInfo& task : plan.tasks) {
    char weight[32];
    std::snprintf(weight, sizeof weight, "%g", task.weight);
    tasks.push_back(
        {std::string(task.name), std::string(task.loss), std::to_string(task.outputs), weight});
  }
  text += detail::align_columns(tasks, 2) + '\n';
  text += "a sample: forward " + detail::short_flops(total.forward_flops) + ", training " +
          detail::short_flops(total.flops()) + ", activations " +
          grouped_digits(static_cast<double>(total.activation_bytes)) +
          " bytes\nparameters: " + grouped_digits(static_cast<double>(total.parameter_bytes)) +
          " bytes";
  text += plan.tables.empty() ? "\n" : ", and the tables, whose rows the data tells\n";
  return text;
}

}  // namespace espalier
