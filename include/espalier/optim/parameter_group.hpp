// SPDX-License-Identifier: Apache-2.0
// `ParameterGroup`: tensors, selected by name, with their own learning rate factor or weight decay.
#pragma once

#include <cmath>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "espalier/core/error.hpp"
#include "espalier/optim/optimizer.hpp"

namespace espalier {

/// All tensors and tables whose name matches the pattern:
/// `{.pattern = "*/bias", .weight_decay = 0}`.
struct ParameterGroup {
  std::string pattern;                   ///< '*' matches any characters, '?' matches one
  double rate = 1;                       ///< ≥ 0; multiplies the learning rate
  std::optional<double> weight_decay{};  ///< if empty, that of the optimiser
};

/// For example "embedding/* (rate 0.5, weight_decay 0.0001)". Equal texts mean equal groups.
[[nodiscard]] ESPALIER_COLD inline std::string describe(const ParameterGroup& group) {
  std::string text = group.pattern + " (rate " + optim_detail::shortest(group.rate);
  if (group.weight_decay) text += ", weight_decay " + optim_detail::shortest(*group.weight_decay);
  return text + ")";
}

/// The optimiser and learning rate factor of some of the parameters.
struct GroupRule {
  Optimizer optimizer;
  double rate = 1;
};

/// Returns the rule for parameters in no group, then one rule per group. Throws ConfigError if a
/// rate or weight decay is out of range, or the optimiser has no weight decay.
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
