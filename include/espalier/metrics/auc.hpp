// SPDX-License-Identifier: Apache-2.0
// Areas under the ROC curve and under the precision-recall curve, exact with ties.
#pragma once

#include <vector>

#include "espalier/core/config.hpp"
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
std::vector<Scored> rank_binary(std::string_view metric, Values scores, Values labels,
                                Values weights);

double roc_auc_of(std::span<const Scored> ranked, Values labels, Values weights);

double pr_auc_of(std::span<const Scored> ranked, Values labels, Values weights);

}  // namespace metrics_detail

/// Area under the ROC curve: the probability that a positive scores higher than a negative; a tie
/// counts half,
///   Σ_{i: y=1} Σ_{j: y=0} w_i w_j ([s_i > s_j] + ½ [s_i = s_j]) / (Σ_{y=1} w · Σ_{y=0} w).
/// `scores`: n, on any scale (for example logits), never NaN; `labels`: n, each 0, 1 or NaN
/// (missing); `weights`: n or none, ≥ 0. O(n log n). Undefined (NaN) unless both classes occur.
/// Throws ConfigError if a size or value is invalid. Hanley & McNeil, The meaning and use of the
/// area under a ROC curve, Radiology 1982.
[[nodiscard]] double roc_auc(Values scores, Values labels, Values weights = {});

/// Average precision, Σ_k (R_k − R_{k−1}) P_k over the distinct scores in descending order. R and P
/// are recall and precision if all samples with at least that score are predicted positive. A step
/// curve without interpolation, as in scikit-learn. Arguments, complexity and errors as in roc_auc.
/// Undefined (NaN) unless both classes occur.
[[nodiscard]] double pr_auc(Values scores, Values labels, Values weights = {});

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/metrics/auc_definitions.hpp"
#endif
