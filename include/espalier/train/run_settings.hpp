// SPDX-License-Identifier: Apache-2.0
// The settings, as text, that must be equal for a run to be resumed bit by bit.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/data/table.hpp"
#include "espalier/ops/cpu/program.hpp"
#include "espalier/train/learning_settings.hpp"
#include "espalier/train/options.hpp"

namespace espalier {

/// Lines of the form "what: value". Leaves out the number of epochs (unless the schedule depends on
/// it), threads, patience, and the destinations of reports. `device`: "cpu" or another, on which
/// sums have another order.
template <class T, class Device>
[[nodiscard]] std::vector<std::string> run_settings(const Program<T, Device>& program,
                                                    const TrainerOptions& o, Index training_rows,
                                                    Index validation_rows,
                                                    std::string_view device = "cpu") {
  const auto or_none = [](const std::string& text) {
    return text.empty() ? std::string("none") : text;
  };
  std::string frozen;
  for (const std::string& pattern : o.freeze) frozen += (frozen.empty() ? "" : " ") + pattern;
  std::string groups;
  for (const ParameterGroup& group : o.groups)
    groups += (groups.empty() ? "" : ", ") + describe(group);
  std::string schedule = o.schedule.describe();
  if (schedule != Schedule().describe())
    schedule += " over " + std::to_string(o.epochs) + " epochs";
  std::vector<std::string> lines{
      "seed: " + std::to_string(o.seed),
      "batch_size: " + std::to_string(o.batch_size),
      "precision: " + std::string(o.precision.name()) +
          (device == "cpu" ? "" : " on " + std::string(device)),
      "optimizer: " + o.optimizer.describe(),
      "schedule: " + schedule,
      "plateau: " + (o.plateau ? o.plateau->describe() : "none"),
      "max_gradient_norm: " + number_text(o.max_gradient_norm),
      "balance: " + o.balance.describe() +
          (o.balance_on == BalanceOn::representation ? " on representations" : ""),
      "freeze: " + or_none(frozen),
      "groups: " + or_none(groups),
      "average: " + (o.average ? o.average->describe() : "none"),
      "monitor: " + o.monitor,
      "group: " + or_none(o.group.text()),
      "sample_weight: " + or_none(o.sample_weight),
      "training rows: " + std::to_string(training_rows),
      "validation rows: " + std::to_string(validation_rows)};
  for (std::string& line : learning_settings(program)) lines.push_back(std::move(line));
  return lines;
}

}  // namespace espalier
