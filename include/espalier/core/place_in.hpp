// SPDX-License-Identifier: Apache-2.0
// `place_in`: the index of a value in a short list of distinct values.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "espalier/core/config.hpp"

namespace espalier {

/// Returns the index of `value` in `list`; appends it if it is new. O(size of the list).
template <class T, class Value>
[[nodiscard]] ESPALIER_COLD std::size_t place_in(std::vector<T>& list, const Value& value) {
  const auto found = std::find(list.begin(), list.end(), value);
  const auto place = static_cast<std::size_t>(found - list.begin());
  if (found == list.end()) list.emplace_back(value);
  return place;
}

}  // namespace espalier
