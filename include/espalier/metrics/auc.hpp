// SPDX-License-Identifier: Apache-2.0
// Areas under the ROC curve and under the precision-recall curve, exact with ties.
#pragma once

#include <algorithm>
#include <vector>

#include "espalier/metrics/values.hpp"

namespace espalier {

namespace metrics_detail {

struct Scored {
  double score;
  std::size_t index;
};

/// Highest score first; equal scores in the order of the samples, so that sums are bit-identical
/// everywhere.
inline bool ranks_before(const Scored& a, const Scored& b) {
  return a.score > b.score || (a.score == b.score && a.index < b.index);
}

/// Returns the labelled samples of positive weight, ranked by score. Throws ConfigError for invalid
/// input.
inline std::vector<Scored> rank_binary(std::string_view metric, Values scores, Values labels,
                                       Values weights) {
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

inline double roc_auc_of(std::span<const Scored> ranked, Values labels, Values weights) {
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

inline double pr_auc_of(std::span<const Scored> ranked, Values labels, Values weights) {
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

/// Area under the ROC curve: the probability that a positive scores higher than a negative; a tie
/// counts half,
///   Σ_{i: y=1} Σ_{j: y=0} w_i w_j ([s_i > s_j] + ½ [s_i = s_j]) / (Σ_{y=1} w · Σ_{y=0} w).
/// `scores`: n, on any scale (for example logits), never NaN; `labels`: n, each 0, 1 or NaN
/// (missing); `weights`: n or none, ≥ 0. O(n log n). Undefined (NaN) unless both classes occur.
/// Throws ConfigError if a size or value is invalid. Hanley & McNeil, The meaning and use of the
/// area under a ROC curve, Radiology 1982.
[[nodiscard]] inline double roc_auc(Values scores, Values labels, Values weights = {}) {
  return metrics_detail::roc_auc_of(metrics_detail::rank_binary("roc_auc", scores, labels, weights),
                                    labels, weights);
}

/// Average precision, Σ_k (R_k − R_{k−1}) P_k over the distinct scores in descending order. R and P
/// are recall and precision if all samples with at least that score are predicted positive. A step
/// curve without interpolation, as in scikit-learn. Arguments, complexity and errors as in roc_auc.
/// Undefined (NaN) unless both classes occur.
[[nodiscard]] inline double pr_auc(Values scores, Values labels, Values weights = {}) {
  return metrics_detail::pr_auc_of(metrics_detail::rank_binary("pr_auc", scores, labels, weights),
                                   labels, weights);
}

}  // namespace espalier
