// SPDX-License-Identifier: Apache-2.0
// The two-parameter, two-loss problem of the CAGrad and Nash-MTL papers: a valley in which the
// gradients conflict and differ in length, with the Pareto front at its end.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "espalier/balance/gradient_method.hpp"
#include "espalier/balance/weighting.hpp"

namespace examples {

using Point = std::array<double, 2>;

/// The losses and their gradients by (x, y). Liu et al., NeurIPS 2021, appendix; Navon et al., ICML
/// 2022, scale the first loss by 0.1.
struct TwoObjectives {
  double scale = 0.1;

  struct Value {
    Point losses{};
    std::array<Point, 2> gradients{};
  };

  [[nodiscard]] Value at(Point p) const {
    const double x = p[0], y = p[1];
    const double t = std::tanh(-y), slope = -(1 - t * t);  // d tanh(−y) / dy
    const double up = std::tanh(0.5 * y), down = std::tanh(-0.5 * y);
    const double c1 = (std::max)(up, 0.0), c2 = (std::max)(down, 0.0);
    const double c1_y = up >= 0 ? 0.5 * (1 - up * up) : 0.0,
                 c2_y = down >= 0 ? -0.5 * (1 - down * down) : 0.0;
    Value v;
    for (std::size_t k = 0; k < 2; ++k) {
      const double inner = k == 0 ? 0.5 * (-x - 7) - t : 0.5 * (-x + 3) + t + 2;
      const double inner_y = k == 0 ? -slope : slope, centre = k == 0 ? 7 : -7;
      const bool cut = std::abs(inner) <= least;
      const double log = std::log((std::max)(std::abs(inner), least)) + 6;
      const double log_x = cut ? 0 : -0.5 / inner, log_y = cut ? 0 : inner_y / inner;
      const double bowl = ((x - centre) * (x - centre) + 0.1 * (y + 8) * (y + 8)) / 10 - 20;
      const double by = k == 0 ? scale : 1.0;
      v.losses[k] = by * (log * c1 + bowl * c2);
      v.gradients[k] = {by * (log_x * c1 + (x - centre) / 5 * c2),
                        by * (log_y * c1 + log * c1_y + (y + 8) / 50 * c2 + bowl * c2_y)};
    }
    return v;
  }

  /// Points of the Pareto front: for every x between the bowls, the y that minimizes the weighted
  /// sum.
  [[nodiscard]] std::vector<Point> front() const {
    std::vector<Point> points;
    for (int i = 0; i <= 280; ++i) {
      const double x = -7 + 0.05 * i;
      // On the front (7 + x) ∇(L₁ / scale) + (7 − x) ∇L₂ = 0. It holds for x; y is found by
      // bisection.
      double low = -20, high = -2;
      for (int step = 0; step < 100; ++step) {
        const double y = (low + high) / 2;
        const Value v = at({x, y});
        const double by_y = (7 + x) * v.gradients[0][1] / scale + (7 - x) * v.gradients[1][1];
        (by_y > 0 ? high : low) = y;
      }
      points.push_back({x, (low + high) / 2});
    }
    return points;
  }

  /// Distance above the front: the least t such that some point of the front has both losses ≥
  /// those at p − t, each loss in units of its scale.
  [[nodiscard]] double above_front(Point p) const {
    const Value v = at(p);
    double best = 1e300;
    for (const Point& f : front()) {
      const Value w = at(f);
      best = (std::min)(best,
                        (std::max)((v.losses[0] - w.losses[0]) / scale, v.losses[1] - w.losses[1]));
    }
    return best;
  }

 private:
  static constexpr double least = 5e-6;
};

/// The starting points of the Nash-MTL paper.
inline constexpr std::array<Point, 5> two_objectives_starts{
    {{-8.5, 7.5}, {0, 0}, {9, 9}, {-7.5, -0.5}, {9, -1}}};

/// The path of Adam with the method's steps: every `keep`-th point and the last.
[[nodiscard]] inline std::vector<Point> trajectory(const TwoObjectives& problem,
                                                   espalier::LossWeighting balance, Point p,
                                                   int steps, double learning_rate,
                                                   int keep = 100) {
  balance.reset(2);
  std::vector<double> weights(2), gramian(4);
  std::vector<Point> path{p};
  Point first{}, second{};
  for (int step = 1; step <= steps; ++step) {
    const TwoObjectives::Value v = problem.at(p);
    if (espalier::GradientAggregator* method = balance.gradients()) {
      for (std::size_t i = 0; i < 4; ++i) {
        const Point &a = v.gradients[i / 2], &b = v.gradients[i % 2];
        gramian[i] = a[0] * b[0] + a[1] * b[1];
      }
      method->weights(gramian, v.losses, static_cast<std::uint64_t>(step), weights);
    } else {
      balance.weights(v.losses, weights);
    }
    for (std::size_t i = 0; i < 2; ++i) {
      const double g = weights[0] * v.gradients[0][i] + weights[1] * v.gradients[1][i];
      first[i] = 0.9 * first[i] + 0.1 * g;
      second[i] = 0.999 * second[i] + 0.001 * g * g;
      const double mean = first[i] / (1 - std::pow(0.9, step)),
                   square = second[i] / (1 - std::pow(0.999, step));
      p[i] -= learning_rate * mean / (std::sqrt(square) + 1e-8);
    }
    balance.observe(v.losses);
    if (step % keep == 0 || step == steps) path.push_back(p);
  }
  return path;
}

}  // namespace examples
