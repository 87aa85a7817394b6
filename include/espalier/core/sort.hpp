// SPDX-License-Identifier: Apache-2.0
// `sort_indices`: sorts indices by a comparison; compiled once for all callers, for short lists:
// three times as slow as std::sort.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/function_ref.hpp"

namespace espalier {

/// Sorts the indices in `order` by `before(a, b)`; ties in increasing order of the index.
ESPALIER_COLD inline void sort_indices(std::vector<std::size_t>& order,
                                       FunctionRef<bool(std::size_t, std::size_t)> before) {
  std::sort(order.begin(), order.end(), [before](std::size_t a, std::size_t b) {
    return before(a, b) || (a < b && !before(b, a));
  });
}

}  // namespace espalier
