// SPDX-License-Identifier: Apache-2.0
// Definitions of serving_state.hpp.
#pragma once

#include "espalier/deploy/serving_state.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/data/features.hpp"
#include "espalier/data/named_value.hpp"
#include "espalier/data/row_history.hpp"
#include "espalier/model/row_history_file.hpp"
#include "espalier/model/safetensors.hpp"

namespace espalier {

ESPALIER_INLINE void ServingState::observe(Values row, Values labels) {
  const RowKeys known = features_->row_keys(row);
  const std::vector<double> values = label_values(labels);
  history_.add(known, values.data());
}

ESPALIER_INLINE void ServingState::observe_labels(Values row, Values labels) {
  const RowKeys known = features_->row_keys(row);
  const std::vector<double> values = label_values(labels);
  history_.add_labels(known, values.data());
}

ESPALIER_COLD ESPALIER_INLINE void ServingState::save(const std::string& path) const {
  SafetensorsWriter writer;
  writer.metadata("espalier_state", "1");
  add_history(writer, history_);
  writer.write(path);
}

ESPALIER_INLINE std::vector<double> ServingState::label_values(Values labels) const {
  const std::vector<std::string>& names = history_.columns().labels;
  std::vector<double> values(names.size(), std::numeric_limits<double>::quiet_NaN());
  for (const NamedValue& label : labels) {
    const auto found = std::find(names.begin(), names.end(), label.name);
    if (found == names.end()) refuse(label.name);
    if (label.is_text || std::isinf(label.number)) {
      throw_error<ConfigError>(
          {"label '", label.name, "' is '", label.as_text(), "', expected a number"});
    }
    double& value = values[static_cast<std::size_t>(found - names.begin())];
    if (!std::isnan(value)) throw_error<ConfigError>({"label '", label.name, "' is given twice"});
    value = label.number;
  }
  return values;
}

ESPALIER_COLD ESPALIER_INLINE void ServingState::refuse(const std::string& name) const {
  std::string known;
  for (const std::string& label : history_.columns().labels)
    known += (known.empty() ? "'" : ", '") + label + "'";
  throw_error<ConfigError>({"label '", name, "' is none that inputs go by; they go by ",
                            known.empty() ? "none" : known});
}

}  // namespace espalier
