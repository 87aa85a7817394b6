// SPDX-License-Identifier: Apache-2.0
// All parameters of a model as one vector, and how far those of two runs are apart.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "espalier/exec/parameters.hpp"

namespace espalier_test {

template <class T>
[[nodiscard]] std::vector<T> values_of(const espalier::Parameters<T>& parameters) {
  std::vector<T> all(parameters.dense.begin(), parameters.dense.end());
  for (const auto& table : parameters.tables) all.insert(all.end(), table.begin(), table.end());
  return all;
}

/// The largest difference; infinite if one is NaN, or if there are not as many.
template <class T>
[[nodiscard]] double most_apart(const std::vector<T>& a, const std::vector<T>& b) {
  constexpr double infinite = std::numeric_limits<double>::infinity();
  double most = a.size() == b.size() ? 0 : infinite;
  for (std::size_t i = 0; i < (std::min)(a.size(), b.size()); ++i) {
    const double apart = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    most = (std::max)(most, std::isnan(apart) ? infinite : apart);
  }
  return most;
}

}  // namespace espalier_test
