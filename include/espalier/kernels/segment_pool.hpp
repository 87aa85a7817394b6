// SPDX-License-Identifier: Apache-2.0
// How the tokens of a sample are pooled.
#pragma once

#include "espalier/core/config.hpp"

namespace espalier {

/// What a sample's tokens give, value by value.
enum class SegmentPool : unsigned char { mean, sum, last, first, max };

}  // namespace espalier
