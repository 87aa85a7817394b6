// SPDX-License-Identifier: Apache-2.0
// Transforms of a number before it becomes an input. NaN, a missing value, stays NaN.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "espalier/core/rounding.hpp"
#include "espalier/plan/schema.hpp"

namespace espalier::features_detail {

/// Whether a number is finite and fits a float.
[[nodiscard]] inline bool is_float(double x) {
  return std::abs(x) <= static_cast<double>(std::numeric_limits<float>::max());
}

/// sign(x) · log(1 + |x|)
[[nodiscard]] inline double signed_log1p(double x) {
  return std::copysign(std::log1p(std::abs(x)), x);
}

/// Applies log1p and clip; the caller applies `standardize`.
[[nodiscard]] inline double transformed(const Transform& t, double x) {
  switch (t.kind) {
    case TransformKind::log1p:
      return signed_log1p(x);
    case TransformKind::clip:
      return std::isnan(x) ? x : std::clamp(x, t.low, t.high);
    case TransformKind::standardize:
      break;
  }
  return x;
}

/// The number to standardise: the value after the transforms before `standardize`, or after all of
/// them if there is no `standardize`.
[[nodiscard]] inline double before_standardize(const FieldInfo& f, double x) {
  for (int i = 0; i < f.transform_count; ++i) {
    const Transform& t = f.transforms[static_cast<std::size_t>(i)];
    if (t.kind == TransformKind::standardize) break;
    x = transformed(t, x);
  }
  return x;
}

/// The input from the result of before_standardize(). A missing value becomes the mean if it is
/// standardised, otherwise 0. Returns nullopt if the input does not fit a float.
[[nodiscard]] inline std::optional<float> as_input(const FieldInfo& f, double x, double mean,
                                                   double deviation) {
  const bool missing = std::isnan(x);
  bool begun = false;
  for (int i = 0; i < f.transform_count; ++i) {
    const Transform& t = f.transforms[static_cast<std::size_t>(i)];
    if (t.kind == TransformKind::standardize) {
      x = std::isnan(x) ? 0 : (x - mean) / deviation;
      begun = true;
    } else if (begun) {
      x = transformed(t, x);
    }
  }
  if (missing && std::isnan(x)) return 0.0F;
  if (!is_float(x)) return std::nullopt;
  return static_cast<float>(x);
}

/// Weighted mean and standard deviation, updated value by value (Welford 1962).
class Moments {
 public:
  void add(double x, double weight = 1) {
    count_ += weight;
    const double delta = x - mean_;
    mean_ += delta * (weight / count_);
    squares_ += weight * (delta * (x - mean_));
  }
  [[nodiscard]] double mean() const { return mean_; }
  /// Whether all values are equal up to rounding, or there are none.
  [[nodiscard]] bool constant() const { return is_rounding(spread(), std::abs(mean_)); }
  /// Population standard deviation (divides by the total weight); 1 if the values are constant.
  [[nodiscard]] double deviation() const { return constant() ? 1 : spread(); }
  [[nodiscard]] bool finite() const { return std::isfinite(mean_) && std::isfinite(squares_); }

 private:
  [[nodiscard]] double spread() const { return count_ > 0 ? std::sqrt(squares_ / count_) : 0; }

  double count_ = 0, mean_ = 0, squares_ = 0;
};

}  // namespace espalier::features_detail
