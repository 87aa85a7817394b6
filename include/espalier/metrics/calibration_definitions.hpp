// SPDX-License-Identifier: Apache-2.0
// Definitions of calibration.hpp.
#pragma once

#include "espalier/metrics/calibration.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/metrics/values.hpp"

namespace espalier {

ESPALIER_INLINE std::vector<ReliabilityBin> reliability_bins(Values probabilities, Values labels,
                                                             Values weights, Index bins) {
  using namespace metrics_detail;
  constexpr std::string_view metric = "reliability_bins";
  require_sizes(metric, probabilities, labels, weights);
  if (bins < 1)
    throw_error<ConfigError>({"reliability_bins: bins is ", bins, "; expected 1 or more"});
  const auto count = static_cast<double>(bins);
  std::vector<ReliabilityBin> result(static_cast<std::size_t>(bins));
  for (std::size_t b = 0; b < result.size(); ++b)
    result[b] = {static_cast<double>(b) / count, static_cast<double>(b + 1) / count, 0, 0, 0};
  for_each_labelled(metric, labels, weights, [&](std::size_t i, double y, double w) {
    const double p = probabilities[i];
    require_binary(metric, i, y);
    require_probability(metric, i, p);
    auto b = static_cast<std::size_t>((std::min)(std::floor(p * count), count - 1));
    if (p < result[b].low) --b;  // p · count is rounded: correct the bin
    if (p >= result[b].high && b + 1 < result.size()) ++b;
    auto& bin = result[b];
    bin.weight += w;
    bin.mean_prediction += w * p;
    bin.mean_label += w * y;
  });
  for (auto& bin : result) {  // avoids 0 / 0, at which a sanitizer stops
    bin.mean_prediction = bin.weight > 0 ? bin.mean_prediction / bin.weight : undefined;
    bin.mean_label = bin.weight > 0 ? bin.mean_label / bin.weight : undefined;
  }
  return result;
}

ESPALIER_COLD ESPALIER_INLINE std::vector<ReliabilityBin> reliability_quantiles(
    Values probabilities, Values labels, Values weights, Index bins) {
  using namespace metrics_detail;
  constexpr std::string_view metric = "reliability_quantiles";
  require_sizes(metric, probabilities, labels, weights);
  if (bins < 1)
    throw_error<ConfigError>({"reliability_quantiles: bins is ", bins, "; expected 1 or more"});
  struct Sample {
    double p, y, w;
  };
  std::vector<Sample> samples;
  double total = 0;
  for_each_labelled(metric, labels, weights, [&](std::size_t i, double y, double w) {
    require_binary(metric, i, y);
    require_probability(metric, i, probabilities[i]);
    samples.push_back({probabilities[i], y, w});
    total += w;
  });
  std::stable_sort(samples.begin(), samples.end(),
                   [](const Sample& a, const Sample& b) { return a.p < b.p; });
  std::vector<ReliabilityBin> result;
  Index current = -1;
  double before = 0;
  for (std::size_t i = 0; i < samples.size();) {
    double weight = 0, positive = 0;
    const double p = samples[i].p;
    for (; i < samples.size() && samples[i].p == p; ++i) {
      weight += samples[i].w;
      positive += samples[i].w * samples[i].y;
    }
    // The bin of the middle of this run of equal probabilities.
    const auto bin = static_cast<Index>((before + weight / 2) / total * static_cast<double>(bins));
    before += weight;
    if (bin != current || result.empty()) result.push_back({p, p, 0, 0, 0});
    current = bin;
    result.back().high = p;
    result.back().weight += weight;
    result.back().mean_prediction += weight * p;
    result.back().mean_label += positive;
  }
  for (ReliabilityBin& bin : result) {
    bin.mean_prediction /= bin.weight;
    bin.mean_label /= bin.weight;
  }
  return result;
}

ESPALIER_COLD ESPALIER_INLINE double expected_calibration_error(Values probabilities, Values labels,
                                                                Values weights, Index bins) {
  double sum = 0;
  double total = 0;
  for (const auto& bin : reliability_bins(probabilities, labels, weights, bins)) {
    if (!(bin.weight > 0)) continue;
    sum += bin.weight * std::abs(bin.mean_label - bin.mean_prediction);
    total += bin.weight;
  }
  return total > 0 ? sum / total : undefined;
}

ESPALIER_INLINE double predicted_over_observed(Values predictions, Values labels, Values weights) {
  using namespace metrics_detail;
  constexpr std::string_view metric = "predicted_over_observed";
  require_sizes(metric, predictions, labels, weights);
  double predicted = 0;
  double observed = 0;
  for_each_labelled(metric, labels, weights, [&](std::size_t i, double y, double w) {
    if (!(predictions[i] >= 0) || std::isinf(predictions[i]))
      reject(metric, "prediction", i, predictions[i], "a finite number >= 0");
    if (!(y >= 0) || std::isinf(y)) reject(metric, "label", i, y, "a finite number >= 0 or NaN");
    predicted += w * predictions[i];
    observed += w * y;
  });
  return observed > 0 ? predicted / observed : undefined;
}

}  // namespace espalier
