// SPDX-License-Identifier: Apache-2.0
// `make_balance`: balancing methods by name, for command lines and configuration files.
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

/// All names that make_balance() accepts. Add new methods in make_balance_definitions.hpp.
[[nodiscard]] std::span<const NamedBalance> named_balances();

/// Returns the method of that name with default settings. Throws ConfigError for an unknown name;
/// the message lists all names.
[[nodiscard]] BalanceOption make_balance(std::string_view name);

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/exec/make_balance_definitions.hpp"
#endif
