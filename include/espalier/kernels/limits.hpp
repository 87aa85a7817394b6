// SPDX-License-Identifier: Apache-2.0
// Largest sizes that kernels of every device accept; operations check them while compiling.
#pragma once

#include "espalier/core/config.hpp"

namespace espalier {

constexpr Index max_select_bits = 8;  ///< bits of a selected expert's number: 256 experts
constexpr Index max_domains = 256;

}  // namespace espalier
