// SPDX-License-Identifier: Apache-2.0
// `Microbatches`: how a batch is cut. Depends only on the batch size, not on threads, so results
// are bit-identical for any number of threads.
#pragma once

#include <algorithm>

#include "espalier/core/config.hpp"

namespace espalier {

/// A batch is cut into microbatches that run the whole plan while their activations are in the
/// cache. Consecutive microbatches share an accumulator: they run in order and add to its
/// gradients. Accumulators run in parallel and are summed in order.
struct Microbatches {
  static constexpr Index max_accumulators = 8;

  Index samples = 0;
  Index size = 1;  ///< samples in a microbatch; the last may have fewer
  Index count = 0;
  Index accumulators = 0;

  static constexpr Microbatches of(Index samples) {
    Microbatches m;
    m.samples = samples;
    m.size = size_for(samples);
    m.count = (samples + m.size - 1) / m.size;
    m.accumulators = (std::min)(m.count, max_accumulators);
    return m;
  }

  /// Samples in a microbatch: enough for the matmuls to be efficient, few enough for activations to
  /// stay in the cache.
  static constexpr Index size_for(Index samples) {
    if (samples <= 64) return 16;
    if (samples <= 512) return 64;
    return samples <= 2048 ? 128 : 256;
  }

  /// The first microbatch of an accumulator.
  [[nodiscard]] constexpr Index first(Index accumulator) const {
    return accumulator * count / accumulators;
  }
  [[nodiscard]] constexpr Index first_sample(Index microbatch) const { return microbatch * size; }
  [[nodiscard]] constexpr Index samples_of(Index microbatch) const {
    return (std::min)(size, samples - first_sample(microbatch));
  }
};

}  // namespace espalier
