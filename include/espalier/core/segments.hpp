// SPDX-License-Identifier: Apache-2.0
// `Segments`: which columns of a matrix belong to each sample, if samples have several.
#pragma once

#include <cstdint>

#include "espalier/core/config.hpp"

namespace espalier {

/// The columns of sample j are begin(j) … end(j) − 1, without padding; they follow those of sample
/// j − 1. A sample may have none.
struct Segments {
  Index samples = 0;
  /// samples + 1 values, of which the first need not be 0; null: `steps` columns each.
  const std::int32_t* offsets = nullptr;
  Index steps = 1;

  [[nodiscard]] ESPALIER_HD constexpr Index begin(Index sample) const {
    return offsets == nullptr ? sample * steps : Index{offsets[sample]} - offsets[0];
  }
  [[nodiscard]] ESPALIER_HD constexpr Index end(Index sample) const { return begin(sample + 1); }
  [[nodiscard]] ESPALIER_HD constexpr Index length(Index sample) const {
    return end(sample) - begin(sample);
  }
  /// Columns of all samples.
  [[nodiscard]] ESPALIER_HD constexpr Index columns() const { return begin(samples); }
};

}  // namespace espalier
