// SPDX-License-Identifier: Apache-2.0
// Means over seeds with their 95 % confidence intervals.
#pragma once

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

namespace examples {

/// Mean and half the width of its 95 % confidence interval, by Student's t.
struct Interval {
  double mean = 0, half = 0;
};

[[nodiscard]] inline Interval interval(const std::vector<double>& x) {
  Interval made;
  const auto n = static_cast<double>(x.size());
  for (const double v : x) made.mean += v / n;
  if (x.size() < 2) return made;
  double squares = 0;
  for (const double v : x) squares += (v - made.mean) * (v - made.mean);
  // The 0.975 quantile of t with d degrees of freedom: exact for one and two, within 0.003 from three on.
  const double d = n - 1;
  const double t = d < 2 ? 12.706 : d < 3 ? 4.303 : 1.95996 + 2.3722 / d + 2.8225 / (d * d) + 2.5558 / (d * d * d) + 1.5894 / (d * d * d * d);
  made.half = t * std::sqrt(squares / (n - 1) / n);
  return made;
}

/// b − a, seed by seed.
[[nodiscard]] inline Interval paired(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> difference;
  for (std::size_t i = 0; i < a.size(); ++i) difference.push_back(b[i] - a[i]);
  return interval(difference);
}

}  // namespace examples
