// SPDX-License-Identifier: Apache-2.0
// Areas under the ROC and the precision-recall curve, exact with ties.
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

/// Highest score first; equal scores in the order of the samples, so that sums are the same bits
/// everywhere.
inline bool ranks_before(const Scored& a, const Scored& b) {
  return a.score > b.score || (a.score == b.score && a.index < b.index);
}

/// The labelled samples, ranked.
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

/// Calls `visit(positive, negative)`, weights, for each run of equal scores from the highest down.
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
  double pairs = 0;  // (positive, negative) in the right order; a tie is half a pair
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

/// Area under the ROC curve: the chance that a positive scores above a negative, a tie counting
/// half,
///   Σ_{i: y=1} Σ_{j: y=0} w_i w_j ([s_i > s_j] + ½ [s_i = s_j]) / (Σ_{y=1} w · Σ_{y=0} w).
/// `scores`: n, any scale (logits will do), never NaN; `labels`: n, each 0, 1 or NaN (missing);
/// `weights`: n or none, ≥ 0. O(n log n). Undefined (NaN) unless both classes occur. Throws
/// ConfigError when sizes or values are not as said. Hanley & McNeil, The meaning and use of the
/// area under a ROC curve, Radiology 1982.
[[nodiscard]] inline double roc_auc(Values scores, Values labels, Values weights = {}) {
  return metrics_detail::roc_auc_of(metrics_detail::rank_binary("roc_auc", scores, labels, weights),
                                    labels, weights);
}

/// Average precision, Σ_k (R_k − R_{k−1}) P_k over the distinct scores from the highest down, R
/// recall and P precision when all that score at least that much are called positive: a step curve,
/// nothing interpolated, as in scikit-learn. Arguments, complexity and errors as in roc_auc.
/// Undefined (NaN) unless both classes occur.
[[nodiscard]] inline double pr_auc(Values scores, Values labels, Values weights = {}) {
  return metrics_detail::pr_auc_of(metrics_detail::rank_binary("pr_auc", scores, labels, weights),
                                   labels, weights);
}

}  // namespace espalier
