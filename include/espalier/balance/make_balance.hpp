// SPDX-License-Identifier: Apache-2.0
// Loss weightings by name, for command lines and configuration files.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "espalier/balance/equal.hpp"
#include "espalier/balance/uncertainty.hpp"
#include "espalier/balance/weighting.hpp"

namespace espalier {

struct NamedBalance {
  std::string_view name;
  Balance (*make)();
};

/// Every name that make_balance knows. A new weighting adds its line here.
inline constexpr std::array<NamedBalance, 3> named_balances{{
    {"equal", +[]() -> Balance { return Equal{}; }},
    {"uncertainty", +[]() -> Balance { return Uncertainty{}; }},
    {"uncertainty_revised", +[]() -> Balance { return Uncertainty{.revised = true}; }},
}};

/// The weighting of that name, with its default settings. Throws ConfigError listing the names.
[[nodiscard]] inline Balance make_balance(std::string_view name) {
  std::string known;
  for (const NamedBalance& entry : named_balances) {
    if (entry.name == name) return entry.make();
    known += (known.empty() ? "" : ", ") + std::string(entry.name);
  }
  throw_error<ConfigError>({"balance is '", name, "', expected one of: ", known});
}

}  // namespace espalier
