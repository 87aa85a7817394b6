// SPDX-License-Identifier: Apache-2.0
// Metrics computed per group and averaged over groups (users, sessions, queries): grouped AUC,
// NDCG@k, recall@k.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "espalier/metrics/auc.hpp"
#include "espalier/metrics/values.hpp"

namespace espalier {

/// A mean over groups, and the number of groups in it.
struct GroupedValue {
  double value = undefined;  ///< NaN if no group counts
  Index counted = 0;         ///< groups for which the metric is defined; `value` averages these
  Index groups = 0;          ///< groups with at least one labelled sample
};

namespace metrics_detail {

struct Member {
  std::int64_t group;
  Scored scored;
};

/// Returns the labelled samples of positive weight, sorted by group and ranked by score within each
/// group. `check` throws ConfigError for an invalid label.
inline std::vector<Member> rank_groups(std::string_view metric, Values scores, Values labels,
                                       Groups groups, Values weights,
                                       void (*check)(std::string_view, std::size_t, double)) {
  require_sizes(metric, scores, labels, weights);
  require_size(metric, "groups", groups.size(), labels.size());
  std::vector<Member> members;
  members.reserve(labels.size());
  for_each_labelled(metric, labels, weights, [&](std::size_t i, double y, double) {
    check(metric, i, y);
    require_ordered(metric, i, scores[i]);
    members.push_back({groups[i], {scores[i], i}});
  });
  std::sort(members.begin(), members.end(), [](const Member& a, const Member& b) {
    return a.group != b.group ? a.group < b.group : ranks_before(a.scored, b.scored);
  });
  return members;
}

/// Calls `visit(ranked samples)` for every group, in ascending order of group number.
template <class Visit>
void for_each_group(const std::vector<Member>& members, Visit visit) {
  std::vector<Scored> ranked;
  for (std::size_t i = 0; i < members.size();) {
    const std::int64_t group = members[i].group;
    ranked.clear();
    for (; i < members.size() && members[i].group == group; ++i)
      ranked.push_back(members[i].scored);
    visit(std::span<const Scored>(ranked));
  }
}

inline void require_relevance(std::string_view metric, std::size_t i, double y) {
  if (!(y >= 0) || std::isinf(y)) reject(metric, "label", i, y, "a finite number >= 0 or NaN");
}

inline void require_cutoff(std::string_view metric, Index k) {
  if (k < 1) throw_error<ConfigError>({metric, ": k is ", k, "; expected 1 or more"});
}

/// Calls `visit(first rank, last rank + 1, sum of gains)` for every run of equal scores that starts
/// within the first k ranks. Ranks count from 0.
template <class Gain, class Visit>
void for_each_top_tie(std::span<const Scored> ranked, std::size_t k, Gain gain, Visit visit) {
  for (std::size_t begin = 0; begin < ranked.size() && begin < k;) {
    double sum = 0;
    std::size_t end = begin;
    for (; end < ranked.size() && ranked[end].score == ranked[begin].score; ++end)
      sum += gain(ranked[end].index);
    visit(begin, end, sum);
    begin = end;
  }
}

}  // namespace metrics_detail

/// GAUC: mean of the groups' ROC AUC, weighted by their impressions (the number of labelled
/// samples, or the sum of their weights). Only groups with both classes count. `scores`, `labels`,
/// `weights` as in roc_auc; `groups`: n. O(n log n). Throws ConfigError as roc_auc does. Zhu et
/// al., Optimized cost per click in Taobao display advertising, KDD 2017.
[[nodiscard]] inline GroupedValue grouped_auc(Values scores, Values labels, Groups groups,
                                              Values weights = {}) {
  using namespace metrics_detail;
  GroupedValue result;
  double sum = 0;
  double total = 0;
  for_each_group(rank_groups("grouped_auc", scores, labels, groups, weights, &require_binary),
                 [&](std::span<const Scored> ranked) {
                   ++result.groups;
                   const double auc = roc_auc_of(ranked, labels, weights);
                   if (std::isnan(auc)) return;
                   double impressions = 0;
                   for (const auto& sample : ranked)
                     impressions += weights.empty() ? 1.0 : weights[sample.index];
                   ++result.counted;
                   sum += impressions * auc;
                   total += impressions;
                 });
  if (total > 0) result.value = sum / total;
  return result;
}

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
[[nodiscard]] inline GroupedValue ndcg_at_k(Values scores, Values labels, Groups groups,
                                            Index k = 10, Gain gain = Gain::linear,
                                            Values weights = {}) {
  using namespace metrics_detail;
  require_cutoff("ndcg_at_k", k);
  const auto top = static_cast<std::size_t>(k);
  double most = 0;  // maximum label of the group; gains are divided by 2^most: no overflow
  const auto worth = [&](std::size_t i) {
    return gain == Gain::linear ? labels[i] : std::exp2(labels[i] - most) - std::exp2(-most);
  };
  const auto discount = [](std::size_t rank) {
    return 1 / std::log2(static_cast<double>(rank) + 2);
  };
  GroupedValue result;
  std::vector<double> ideal;
  double sum = 0;
  for_each_group(rank_groups("ndcg_at_k", scores, labels, groups, weights, &require_relevance),
                 [&](std::span<const Scored> ranked) {
                   ++result.groups;
                   ideal.clear();
                   most = 0;
                   for (const auto& sample : ranked) most = (std::max)(most, labels[sample.index]);
                   for (const auto& sample : ranked) ideal.push_back(worth(sample.index));
                   std::sort(ideal.begin(), ideal.end());
                   double best = 0;
                   for (std::size_t r = 0; r < ideal.size() && r < top; ++r)
                     best += ideal[ideal.size() - 1 - r] * discount(r);
                   if (!(best > 0)) return;
                   double dcg = 0;
                   for_each_top_tie(ranked, top, worth,
                                    [&](std::size_t begin, std::size_t end, double gains) {
                                      double discounts = 0;
                                      for (std::size_t r = begin; r < end && r < top; ++r)
                                        discounts += discount(r);
                                      dcg += gains / static_cast<double>(end - begin) * discounts;
                                    });
                   ++result.counted;
                   sum += dcg / best;
                 });
  if (result.counted > 0) result.value = sum / static_cast<double>(result.counted);
  return result;
}

/// Mean over groups of the share of a group's relevant samples (label > 0) that are among its k
/// highest scores. If equal scores cross the cutoff, each of them is included with the same
/// probability (expected value). Groups without a relevant sample do not count. Arguments,
/// complexity and errors as in ndcg_at_k.
[[nodiscard]] inline GroupedValue recall_at_k(Values scores, Values labels, Groups groups,
                                              Index k = 10, Values weights = {}) {
  using namespace metrics_detail;
  require_cutoff("recall_at_k", k);
  const auto top = static_cast<std::size_t>(k);
  const auto relevant = [&](std::size_t i) { return labels[i] > 0 ? 1.0 : 0.0; };
  GroupedValue result;
  double sum = 0;
  for_each_group(rank_groups("recall_at_k", scores, labels, groups, weights, &require_relevance),
                 [&](std::span<const Scored> ranked) {
                   ++result.groups;
                   double all = 0;
                   for (const auto& sample : ranked) all += relevant(sample.index);
                   if (!(all > 0)) return;
                   double hits = 0;
                   for_each_top_tie(ranked, top, relevant,
                                    [&](std::size_t begin, std::size_t end, double found) {
                                      hits += found *
                                              static_cast<double>((std::min)(end, top) - begin) /
                                              static_cast<double>(end - begin);
                                    });
                   ++result.counted;
                   sum += hits / all;
                 });
  if (result.counted > 0) result.value = sum / static_cast<double>(result.counted);
  return result;
}

}  // namespace espalier
