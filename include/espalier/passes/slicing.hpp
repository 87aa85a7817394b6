// SPDX-License-Identifier: Apache-2.0
// How a batch is cut. A function of the batch and the plan alone, never of threads: so are the results, bit for bit.
#pragma once

#include <algorithm>

#include "espalier/core/config.hpp"

namespace espalier {

/// A batch is cut into slices that run the whole plan while their activations are in the cache. Slices in a row form a
/// lane; a lane's slices run one after the other and add to one gradient buffer; lanes run at the same time and are
/// summed in their order.
struct Slicing {
  static constexpr Index max_lanes = 8;

  Index samples = 0;
  Index slice = 1;   ///< samples in a slice; the last may have fewer
  Index slices = 0;
  Index lanes = 0;

  static constexpr Slicing of(Index samples) {
    Slicing s;
    s.samples = samples;
    s.slice = slice_size(samples);
    s.slices = (samples + s.slice - 1) / s.slice;
    s.lanes = (std::min)(s.slices, max_lanes);
    return s;
  }

  /// Samples in a slice: enough for the matmuls to be efficient, few enough for activations to stay in the cache.
  static constexpr Index slice_size(Index samples) {
    if (samples <= 64) return 16;
    if (samples <= 512) return 64;
    return samples <= 2048 ? 128 : 256;
  }

  [[nodiscard]] constexpr Index first_slice(Index lane) const { return lane * slices / lanes; }
  [[nodiscard]] constexpr Index first_sample(Index slice_index) const { return slice_index * slice; }
  [[nodiscard]] constexpr Index count(Index slice_index) const {
    return (std::min)(slice, samples - first_sample(slice_index));
  }
};

}  // namespace espalier
