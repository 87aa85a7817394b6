// SPDX-License-Identifier: Apache-2.0
// Matrix sizes for tests of products.
#pragma once

#include <initializer_list>
#include <vector>

#include "espalier/core/config.hpp"

namespace espalier_test {

/// Every size from 1 to 67 in each of the three dimensions, with the others small or all three
/// equal; also the block sizes `edges`.
template <class Dims>
[[nodiscard]] std::vector<Dims> product_sizes(std::initializer_list<espalier::Index> edges) {
  std::vector<Dims> dims;
  for (espalier::Index n = 1; n <= 67; ++n) {
    const espalier::Index other = 1 + n % 9, third = 1 + n * 7 % 23;
    dims.push_back({n, other, third});
    dims.push_back({other, n, third});
    dims.push_back({third, other, n});
    dims.push_back({n, n, n});
  }
  for (const espalier::Index edge : edges) {
    dims.push_back({edge, 3, 5});
    dims.push_back({5, edge, 3});
    dims.push_back({3, 5, edge});
  }
  dims.push_back({257, 257, 17});
  return dims;
}

}  // namespace espalier_test
