// SPDX-License-Identifier: Apache-2.0
// `SavedMetrics`: the validation metrics stored in a model file.
#pragma once

#include "espalier/core/config.hpp"
#include "espalier/core/json.hpp"
#include "espalier/metrics/report.hpp"

namespace espalier {

/// Metrics of the epoch whose weights are in the file. Epoch 0: unknown.
struct SavedMetrics {
  int epoch = 0;
  Report report{};
};

/// {"split": "validation", "epoch": 3,
///  "tasks": {"click": {"labelled": …, "mean": …, "metrics": {"auc": …, …}}, …}}
/// Undefined values are null.
[[nodiscard]] Json to_json(const SavedMetrics& saved);

/// Throws DataError if the JSON has another structure or the epoch is less than 1.
[[nodiscard]] SavedMetrics metrics_from_json(const Json& json);

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/model/saved_metrics_definitions.hpp"
#endif
