// SPDX-License-Identifier: Apache-2.0
// Definitions of bootstrap.hpp.
#pragma once

#include "espalier/metrics/bootstrap.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/random.hpp"
#include "espalier/metrics/values.hpp"

namespace espalier {

namespace metrics_detail {

ESPALIER_COLD ESPALIER_INLINE Resampler::Resampler(const Samples& samples,
                                                   const BootstrapOptions& options)
    : samples_(samples), options_(options) {
  const std::size_t n = samples.labels.size();
  if (options.resamples < 2)
    throw_error<ConfigError>(
        {"bootstrap: resamples is ", options.resamples, "; expected 2 or more"});
  if (!(options.confidence > 0 && options.confidence < 1))
    throw_error<ConfigError>(
        {"bootstrap: confidence is ", number(options.confidence), "; expected a number in (0, 1)"});
  if (n != 0 && samples.predictions.size() % n != 0)
    require_size("bootstrap", "predictions", samples.predictions.size(), n);
  if (!samples.weights.empty()) require_size("bootstrap", "weights", samples.weights.size(), n);
  if (options.by_group || !samples.groups.empty())
    require_size("bootstrap", "groups", samples.groups.size(), n);
  width_ = n == 0 ? 0 : samples.predictions.size() / n;
  order_.reserve(n);
  for (std::size_t i = 0; i < n; ++i) {
    if (samples.weights.empty() || samples.weights[i] != 0) order_.push_back(i);
  }
  if (options.by_group) sort_groups();
}

ESPALIER_INLINE Samples Resampler::draw(Index r) {
  Random random(options_.seed, static_cast<std::uint64_t>(r));
  predictions_.clear();
  float_predictions_.clear();
  labels_.clear();
  weights_.clear();
  groups_.clear();
  if (options_.by_group) {
    const std::size_t groups = starts_.size() - 1;
    for (std::size_t drawn = 0; drawn < groups; ++drawn) {
      const auto g = static_cast<std::size_t>(random.below(groups));
      for (std::size_t i = starts_[g]; i < starts_[g + 1]; ++i)
        add(order_[i], static_cast<std::int64_t>(drawn));
    }
  } else {
    for (std::size_t drawn = 0; drawn < order_.size(); ++drawn) {
      const std::size_t i = order_[static_cast<std::size_t>(random.below(order_.size()))];
      add(i, samples_.groups.empty() ? 0 : samples_.groups[i]);
    }
  }
  Samples result{predictions_, labels_, {}, {}};
  if (samples_.predictions.is_float()) result.predictions = float_predictions_;
  if (!samples_.weights.empty()) result.weights = weights_;
  if (!samples_.groups.empty()) result.groups = groups_;
  return result;
}

ESPALIER_COLD ESPALIER_INLINE void Resampler::sort_groups() {
  std::sort(order_.begin(), order_.end(), [this](std::size_t a, std::size_t b) {
    const std::int64_t x = samples_.groups[a];
    const std::int64_t y = samples_.groups[b];
    return x != y ? x < y : a < b;
  });
  for (std::size_t i = 0; i < order_.size(); ++i)
    if (i == 0 || samples_.groups[order_[i]] != samples_.groups[order_[i - 1]])
      starts_.push_back(i);
  starts_.push_back(order_.size());
}

ESPALIER_INLINE void Resampler::add(std::size_t i, std::int64_t group) {
  for (std::size_t c = 0; c < width_; ++c) {
    const double p = samples_.predictions[i * width_ + c];
    if (samples_.predictions.is_float()) {
      float_predictions_.push_back(static_cast<float>(p));
    } else {
      predictions_.push_back(p);
    }
  }
  labels_.push_back(samples_.labels[i]);
  if (!samples_.weights.empty()) weights_.push_back(samples_.weights[i]);
  groups_.push_back(group);
}

ESPALIER_INLINE double quantile(const std::vector<double>& sorted, double q) {
  const double at = q * static_cast<double>(sorted.size() - 1);
  // Without this, 40 · (1 − 0.95) / 2, which is not exactly 1, would interpolate with the next
  // value, which may be infinite.
  if (const double near = std::round(at); std::abs(at - near) < 1e-9)
    return sorted[static_cast<std::size_t>(near)];
  const auto below = static_cast<std::size_t>(at);
  return std::lerp(sorted[below], sorted[below + 1], at - static_cast<double>(below));
}

ESPALIER_INLINE Interval percentile_interval(std::vector<double> values, double confidence) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  return {quantile(values, (1 - confidence) / 2), quantile(values, (1 + confidence) / 2)};
}

}  // namespace metrics_detail

}  // namespace espalier
