// SPDX-License-Identifier: Apache-2.0
// A learnt bias of attention's scores, and which of its buckets a pair of steps falls into.
#pragma once

#include "espalier/core/config.hpp"

namespace espalier {

/// Buckets of pairs of steps, each of which has an integer: its position in the sample. The bucket
/// depends only on the difference of the two, that of the query minus that of the key, so another
/// integer (a time) and another function of the difference need no other attention.
struct DistanceBuckets {
  Index distances = 0;  ///< 0 … distances − 1; the last is also that of larger ones
  bool causal = false;  ///< keys are not after the query; else these have buckets of their own

  [[nodiscard]] constexpr Index count() const { return causal ? distances : 2 * distances - 1; }
  [[nodiscard]] constexpr Index of(Index difference) const {
    const Index far = distances - 1, least = causal ? 0 : -far;
    const Index near = difference < least ? least : difference > far ? far : difference;
    return near - least;
  }
};

/// Is added to scores: weights[h · buckets.count() + bucket of query and key] for head h.
template <class T>
struct AttentionBias {
  DistanceBuckets buckets{};
  const T* weights = nullptr;  ///< null: no bias
  T* gradients = nullptr;      ///< of the weights; the backward pass adds to them
};

}  // namespace espalier
