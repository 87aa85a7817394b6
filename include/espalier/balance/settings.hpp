// SPDX-License-Identifier: Apache-2.0
// Settings of balancing methods: formatting them as text and checking their ranges.
#pragma once

#include <cmath>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/balance/learning_tasks.hpp"
#include "espalier/core/config.hpp"
#include "espalier/core/decimal.hpp"
#include "espalier/core/error.hpp"

namespace espalier::detail {

struct Setting {
  std::string_view name;
  double value;
};

[[nodiscard]] ESPALIER_COLD inline std::string setting_text(double value) {
  const std::string text = decimal(value, 15);
  return reads_back(text, value) ? text : decimal(value, 17);
}

/// Returns for example "famo(learning_rate=0.025, weight_decay=0.001)".
[[nodiscard]] ESPALIER_COLD inline std::string describe_settings(
    std::string_view method, std::initializer_list<Setting> settings) {
  std::string text(method);
  char before = '(';
  for (const Setting& s : settings) {
    text += before;
    if (before == ',') text += ' ';
    text.append(s.name).append("=").append(setting_text(s.value));
    before = ',';
  }
  return text += ')';
}

[[noreturn]] ESPALIER_COLD inline void refuse_setting(std::string_view method,
                                                      const Setting& setting,
                                                      std::string_view expected) {
  throw_error<ConfigError>(
      {method, ": ", setting.name, " is ", setting_text(setting.value), ", expected ", expected});
}

/// Throws ConfigError unless the value is greater than 0 and finite.
inline void require_positive(std::string_view method, const Setting& setting) {
  if (!(setting.value > 0 && std::isfinite(setting.value)))
    refuse_setting(method, setting, "a number greater than 0");
}
/// Throws ConfigError unless the value is in [least, most].
inline void require_within(std::string_view method, const Setting& setting, double least,
                           double most) {
  if (setting.value >= least && setting.value <= most) return;
  refuse_setting(method, setting,
                 "a number from " + setting_text(least) + " to " + setting_text(most));
}
/// Throws ConfigError unless the value is at least 0 and finite.
inline void require_not_negative(std::string_view method, const Setting& setting) {
  if (!(setting.value >= 0 && std::isfinite(setting.value)))
    refuse_setting(method, setting, "a number from 0");
}

/// Reduces `values`, one per task of the model, to those of the learning tasks. Throws ConfigError
/// if their number is not that of the model's tasks.
inline void keep_learning(std::string_view method, std::string_view what,
                          std::vector<double>& values, const LearningTasks& tasks) {
  if (values.size() != tasks.all()) {
    throw_error<ConfigError>(
        {method, ": ", values.size(), " ", what, ", expected ", tasks.all(), ", one a task"});
  }
  for (std::size_t i = 0; i < tasks.size(); ++i) values[i] = values[tasks[i]];
  values.resize(tasks.size());
}

}  // namespace espalier::detail
