// SPDX-License-Identifier: Apache-2.0
// Settings that a model file does not contain because only training needs them: weights, options of
// losses, rates.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "espalier/core/decimal.hpp"
#include "espalier/data/column.hpp"
#include "espalier/ops/cpu/program.hpp"

namespace espalier {

/// Text that identifies a loss by its values, because its options are constants in its code: the
/// loss and the first gradient at small and at large logits; for classes also the loss of each
/// class at logits of 0.
template <class T>
[[nodiscard]] std::string loss_probe(const LossFunctions<T, Cpu>& loss, LabelKind kind,
                                     int outputs) {
  constexpr std::array<T, 2> labels{0, 1};
  std::vector<T> logits(2 * static_cast<std::size_t>(outputs)), gradient(logits.size());
  std::string text;
  for (const double scale : {1.0, 1000.0}) {
    for (std::size_t i = 0; i < logits.size(); ++i)
      logits[i] = static_cast<T>(scale * (0.75 - static_cast<double>(i % 3)));
    const double value = loss.evaluate({logits.data(), outputs, 2, outputs}, labels.data(), nullptr,
                                       T{1}, {gradient.data(), outputs, 2, outputs}, T{1});
    text += (text.empty() ? "" : ", ") + decimal(value, 5) + " and " +
            decimal(static_cast<double>(gradient[0]), 5);
  }
  text += " at two probes";
  if (kind != LabelKind::classes) return text;
  text += ", classes";
  for (int c = 0; c < outputs; ++c) {
    const T label = static_cast<T>(c);
    std::fill(logits.begin(), logits.end(), T{0});
    text += " " + decimal(loss.evaluate({logits.data(), outputs, 1, outputs}, &label, nullptr, T{1},
                                        {gradient.data(), outputs, 1, outputs}, T{1}),
                          5);
  }
  return text;
}

/// How a label is computed from its column. Empty for the usual case: the column with the name of
/// the task, without further settings.
[[nodiscard]] ESPALIER_COLD inline std::string label_setting(const LabelInfo& label) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (label.column != label.name) add("column '" + std::string(label.column) + "'");
  if (label.rule == LabelRule::at_least) add("at least " + number_text(label.bound));
  if (label.rule == LabelRule::by_name) add("by name");
  for (const std::string_view one : label.texts) add("'" + std::string(one) + "'");
  if (label.log1p) add("log1p");
  if (label.kind == LabelKind::real && !label.standardize) add("not standardized");
  return text;
}

/// Lines of the form "what of 'name': value".
template <class T, class Device>
[[nodiscard]] std::vector<std::string> learning_settings(const Program<T, Device>& program) {
  std::vector<std::string> lines;
  for (std::size_t k = 0; k < program.plan.tasks.size(); ++k) {
    const TaskInfo& task = program.plan.tasks[k];
    const std::string name = " of '" + std::string(task.name) + "': ";
    lines.push_back("weight" + name + number_text(task.weight));
    const std::string label = label_setting(program.plan.schema.labels[k]);
    if (program.plan.schema.labels[k].new_items) lines.push_back("ranks" + name + "of new items");
    if (!label.empty()) lines.push_back("label" + name + label);
    lines.push_back("loss" + name + loss_probe(program.losses[k], task.label, task.logits.rows));
  }
  for (const Node& node : program.plan.nodes) {
    const std::string name = " of '" + std::string(node.name.view()) + "': ";
    if (node.draws > 0) lines.push_back("drawn items" + name + std::to_string(node.draws));
    for (const double rate : {node.dropout_rate, node.epsilon, node.scale, node.loss_weight}) {
      if (rate != 0) lines.push_back("rate" + name + number_text(rate));
    }
    if (node.min_propensity != 0)
      lines.push_back("bound" + name + number_text(node.min_propensity));
  }
  return lines;
}

}  // namespace espalier
