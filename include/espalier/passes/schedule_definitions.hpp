// SPDX-License-Identifier: Apache-2.0
// Definitions of schedule.hpp.
#pragma once

#include "espalier/passes/schedule.hpp"

#include <algorithm>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"

namespace espalier {

ESPALIER_COLD ESPALIER_INLINE void require_passes(std::span<const std::string_view> without,
                                                  std::initializer_list<std::string_view> passes) {
  for (const std::string_view name : without) {
    if (std::find(passes.begin(), passes.end(), name) != passes.end()) continue;
    std::string known;
    for (const std::string_view pass : passes) (known += known.empty() ? "" : ", ") += pass;
    throw_error<ConfigError>({"without is '", name, "', expected a pass: ", known});
  }
}

}  // namespace espalier
