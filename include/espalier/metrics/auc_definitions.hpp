// SPDX-License-Identifier: Apache-2.0
// Definitions of auc.hpp.
#pragma once

#include "espalier/metrics/auc.hpp"

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/metrics/values.hpp"

namespace espalier {

namespace metrics_detail {

ESPALIER_INLINE std::vector<Scored> rank_binary(std::string_view metric, Values scores,
                                                Values labels, Values weights) {
  require_sizes(metric, scores, labels, weights);
  std::vector<Scored> ranked;
  ranked.reserve(labels.size());
  for_each_labelled(metric, labels, weights, [&](std::size_t i, double y, double) {
    require_binary(metric, i, y);
    require_ordered(metric, i, scores[i]);
    ranked.push_back({scores[i], i});
  });
  std::sort(ranked.begin(), ranked.end(), ranks_before);
  return ranked;
}

/// Calls `visit(weight of the positives, weight of the negatives)` for each run of equal scores, in
/// descending order of score.
template <class Visit>
void for_each_tie(std::span<const Scored> ranked, Values labels, Values weights, Visit visit) {
  for (std::size_t begin = 0; begin < ranked.size();) {
    double mass[2] = {0, 0};
    std::size_t end = begin;
    for (; end < ranked.size() && ranked[end].score == ranked[begin].score; ++end) {
      const std::size_t i = ranked[end].index;
      mass[labels[i] > 0 ? 1 : 0] += weights.empty() ? 1.0 : weights[i];
    }
    visit(mass[1], mass[0]);
    begin = end;
  }
}

ESPALIER_INLINE double roc_auc_of(std::span<const Scored> ranked, Values labels, Values weights) {
  double positives = 0;
  double negatives = 0;
  double pairs = 0;  // (positive, negative) pairs in the right order; a tie counts half
  for_each_tie(ranked, labels, weights, [&](double positive, double negative) {
    pairs += negative * (positives + 0.5 * positive);
    positives += positive;
    negatives += negative;
  });
  return positives > 0 && negatives > 0 ? pairs / (positives * negatives) : undefined;
}

ESPALIER_INLINE double pr_auc_of(std::span<const Scored> ranked, Values labels, Values weights) {
  double positives = 0;
  double negatives = 0;
  double area = 0;
  for_each_tie(ranked, labels, weights, [&](double positive, double negative) {
    positives += positive;
    negatives += negative;
    area += positive * (positives / (positives + negatives));
  });
  return positives > 0 && negatives > 0 ? area / positives : undefined;
}

}  // namespace metrics_detail

ESPALIER_INLINE double roc_auc(Values scores, Values labels, Values weights) {
  return metrics_detail::roc_auc_of(metrics_detail::rank_binary("roc_auc", scores, labels, weights),
                                    labels, weights);
}

ESPALIER_INLINE double pr_auc(Values scores, Values labels, Values weights) {
  return metrics_detail::pr_auc_of(metrics_detail::rank_binary("pr_auc", scores, labels, weights),
                                   labels, weights);
}

}  // namespace espalier
