// SPDX-License-Identifier: Apache-2.0
// Definitions of baselines.hpp.
#pragma once

#include "espalier/metrics/baselines.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/metrics/log_loss.hpp"
#include "espalier/metrics/regression.hpp"
#include "espalier/metrics/values.hpp"

namespace espalier {

ESPALIER_INLINE double constant_log_loss(Values labels, Values weights) {
  using namespace metrics_detail;
  require_sizes("constant_log_loss", labels, labels, weights);
  for_each_labelled("constant_log_loss", labels, weights, [](std::size_t i, double y, double) {
    require_binary("constant_log_loss", i, y);
  });
  const double rate = label_mean(labels, weights);
  const auto entropy = [](double p) { return p > 0 ? -p * std::log(p) : 0.0; };
  return std::isnan(rate) ? undefined : entropy(rate) + entropy(1 - rate);
}

ESPALIER_INLINE std::vector<double> class_shares(Values labels, Index classes, Values weights) {
  std::vector<double> shares(static_cast<std::size_t>((std::max)(classes, Index{0})), 0.0);
  double total = 0;
  metrics_detail::for_each_class("class_shares", labels, classes, weights,
                                 [&](std::size_t, std::size_t y, double w) {
                                   shares[y] += w;
                                   total += w;
                                 });
  if (!(total > 0)) return {};
  for (double& share : shares) share /= total;
  return shares;
}

ESPALIER_INLINE double constant_class_log_loss(Values labels, Index classes, Values weights) {
  const std::vector<double> shares = class_shares(labels, classes, weights);
  double sum = 0;
  for (const double r : shares) sum -= r > 0 ? r * std::log(r) : 0.0;
  return shares.empty() ? undefined : sum;
}

ESPALIER_INLINE double constant_class_accuracy(Values labels, Index classes, Values weights) {
  const std::vector<double> shares = class_shares(labels, classes, weights);
  return shares.empty() ? undefined : *std::max_element(shares.begin(), shares.end());
}

ESPALIER_INLINE double constant_rmse(Values labels, Values weights) {
  const double mean = label_mean(labels, weights);
  return std::sqrt(metrics_detail::mean_error(
      "constant_rmse", labels, labels, weights,
      [mean](std::size_t, double, double y) { return (mean - y) * (mean - y); }));
}

ESPALIER_INLINE double constant_mae(Values labels, Values weights) {
  using namespace metrics_detail;
  require_sizes("constant_mae", labels, labels, weights);
  std::vector<std::pair<double, double>> sorted;  // label, weight
  double total = 0;
  for_each_labelled("constant_mae", labels, weights, [&](std::size_t i, double y, double w) {
    require_finite("constant_mae", "label", i, y);
    sorted.emplace_back(y, w);
    total += w;
  });
  if (sorted.empty()) return undefined;
  std::sort(sorted.begin(), sorted.end());
  std::size_t middle = 0;
  for (double below = sorted[0].second; below < 0.5 * total && middle + 1 < sorted.size();)
    below += sorted[++middle].second;
  const double median = sorted[middle].first;
  return mean_error("constant_mae", labels, labels, weights,
                    [median](std::size_t, double, double y) { return std::abs(median - y); });
}

}  // namespace espalier
