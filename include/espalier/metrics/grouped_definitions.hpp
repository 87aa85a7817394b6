// SPDX-License-Identifier: Apache-2.0
// Definitions of grouped.hpp.
#pragma once

#include "espalier/metrics/grouped.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/metrics/auc.hpp"
#include "espalier/metrics/values.hpp"

namespace espalier {

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

ESPALIER_INLINE GroupedValue grouped_auc(Values scores, Values labels, Groups groups,
                                         Values weights) {
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

ESPALIER_INLINE GroupedValue ndcg_at_k(Values scores, Values labels, Groups groups, Index k,
                                       Gain gain, Values weights) {
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

ESPALIER_INLINE GroupedValue recall_at_k(Values scores, Values labels, Groups groups, Index k,
                                         Values weights) {
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
