// SPDX-License-Identifier: Apache-2.0
// `item_ranks()`: the ranks that a model gives to the items that were chosen.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/view.hpp"
#include "espalier/data/batch.hpp"
#include "espalier/kernels/cpu/kernels.hpp"

namespace espalier {

/// For each column j of `vectors` (width × n), the rank of item labels[j] among the items 1, 2, …
/// of `table` (rows × width) by their products with the column, the largest first, ties by row. NaN
/// for a missing label (NaN), infinite for an unknown item (0). `without`: columns of items that
/// are not ranked with the others. O(n · rows · width).
[[nodiscard]] ESPALIER_COLD inline std::vector<float> item_ranks(
    View<const float> vectors, std::span<const float> labels, const float* table, Index rows,
    std::span<const IdColumn> without = {}) {
  constexpr Index most_scores = Index{1} << 22;
  const Index items = rows - 1, width = vectors.rows;
  const Index block = (std::clamp)(most_scores / (std::max)(items, Index{1}), Index{1}, Index{128});
  std::vector<float> ranks(labels.size()), scores(static_cast<std::size_t>(block * items));
  for (Index first = 0; first < vectors.cols; first += block) {
    const Index n = (std::min)(block, vectors.cols - first);
    const auto* const own_labels = labels.data() + first;
    if (std::none_of(own_labels, own_labels + n, [](float y) { return y >= 0; })) {
      std::copy_n(own_labels, n, ranks.data() + first);
      continue;
    }
    const View<float> z{scores.data(), items, n, items};
    dense_forward<float>(Cpu{}, table + width, nullptr,
                         {vectors.column(first), width, n, vectors.stride}, Activation::identity,
                         {}, z);
    for (Index j = 0; j < n; ++j) {
      const float label = labels[static_cast<std::size_t>(first + j)];
      float& rank = ranks[static_cast<std::size_t>(first + j)];
      rank = label == 0 ? std::numeric_limits<float>::infinity() : label;  // NaN stays NaN
      if (!(label > 0)) continue;
      const Index own = static_cast<Index>(label) - 1;
      float* const score = z.column(j);
      for (const IdColumn& column : without) {
        for (std::int32_t u = column.offsets[first + j]; u < column.offsets[first + j + 1]; ++u) {
          const Index item = Index{column.ids[u]} - 1;
          if (item >= 0 && item != own) score[item] = -std::numeric_limits<float>::infinity();
        }
      }
      Index before = 0;
      bool numbers = true;
      for (Index i = 0; i < items; ++i) {
        before += score[i] > score[own] || (i < own && score[i] == score[own]) ? 1 : 0;
        numbers = numbers && score[i] == score[i];
      }
      rank = numbers ? static_cast<float>(before + 1) : std::nanf("");
    }
  }
  return ranks;
}

}  // namespace espalier
