// SPDX-License-Identifier: Apache-2.0
// Metrics of the rank that a model gives to the one item that was chosen: recall@k, ndcg@k, mrr.
#pragma once

#include "espalier/core/config.hpp"
#include "espalier/metrics/values.hpp"

namespace espalier {

/// `ranks`: n, from 1 (the best) on, infinite for an item that could not be ranked; `labels`: n, of
/// which only NaN (missing) counts. All are weighted means, undefined without labels. Throw
/// ConfigError if sizes differ, for a rank below 1, an invalid weight, and for k < 1.

/// Share of ranks that are at most k. With one chosen item, recall@k is the hit rate.
[[nodiscard]] double recall_of_ranks(Values ranks, Values labels, Index k, Values weights = {});

/// Mean of 1 / log2(1 + rank) for ranks up to k, 0 for others: with one chosen item, the ideal DCG
/// is 1.
[[nodiscard]] double ndcg_of_ranks(Values ranks, Values labels, Index k, Values weights = {});

/// Mean of 1 / rank.
[[nodiscard]] double mean_reciprocal_rank(Values ranks, Values labels, Values weights = {});

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/metrics/ranks_definitions.hpp"
#endif
