// SPDX-License-Identifier: Apache-2.0
// `ExponentialAverage`: the moving average of the weights over steps (EMA).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>

#include "espalier/optim/schedule.hpp"

namespace espalier {

/// a ← d_t a + (1 − d_t) p after step t, with d_t = min(decay, (1 + t) / (10 + t)), so that the
/// first steps are forgotten quickly, as in TensorFlow's ExponentialMovingAverage with
/// `num_updates`; a starts at p. Averages over about 1 / (1 − decay) steps. Polyak & Juditsky,
/// Acceleration of stochastic approximation by averaging, SIAM J. Control Optim. 1992; Tarvainen &
/// Valpola, Mean teachers are better role models, NeurIPS 2017.
struct ExponentialAverage {
  double decay = 0.999;  ///< in [0, 1)

  /// d_t; the first step is t = 1.
  [[nodiscard]] double at(std::int64_t step) const {
    const auto t = static_cast<double>(step);
    return (std::min)(decay, (1 + t) / (10 + t));
  }

  /// Π d_t over the steps after `from` up to and including `to`: the factor by which a − p shrinks
  /// if p does not change. For the first steps,
  /// Π (1 + t) / (10 + t) = Π_{j=2..10} (from + j) / (to + j).
  [[nodiscard]] double left(std::int64_t from, std::int64_t to) const {
    if (to <= from) return 1;
    if (to == from + 1) return at(to);
    const auto s = static_cast<double>(from), t = static_cast<double>(to);
    // The last step with (1 + t) / (10 + t) ≤ decay, limited to [from, to].
    const double last = (std::clamp)(std::floor((10 * decay - 1) / (1 - decay)), s, t);
    double above = 1, below = 1;
    for (int j = 2; j <= 10 && last > s; ++j) {
      above *= s + j;
      below *= last + j;
    }
    return above / below * std::pow(decay, t - last);
  }

  [[nodiscard]] std::string describe() const {
    return "exponential_average(decay=" + optim_detail::shortest(decay) + ")";
  }
  /// Throws ConfigError if a setting is out of range.
  void check() const {
    optim_detail::check_range("average: decay", decay, 0, std::nextafter(1.0, 0.0));
  }
};

}  // namespace espalier
