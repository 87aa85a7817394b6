// SPDX-License-Identifier: Apache-2.0
// Percentile bootstrap: a confidence interval for any metric, by resampling samples or whole
// groups.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/random.hpp"
#include "espalier/metrics/grouped.hpp"
#include "espalier/metrics/values.hpp"

namespace espalier {

/// The input of a metric. Views: own nothing.
struct Samples {
  Values predictions{};  ///< width × n, a sample's values contiguous; width is 1 except for classes
  Values labels{};       ///< n
  Values weights{};      ///< n or none; a sample of weight 0 is ignored
  Groups groups{};       ///< n or none; a group that is drawn twice becomes two groups
};

struct Interval {
  double low = undefined;
  double high = undefined;
};

struct BootstrapOptions {
  Index resamples = 200;     ///< ≥ 2; use 1000 for a 95 % interval to be published
  double confidence = 0.95;  ///< in (0, 1)
  std::uint64_t seed = 1;
  bool by_group = false;  ///< draw whole groups, because samples of one user are not independent
};

namespace metrics_detail {

/// Draws resamples. Resample r depends only on the seed and r. Samples of weight 0 are not drawn.
class Resampler {
 public:
  ESPALIER_COLD Resampler(const Samples& samples, const BootstrapOptions& options)
      : samples_(samples), options_(options) {
    const std::size_t n = samples.labels.size();
    if (options.resamples < 2)
      throw_error<ConfigError>(
          {"bootstrap: resamples is ", options.resamples, "; expected 2 or more"});
    if (!(options.confidence > 0 && options.confidence < 1))
      throw_error<ConfigError>({"bootstrap: confidence is ", number(options.confidence),
                                "; expected a number in (0, 1)"});
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

  /// Returns the r-th resample; valid until the next call.
  [[nodiscard]] Samples draw(Index r) {
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

 private:
  ESPALIER_COLD void sort_groups() {
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

  void add(std::size_t i, std::int64_t group) {
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

  Samples samples_;
  BootstrapOptions options_;
  std::size_t width_ = 0;
  std::vector<std::size_t> order_;   // samples of nonzero weight; if by_group, sorted by group
  std::vector<std::size_t> starts_;  // if by_group, the start of each group in order_, and the end
  std::vector<double> predictions_;
  // Replaces predictions_ if the input is float: metrics clip by the type of their input.
  std::vector<float> float_predictions_;
  std::vector<double> labels_;
  std::vector<double> weights_;
  std::vector<std::int64_t> groups_;
};

/// The q-quantile of sorted values, interpolated linearly between the two nearest values.
inline double quantile(const std::vector<double>& sorted, double q) {
  const double at = q * static_cast<double>(sorted.size() - 1);
  // Without this, 40 · (1 − 0.95) / 2, which is not exactly 1, would interpolate with the next
  // value, which may be infinite.
  if (const double near = std::round(at); std::abs(at - near) < 1e-9)
    return sorted[static_cast<std::size_t>(near)];
  const auto below = static_cast<std::size_t>(at);
  return std::lerp(sorted[below], sorted[below + 1], at - static_cast<double>(below));
}

inline Interval percentile_interval(std::vector<double> values, double confidence) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  return {quantile(values, (1 - confidence) / 2), quantile(values, (1 + confidence) / 2)};
}

template <class Metric>
double call_metric(const Metric& metric, const Samples& samples) {
  if constexpr (std::is_invocable_r_v<double, const Metric&, const Samples&>)
    return metric(samples);
  else if constexpr (std::is_invocable_r_v<double, const Metric&, Values, Values, Values>)
    return metric(samples.predictions, samples.labels, samples.weights);
  else {
    static_assert(std::is_invocable_r_v<double, const Metric&, Values, Values>,
                  "a metric for bootstrap is called as metric(samples), metric(predictions, "
                  "labels, weights) or "
                  "metric(predictions, labels), and returns a double");
    return metric(samples.predictions, samples.labels);
  }
}

}  // namespace metrics_detail

/// The interval between the (1 ± confidence) / 2 quantiles of `metric` over resamples drawn with
/// replacement, each with as many samples as there are (or as many groups, if `by_group`).
/// Resamples with an undefined metric are left out; NaN if it is undefined in all of them. Costs
/// `resamples` evaluations. The same seed gives the same interval on every machine. `metric`:
/// double(const Samples&), double(predictions, labels, weights) or double(predictions, labels):
/// `bootstrap(roc_auc, {scores, labels})`. Throws ConfigError if an option or size is out of range,
/// and what `metric` throws. Efron & Tibshirani, An Introduction to the Bootstrap, 1993, chapter
/// 13.
template <class Metric>
[[nodiscard]] Interval bootstrap(const Metric& metric, const Samples& samples,
                                 const BootstrapOptions& options = {}) {
  metrics_detail::Resampler resampler(samples, options);
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(options.resamples));
  for (Index r = 0; r < options.resamples; ++r) {
    const double value = metrics_detail::call_metric(metric, resampler.draw(r));
    if (!std::isnan(value)) values.push_back(value);
  }
  return metrics_detail::percentile_interval(std::move(values), options.confidence);
}

}  // namespace espalier
