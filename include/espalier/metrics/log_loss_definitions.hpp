// SPDX-License-Identifier: Apache-2.0
// Definitions of log_loss.hpp.
#pragma once

#include "espalier/metrics/log_loss.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string_view>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/metrics/values.hpp"

namespace espalier {

namespace metrics_detail {

ESPALIER_INLINE double clip_of(std::string_view metric, Values probabilities,
                               std::optional<double> clip) {
  const double own = probabilities.is_float()
                         ? static_cast<double>(std::numeric_limits<float>::epsilon())
                         : std::numeric_limits<double>::epsilon();
  const double result = clip.value_or(own);
  if (!(result >= 0 && result < 0.5))
    throw_error<ConfigError>(
        {metric, ": clip is ", number(result), "; expected a number in [0, 0.5)"});
  return result;
}

}  // namespace metrics_detail

ESPALIER_INLINE double log_loss(Values probabilities, Values labels, Values weights,
                                std::optional<double> clip) {
  using namespace metrics_detail;
  require_sizes("log_loss", probabilities, labels, weights);
  const double margin = clip_of("log_loss", probabilities, clip);
  double sum = 0;
  double total = 0;
  for_each_labelled("log_loss", labels, weights, [&](std::size_t i, double y, double w) {
    require_binary("log_loss", i, y);
    require_probability("log_loss", i, probabilities[i]);
    const double p = (std::min)((std::max)(probabilities[i], margin), 1 - margin);
    sum -= w * (y > 0 ? std::log(p) : std::log1p(-p));
    total += w;
  });
  return total > 0 ? sum / total : undefined;
}

ESPALIER_INLINE double log_loss_from_logits(Values logits, Values labels, Values weights) {
  using namespace metrics_detail;
  constexpr std::string_view metric = "log_loss_from_logits";
  require_sizes(metric, logits, labels, weights);
  double sum = 0;
  double total = 0;
  for_each_labelled(metric, labels, weights, [&](std::size_t i, double y, double w) {
    const double z = logits[i];
    require_binary(metric, i, y);
    require_finite(metric, "logit", i, z);
    sum += w * ((std::max)(z, 0.0) - y * z + std::log1p(std::exp(-std::abs(z))));
    total += w;
  });
  return total > 0 ? sum / total : undefined;
}

ESPALIER_INLINE double class_log_loss(Values probabilities, Values labels, Index classes,
                                      Values weights, std::optional<double> clip) {
  using namespace metrics_detail;
  constexpr std::string_view metric = "class_log_loss";
  const double margin = clip_of(metric, probabilities, clip);
  const auto k = static_cast<std::size_t>(classes);
  double sum = 0;
  double total = 0;
  for_each_class_label(
      metric, probabilities, labels, classes, weights,
      [&](std::size_t first, std::size_t y, double w) {
        double mass = 0;
        for (std::size_t c = 0; c < k; ++c) {
          require_probability(metric, first + c, probabilities[first + c]);
          mass += probabilities[first + c];
        }
        if (std::abs(mass - 1) > 1e-3)
          reject(metric, "the sum of probabilities of sample", first / k, mass, "1");
        sum -= w * std::log((std::min)((std::max)(probabilities[first + y], margin), 1 - margin));
        total += w;
      });
  return total > 0 ? sum / total : undefined;
}

ESPALIER_INLINE double class_log_loss_from_logits(Values logits, Values labels, Index classes,
                                                  Values weights) {
  using namespace metrics_detail;
  constexpr std::string_view metric = "class_log_loss_from_logits";
  const auto k = static_cast<std::size_t>(classes);
  double sum = 0;
  double total = 0;
  for_each_class_label(metric, logits, labels, classes, weights,
                       [&](std::size_t first, std::size_t y, double w) {
                         double top = -std::numeric_limits<double>::infinity();
                         for (std::size_t c = 0; c < k; ++c) {
                           require_finite(metric, "logit", first + c, logits[first + c]);
                           top = (std::max)(top, logits[first + c]);
                         }
                         double mass = 0;
                         for (std::size_t c = 0; c < k; ++c)
                           mass += std::exp(logits[first + c] - top);
                         sum += w * (top + std::log(mass) - logits[first + y]);
                         total += w;
                       });
  return total > 0 ? sum / total : undefined;
}

ESPALIER_INLINE double class_accuracy(Values predictions, Values labels, Index classes,
                                      Values weights) {
  double right = 0;
  double total = 0;
  metrics_detail::for_each_likeliest_class("class_accuracy", predictions, labels, classes, weights,
                                           [&](std::size_t y, std::size_t best, double w) {
                                             if (best == y) right += w;
                                             total += w;
                                           });
  return total > 0 ? right / total : undefined;
}

}  // namespace espalier
