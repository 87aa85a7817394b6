// SPDX-License-Identifier: Apache-2.0
// `place_in`: where a value stands in a short list of distinct ones.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "espalier/core/config.hpp"

namespace espalier {

/// The place of `value` in a list, at whose end it is put where it is new. O(list).
template <class T, class Value>
[[nodiscard]] ESPALIER_COLD std::size_t place_in(std::vector<T>& list, const Value& value) {
  const auto found = std::find(list.begin(), list.end(), value);
  const auto place = static_cast<std::size_t>(found - list.begin());
  if (found == list.end()) list.emplace_back(value);
  return place;
}

}  // namespace espalier
