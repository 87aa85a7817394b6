// SPDX-License-Identifier: Apache-2.0
// What happens to a number before it becomes an input. NaN, a missing value, goes through as NaN.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "espalier/core/rounding.hpp"
#include "espalier/plan/schema.hpp"

namespace espalier::features_detail {

/// A finite number that a float holds.
[[nodiscard]] inline bool is_float(double x) {
  return std::abs(x) <= static_cast<double>(std::numeric_limits<float>::max());
}

/// sign(x) · log(1 + |x|)
[[nodiscard]] inline double signed_log1p(double x) { return std::copysign(std::log1p(std::abs(x)), x); }

/// log1p and clip; `standardize` is what its caller makes of it.
[[nodiscard]] inline double transformed(const Transform& t, double x) {
  switch (t.kind) {
    case TransformKind::log1p: return signed_log1p(x);
    case TransformKind::clip: return std::isnan(x) ? x : std::clamp(x, t.low, t.high);
    case TransformKind::standardize: break;
  }
  return x;
}

/// What is standardised: the value after the transforms before that, after all where there is none.
[[nodiscard]] inline double before_standardize(const FieldInfo& f, double x) {
  for (int i = 0; i < f.transform_count; ++i) {
    const Transform& t = f.transforms[static_cast<std::size_t>(i)];
    if (t.kind == TransformKind::standardize) break;
    x = transformed(t, x);
  }
  return x;
}

/// The input that before_standardize() becomes, of a missing value 0 where it is not standardised and the mean where it is.
/// Nothing when no float holds it.
[[nodiscard]] inline std::optional<float> as_input(const FieldInfo& f, double x, double mean, double deviation) {
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

/// Mean and deviation, one value at a time (Welford 1962); each counts as often as it weighs.
class Moments {
 public:
  void add(double x, double weight = 1) {
    count_ += weight;
    const double delta = x - mean_;
    mean_ += delta * (weight / count_);
    squares_ += weight * (delta * (x - mean_));
  }
  [[nodiscard]] double mean() const { return mean_; }
  /// Whether the values are all one but for rounding, or none.
  [[nodiscard]] bool constant() const { return is_rounding(spread(), std::abs(mean_)); }
  /// That of the values themselves (divided by their number); 1 where they are constant.
  [[nodiscard]] double deviation() const { return constant() ? 1 : spread(); }
  [[nodiscard]] bool finite() const { return std::isfinite(mean_) && std::isfinite(squares_); }

 private:
  [[nodiscard]] double spread() const { return count_ > 0 ? std::sqrt(squares_ / count_) : 0; }

  double count_ = 0, mean_ = 0, squares_ = 0;
};

}  // namespace espalier::features_detail
