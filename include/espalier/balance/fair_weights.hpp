// SPDX-License-Identifier: Apache-2.0
// α-fair weights by Newton's method: solves the equations of Nash-MTL and FairGrad.
#pragma once

#include <cmath>

#include "espalier/balance/nonnegative_program.hpp"

namespace espalier::detail {

/// w > 0 with G Gᵀ w = w^(−1/α), elementwise: the minimum of the convex function
/// ½ wᵀ G Gᵀ w − Σ_k ∫ w_k^(−1/α), by Newton's method with a line search, to 1e-12. Computed in
/// units of the gradients' lengths, with `ridge` added to the diagonal of the cosine matrix:
/// without it there is no minimum if the gradients can cancel. A zero gradient gets weight 0.
inline void fair_weights(const TaskGradients& g, double alpha, double ridge,
                         std::span<double> out) {
  const std::size_t n = g.size();
  TaskMatrix c = cosines_of(g);
  const double power = 1 / alpha;
  // With w_k = x_k / |g_k|: C x = f x^(−1/α), f_k = |g_k|^(1/α − 1); f is scaled by e^−mean, x
  // accordingly.
  TaskVector f{}, x{}, step{}, rhs{};
  std::array<bool, GradientAggregator::max_tasks> present{};
  double mean = 0, count = 0;
  for (std::size_t i = 0; i < n; ++i) {
    present[i] = g(i, i) > 0;
    if (!present[i]) continue;
    c(i, i) = 1 + ridge;
    f[i] = (power - 1) * std::log(g.norm(i));
    mean += f[i];
    ++count;
  }
  for (std::size_t i = 0; i < n; ++i) out[i] = 0;
  if (count == 0) return;
  mean /= count;
  for (std::size_t i = 0; i < n; ++i)
    f[i] = present[i] ? std::exp(f[i] - mean) : 0, x[i] = present[i] ? 1 : 0;
  const auto objective = [&](const TaskVector& at) {
    double value = 0;
    for (std::size_t i = 0; i < n; ++i) {
      if (!present[i]) continue;
      if (!(at[i] > 0)) return std::numeric_limits<double>::infinity();
      double product = 0;
      for (std::size_t j = 0; j < n; ++j) product += c(i, j) * at[j];
      value += at[i] * product / 2 -
               f[i] * (alpha == 1 ? std::log(at[i]) : std::pow(at[i], 1 - power) / (1 - power));
    }
    return value;
  };
  double value = objective(x);
  for (int round = 0; round < 300; ++round) {
    TaskMatrix hessian = c;
    double worst = 0;
    for (std::size_t i = 0; i < n; ++i) {
      rhs[i] = 0;
      if (!present[i]) continue;
      const double force = f[i] * std::pow(x[i], -power);
      double product = 0;
      for (std::size_t j = 0; j < n; ++j) product += c(i, j) * x[j];
      rhs[i] = force - product;
      worst = (std::max)(worst, std::abs(rhs[i]) / force);
      hessian(i, i) += power * force / x[i];
    }
    if (worst < 1e-13 || !solve_free(hessian, {rhs.data(), n}, present, {step.data(), n})) break;
    double slope = 0, length = 1;
    for (std::size_t i = 0; i < n; ++i) {
      slope += rhs[i] * step[i];
      if (step[i] < 0) length = (std::min)(length, 0.95 * x[i] / -step[i]);
    }
    if (worst < 1e-6 && slope <= 1e-15 * (1 + std::abs(value))) {
      for (std::size_t i = 0; i < n; ++i) x[i] += length * step[i];
      break;  // the objective has no more digits to compare
    }
    TaskVector next{};
    bool found = false;
    for (int halving = 0; halving < 60 && !found; ++halving, length /= 2) {
      for (std::size_t i = 0; i < n; ++i) next[i] = x[i] + length * step[i];
      const double there = objective(next);
      found = there <= value - 0.1 * length * slope;
      if (found) value = there;
    }
    if (!found) break;
    x = next;
  }
  // Undo the scaling: x is in units of s with s^(1 + 1/α) = e^mean.
  const double unit = mean / (1 + power);
  for (std::size_t i = 0; i < n; ++i) {
    if (present[i]) out[i] = x[i] * std::exp(unit - std::log(g.norm(i)));
  }
}

}  // namespace espalier::detail
