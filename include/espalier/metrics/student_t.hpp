// SPDX-License-Identifier: Apache-2.0
// Confidence intervals of a mean from Student's t distribution.
#pragma once

#include <cmath>
#include <numbers>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/metrics/bootstrap.hpp"

namespace espalier {

/// P(|T| ≤ t) for `degrees` ≥ 1 degrees of freedom and t = √degrees · tan(angle). Abramowitz &
/// Stegun 1964, 26.7.3 and 26.7.4.
[[nodiscard]] inline double student_t_within(double angle, Index degrees) {
  const double c = std::cos(angle), s = std::sin(angle);
  const bool odd = degrees % 2 == 1;
  double term = odd ? c : 1, sum = 0;
  for (Index i = odd ? 1 : 0; i <= degrees - 2; i += 2) {
    sum += term;
    term *= c * c * static_cast<double>(i + 1) / static_cast<double>(i + 2);
  }
  return odd ? 2 / std::numbers::pi * (angle + s * sum) : s * sum;
}

/// The t with P(|T| ≤ t) = `confidence`; `confidence` is in (0, 1).
[[nodiscard]] ESPALIER_COLD inline double student_t(double confidence, Index degrees) {
  double low = 0, high = std::numbers::pi / 2;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (student_t_within(middle, degrees) < confidence ? low : high) = middle;
  }
  return std::sqrt(static_cast<double>(degrees)) * std::tan((low + high) / 2);
}

/// `center` ± t · s / √n, where s is the sample standard deviation of the n `values`; undefined
/// (NaN) for fewer than two values.
[[nodiscard]] ESPALIER_COLD inline Interval student_interval(double center,
                                                             const std::vector<double>& values,
                                                             double confidence) {
  if (values.size() < 2) return {};
  const auto n = static_cast<double>(values.size());
  double mean = 0, squares = 0;
  for (const double v : values) mean += v / n;
  for (const double v : values) squares += (v - mean) * (v - mean);
  const double half = student_t(confidence, static_cast<Index>(values.size()) - 1) *
                      std::sqrt(squares / (n - 1) / n);
  return {center - half, center + half};
}

}  // namespace espalier
