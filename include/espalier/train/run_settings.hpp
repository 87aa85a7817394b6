// SPDX-License-Identifier: Apache-2.0
// What must be the same for a run to go on bit for bit, as text.
#pragma once

#include <array>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/data/table.hpp"
#include "espalier/ops/program.hpp"
#include "espalier/train/options.hpp"

namespace espalier {

namespace settings_detail {

/// A loss is code: two of one name are told apart by what they say of two samples.
template <class T>
[[nodiscard]] std::string probe(const LossFunctions<T>& loss, int outputs) {
  constexpr std::array<T, 2> labels{0, 1};
  std::vector<T> logits(2 * static_cast<std::size_t>(outputs)), gradient(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<T>(0.75) - static_cast<T>(i % 3);
  const double value = loss.evaluate({logits.data(), outputs, 2, outputs}, labels.data(), nullptr, T{1},
                                     {gradient.data(), outputs, 2, outputs});
  char text[80];
  std::snprintf(text, sizeof text, "%.5g and %.5g at a probe", value, static_cast<double>(gradient[0]));
  return text;
}

}  // namespace settings_detail

/// Lines "what: value". Not among them: how many epochs and threads, patience, and where reports go.
template <class T, class Device>
[[nodiscard]] std::vector<std::string> run_settings(const Program<T, Device>& program, const TrainerOptions& o,
                                                    Index training_rows, Index validation_rows) {
  const auto or_none = [](const std::string& text) { return text.empty() ? std::string("none") : text; };
  std::string frozen;
  for (const std::string& pattern : o.freeze) frozen += (frozen.empty() ? "" : " ") + pattern;
  std::string schedule = o.schedule.describe();
  if (schedule != Schedule().describe()) schedule += " over " + std::to_string(o.epochs) + " epochs";
  std::vector<std::string> lines{"seed: " + std::to_string(o.seed),
                                 "batch_size: " + std::to_string(o.batch_size),
                                 "precision: " + std::string(o.precision.name()),
                                 "optimizer: " + o.optimizer.describe(),
                                 "schedule: " + schedule,
                                 "max_gradient_norm: " + number_text(o.max_gradient_norm),
                                 "balance: " + o.balance.describe() +
                                     (o.balance_on == BalanceOn::representation ? " on representations" : ""),
                                 "freeze: " + or_none(frozen),
                                 "monitor: " + o.monitor,
                                 "sample_weight: " + or_none(o.sample_weight),
                                 "training rows: " + std::to_string(training_rows),
                                 "validation rows: " + std::to_string(validation_rows)};
  for (std::size_t k = 0; k < program.plan.tasks.size(); ++k) {
    const TaskInfo& task = program.plan.tasks[k];
    const std::string name = " of '" + std::string(task.name) + "': ";
    lines.push_back("weight" + name + number_text(task.weight));
    lines.push_back("loss" + name + settings_detail::probe(program.losses[k], task.outputs));
  }
  for (const Node& node : program.plan.nodes) {
    if (node.real != 0) lines.push_back("rate of '" + std::string(node.name.view()) + "': " + number_text(node.real));
  }
  return lines;
}

}  // namespace espalier
