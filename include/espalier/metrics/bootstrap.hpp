// SPDX-License-Identifier: Apache-2.0
// Percentile bootstrap: a confidence interval for any metric, by resampling samples or whole
// groups.
#pragma once

#include <cmath>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
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
  Resampler(const Samples& samples, const BootstrapOptions& options);

  /// Returns the r-th resample; valid until the next call.
  [[nodiscard]] Samples draw(Index r);

 private:
  void sort_groups();

  void add(std::size_t i, std::int64_t group);

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
double quantile(const std::vector<double>& sorted, double q);

Interval percentile_interval(std::vector<double> values, double confidence);

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

#if ESPALIER_DEFINE
#include "espalier/metrics/bootstrap_definitions.hpp"
#endif
