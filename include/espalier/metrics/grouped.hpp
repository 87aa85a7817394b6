// SPDX-License-Identifier: Apache-2.0
// Metrics computed per group and averaged over groups (users, sessions, queries): grouped AUC,
// NDCG@k, recall@k.
#pragma once

#include <cstdint>

#include "espalier/core/config.hpp"
#include "espalier/metrics/values.hpp"

namespace espalier {

/// A mean over groups, and the number of groups in it.
struct GroupedValue {
  double value = undefined;  ///< NaN if no group counts
  Index counted = 0;         ///< groups for which the metric is defined; `value` averages these
  Index groups = 0;          ///< groups with at least one labelled sample
};

/// GAUC: mean of the groups' ROC AUC, weighted by their impressions (the number of labelled
/// samples, or the sum of their weights). Only groups with both classes count. `scores`, `labels`,
/// `weights` as in roc_auc; `groups`: n. O(n log n). Throws ConfigError as roc_auc does. Zhu et
/// al., Optimized cost per click in Taobao display advertising, KDD 2017.
[[nodiscard]] GroupedValue grouped_auc(Values scores, Values labels, Groups groups,
                                       Values weights = {});

/// Gain of a label y in ndcg_at_k.
enum class Gain : std::uint8_t {
  linear,      ///< y, as in Järvelin & Kekäläinen 2002 and scikit-learn
  exponential  ///< 2^y − 1, as in Burges et al. 2005; the same for labels 0 and 1
};

/// Mean over groups of DCG@k / ideal DCG@k, with DCG@k = Σ_{r=1…k} gain(y at rank r) / log₂(r + 1).
/// Samples with equal scores each get the mean discount of their ranks (McSherry & Najork, ECIR
/// 2008), so constant scores gain nothing from the order of the data. Groups whose labels are all 0
/// do not count; every other group counts once. `scores`: n, never NaN; `labels`: n, ≥ 0 or NaN
/// (missing); `groups`: n; `k` ≥ 1; `weights`: n or none, ≥ 0. A sample of weight 0 is left out;
/// every other sample takes one rank, whatever its weight. O(n log n). Throws ConfigError if a size
/// or value is invalid.
[[nodiscard]] GroupedValue ndcg_at_k(Values scores, Values labels, Groups groups, Index k = 10,
                                     Gain gain = Gain::linear, Values weights = {});

/// Mean over groups of the share of a group's relevant samples (label > 0) that are among its k
/// highest scores. If equal scores cross the cutoff, each of them is included with the same
/// probability (expected value). Groups without a relevant sample do not count. Arguments,
/// complexity and errors as in ndcg_at_k.
[[nodiscard]] GroupedValue recall_at_k(Values scores, Values labels, Groups groups, Index k = 10,
                                       Values weights = {});

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/metrics/grouped_definitions.hpp"
#endif
