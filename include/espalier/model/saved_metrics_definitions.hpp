// SPDX-License-Identifier: Apache-2.0
// Definitions of saved_metrics.hpp.
#pragma once

#include "espalier/model/saved_metrics.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/json.hpp"
#include "espalier/metrics/report.hpp"

namespace espalier {

ESPALIER_COLD ESPALIER_INLINE Json to_json(const SavedMetrics& saved) {
  Json tasks = Json::object();
  for (const TaskReport& task : saved.report.tasks) {
    Json metrics = Json::object();
    for (const MetricValue& metric : task.metrics) metrics.set(metric.name, metric.value);
    Json entry = Json::object();
    entry.set("labelled", task.labelled).set("mean", task.mean).set("metrics", std::move(metrics));
    tasks.set(task.task, std::move(entry));
  }
  Json made = Json::object();
  made.set("split", "validation").set("epoch", saved.epoch).set("tasks", std::move(tasks));
  return made;
}

ESPALIER_COLD ESPALIER_INLINE SavedMetrics metrics_from_json(const Json& json) {
  const auto number = [](const Json& value) {
    return value.is_null() ? undefined : value.as_number();
  };
  SavedMetrics saved;
  const std::int64_t epoch = json.at("epoch").as_integer();
  if (epoch < 1 || epoch > std::numeric_limits<int>::max())
    throw_error<DataError>({"epoch is ", epoch, ", expected 1 or more"});
  saved.epoch = static_cast<int>(epoch);
  const Json& tasks = json.at("tasks");
  for (std::size_t k = 0; k < tasks.keys().size(); ++k) {
    const Json& entry = tasks.items()[k];
    TaskReport task{tasks.keys()[k],
                    {},
                    static_cast<Index>(entry.at("labelled").as_integer()),
                    number(entry.at("mean"))};
    const Json& metrics = entry.at("metrics");
    for (std::size_t m = 0; m < metrics.keys().size(); ++m)
      task.metrics.push_back({metrics.keys()[m], number(metrics.items()[m])});
    saved.report.tasks.push_back(std::move(task));
  }
  return saved;
}

}  // namespace espalier
