// SPDX-License-Identifier: Apache-2.0
// Definitions of description.hpp.
#pragma once

#include "espalier/model/description.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/decimal.hpp"
#include "espalier/core/json.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

ESPALIER_COLD ESPALIER_INLINE std::string describe_source(const FieldInfo& f) {
  std::string text =
      f.column == f.name || f.column.empty() ? "" : ", of '" + std::string(f.column) + "'";
  if (!f.second_column.empty()) text += " and '" + std::string(f.second_column) + "'";
  const HistoryInfo& h = f.history;
  if (!h.exists()) return text;
  text += ", by";
  for (const std::string_view key : h.keys) text += " '" + std::string(key) + "'";
  if (h.daily()) text += " before '" + std::string(h.day) + "'";
  if (h.folded()) text += " of the training split, " + std::to_string(h.folds) + " folds";
  if (!h.time.empty()) text += " at '" + std::string(h.time) + "'";
  if (h.kind == HistoryKind::mean) text += ", smoothing " + Json(h.smoothing).dump();
  if (!h.item.empty()) text += ", items '" + std::string(h.item) + "'";
  if (h.delay != 0) text += ", " + Json(h.delay).dump() + " later";
  if (!h.where.empty()) text += ", where '" + std::string(h.where) + "'";
  if (h.back > 1) text += ", " + std::to_string(h.back) + " before";
  return text;
}

ESPALIER_COLD ESPALIER_INLINE std::string describe_field(const FieldInfo& f) {
  std::string text;
  const std::string source = describe_source(f);
  if (f.is_numeric()) {
    text = "numeric × " + std::to_string(f.width);
    for (int i = 0; i < f.transform_count; ++i) {
      const Transform& t = f.transforms[static_cast<std::size_t>(i)];
      switch (t.kind) {
        case TransformKind::log1p:
          text += ", log1p";
          break;
        case TransformKind::standardize:
          text += ", standardize";
          break;
        case TransformKind::clip:
          text += ", clip to [" + Json(t.low).dump() + ", " + Json(t.high).dump() + "]";
          break;
      }
    }
    return text + source;
  }
  if (f.kind == FieldKind::buckets) {
    text = f.edges.empty() ? std::to_string(f.most_buckets) + " buckets" : "buckets at";
    for (const double edge : f.edges) text += " " + Json(edge).dump();
    return text + " × " + std::to_string(f.width) + source;
  }
  if (f.is_text())
    return "text × " + std::to_string(f.width) + ", at most " + std::to_string(f.most_values) +
           " tokens" + source;
  text = f.kind == FieldKind::hashed ? "hashed to " + std::to_string(f.buckets) : "categorical";
  text += " × " + std::to_string(f.width) + ", table '" + std::string(f.table) + "'";
  if (f.min_count > 1) text += ", at least " + std::to_string(f.min_count) + " times";
  text += source;
  if (f.pool == Pool::none) return text;
  const auto separator = static_cast<unsigned char>(f.separator);
  const bool shown = separator > 0x20 && separator < 0x7F;
  const std::string pool =
      f.pool == Pool::sum    ? ", sum over "
      : f.pool == Pool::mean ? ", mean over "
                             : ", the last " + std::to_string(f.most_values) + " values, split at ";
  return text + pool +
         (shown ? "'" + std::string(1, f.separator) + "'"
                : "byte " + std::to_string(int{separator}));
}

/// What an operation on the steps of a sequence computes, as far as no tensor tells it.
[[nodiscard]] ESPALIER_COLD inline std::string describe_steps(const Node& n) {
  std::string text = n.out.exists() ? std::to_string(n.out.rows) + " values" : "no values";
  const auto add = [&](bool is, std::string_view name, int number) {
    if (is) text += ", " + std::string(name) + (number < 0 ? "" : " " + std::to_string(number));
  };
  add(n.groups != 1, "groups", n.groups);
  add(n.causal, "causal", -1);
  add(n.from_last, "from the last", -1);
  add(n.distances > 0, "distances", n.distances);
  add(n.pool_steps != SegmentPool::mean, "pool", static_cast<int>(n.pool_steps));
  if (n.epsilon != 0) text += ", epsilon " + decimal(n.epsilon, 6);
  if (n.scale != 0) text += ", times " + decimal(n.scale, 6);
  return text;
}

ESPALIER_COLD ESPALIER_INLINE std::vector<std::string> describe_plan(const PlanView& plan) {
  std::vector<std::string> lines;
  lines.push_back("sharing: " + std::string(plan.model));
  for (const FieldInfo& f : plan.schema.fields) {
    lines.push_back("input '" + std::string(f.name) + "': " + describe_field(f));
  }
  for (std::size_t k = 0; k < plan.tasks.size(); ++k) {
    const TaskInfo& t = plan.tasks[k];
    const std::string_view items = plan.schema.labels[k].table;
    lines.push_back("task '" + std::string(t.name) + "': " + std::string(t.loss) + " × " +
                    std::to_string(t.outputs) +
                    (items.empty() ? "" : ", items of '" + std::string(items) + "'"));
  }
  for (const ParameterInfo& t : plan.tensors) {
    std::string shape = std::to_string(t.rows);
    if (t.columns > 0) shape += " × " + std::to_string(t.columns);
    lines.push_back("tensor '" + std::string(t.name.view()) + "': " + shape);
  }
  for (const Node& n : plan.nodes) {
    if (n.in.steps.vary() || n.out.steps.vary())
      lines.push_back("steps of '" + std::string(n.name.view()) + "': " + describe_steps(n));
    else if (n.epsilon != 0 && n.epsilon != 1e-5)  // files made before others existed have 1e-5
      lines.push_back("epsilon of '" + std::string(n.name.view()) + "': " + decimal(n.epsilon, 6));
    if (n.activation == Activation::identity) continue;
    lines.push_back("activation of '" + std::string(n.name.view()) +
                    "': " + std::string(activation_name(n.activation)));
  }
  return lines;
}

ESPALIER_INLINE std::string join_lines(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

ESPALIER_COLD ESPALIER_INLINE std::pair<std::string, std::string> first_difference(
    std::string_view a, std::string_view b) {
  if (a == b) return {};
  std::size_t line = 0;
  for (std::size_t i = 0; i < a.size() && i < b.size() && a[i] == b[i]; ++i) {
    if (a[i] == '\n') line = i + 1;
  }
  const auto cut = [line](std::string_view text) {
    if (line >= text.size()) return std::string("nothing more");
    return std::string(text.substr(line, text.find('\n', line) - line));
  };
  return {cut(a), cut(b)};
}

}  // namespace espalier
