// SPDX-License-Identifier: Apache-2.0
// Balancing methods by name, for command lines and configuration files.
#pragma once

#include <span>
#include <string_view>

#include "espalier/core/config.hpp"
#include "espalier/exec/balance_option.hpp"

namespace espalier {

struct NamedBalance {
  std::string_view name;
  BalanceOption (*make)();
};

/// Every name that make_balance knows. A new method adds its line in make_balance_definitions.hpp.
[[nodiscard]] std::span<const NamedBalance> named_balances();

/// The method of that name, with its default settings. Throws ConfigError listing the names.
[[nodiscard]] BalanceOption make_balance(std::string_view name);

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/exec/make_balance_definitions.hpp"
#endif
