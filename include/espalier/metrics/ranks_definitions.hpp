// SPDX-License-Identifier: Apache-2.0
// Definitions of the functions that ranks.hpp declares.
#pragma once

#include "espalier/metrics/ranks.hpp"

#include <cmath>
#include <string_view>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"

namespace espalier {

namespace metrics_detail {

template <class Gain>
[[nodiscard]] double mean_gain(std::string_view metric, Values ranks, Values labels, Values weights,
                               Gain gain) {
  require_sizes(metric, ranks, labels, weights);
  double sum = 0, total = 0;
  for_each_labelled(metric, labels, weights, [&](std::size_t i, double, double weight) {
    const double rank = ranks[i];
    if (!(rank >= 1)) reject(metric, "rank", i, rank, "1 or more");
    sum += weight * gain(rank);
    total += weight;
  });
  return total > 0 ? sum / total : undefined;
}

inline double cutoff(std::string_view metric, Index k) {
  if (k < 1) throw_error<ConfigError>({metric, ": k is ", k, ", expected 1 or more"});
  return static_cast<double>(k);
}

}  // namespace metrics_detail

ESPALIER_INLINE double recall_of_ranks(Values ranks, Values labels, Index k, Values weights) {
  const double most = metrics_detail::cutoff("recall@k", k);
  return metrics_detail::mean_gain("recall@k", ranks, labels, weights,
                                   [most](double rank) { return rank <= most ? 1.0 : 0.0; });
}

ESPALIER_INLINE double ndcg_of_ranks(Values ranks, Values labels, Index k, Values weights) {
  const double most = metrics_detail::cutoff("ndcg@k", k);
  return metrics_detail::mean_gain("ndcg@k", ranks, labels, weights, [most](double rank) {
    return rank <= most ? 1 / std::log2(1 + rank) : 0.0;
  });
}

ESPALIER_INLINE double mean_reciprocal_rank(Values ranks, Values labels, Values weights) {
  return metrics_detail::mean_gain("mrr", ranks, labels, weights,
                                   [](double rank) { return 1 / rank; });
}

}  // namespace espalier
