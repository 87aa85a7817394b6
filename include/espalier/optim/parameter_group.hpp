// SPDX-License-Identifier: Apache-2.0
// `ParameterGroup`: tensors, known by their names, that learn at another rate or with another weight decay.
#pragma once

#include <cmath>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "espalier/core/error.hpp"
#include "espalier/optim/optimizer.hpp"

namespace espalier {

/// All tensors and tables whose name fits: `{.pattern = "*/bias", .weight_decay = 0}`.
struct ParameterGroup {
  std::string pattern;                   ///< '*' for any characters, '?' for one
  double rate = 1;                       ///< ≥ 0: multiplies the learning rate
  std::optional<double> weight_decay{};  ///< none: the optimiser's own
};

/// "embedding/* (rate 0.5, weight_decay 0.0001)": equal texts mean equal groups.
[[nodiscard]] ESPALIER_COLD inline std::string describe(const ParameterGroup& group) {
  std::string text = group.pattern + " (rate " + optim_detail::shortest(group.rate);
  if (group.weight_decay) text += ", weight_decay " + optim_detail::shortest(*group.weight_decay);
  return text + ")";
}

/// How some of the parameters learn.
struct GroupRule {
  Optimizer optimizer;
  double rate = 1;
};

/// The rule of what is in no group, then those of the groups. Throws ConfigError.
[[nodiscard]] ESPALIER_COLD inline std::vector<GroupRule> group_rules(
    const Optimizer& optimizer, std::span<const ParameterGroup> groups) {
  std::vector<GroupRule> rules{{optimizer, 1}};
  for (const ParameterGroup& group : groups) {
    if (!(group.rate >= 0 && std::isfinite(group.rate))) {
      throw_error<ConfigError>({"group '", group.pattern, "': rate is ",
                                optim_detail::shortest(group.rate),
                                ", expected a factor of 0 or more on the learning rate"});
    }
    rules.push_back({optimizer, group.rate});
    if (!group.weight_decay) continue;
    if (!optimizer.has_weight_decay()) {
      throw_error<ConfigError>({"group '", group.pattern, "' has weight_decay ",
                                optim_detail::shortest(*group.weight_decay), ", but optimizer '",
                                optimizer.name(), "' has no weight_decay"});
    }
    try {
      rules.back().optimizer = optimizer.with_weight_decay(*group.weight_decay);
    } catch (const ConfigError& error) {
      throw_error<ConfigError>({"group '", group.pattern, "': ", error.what()});
    }
  }
  return rules;
}

}  // namespace espalier
