// SPDX-License-Identifier: Apache-2.0
// Small quadratic programs: over x ≥ 0, and the shortest vector in a convex hull.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

#include "espalier/balance/small_matrix.hpp"

namespace espalier::detail {

/// Solves Q x = b for the variables marked `free`, by Cholesky; x is 0 elsewhere. Returns false if
/// Q is singular there.
[[nodiscard]] inline bool solve_free(const TaskMatrix& q, std::span<const double> b,
                                     const std::array<bool, GradientAggregator::max_tasks>& free,
                                     std::span<double> x) {
  std::array<std::size_t, GradientAggregator::max_tasks> at;
  std::size_t m = 0;
  for (std::size_t i = 0; i < q.size; ++i) {
    x[i] = 0;
    if (free[i]) at[m++] = i;
  }
  TaskMatrix l(m);
  for (std::size_t j = 0; j < m; ++j) {
    double pivot = q(at[j], at[j]);
    const double whole = pivot;
    for (std::size_t k = 0; k < j; ++k) pivot -= l(j, k) * l(j, k);
    if (!(pivot > 1e-14 * whole)) return false;
    l(j, j) = std::sqrt(pivot);
    for (std::size_t i = j + 1; i < m; ++i) {
      double sum = q(at[i], at[j]);
      for (std::size_t k = 0; k < j; ++k) sum -= l(i, k) * l(j, k);
      l(i, j) = sum / l(j, j);
    }
  }
  TaskVector y{};
  for (std::size_t i = 0; i < m; ++i) {
    double sum = b[at[i]];
    for (std::size_t k = 0; k < i; ++k) sum -= l(i, k) * y[k];
    y[i] = sum / l(i, i);
  }
  for (std::size_t i = m; i-- > 0;) {
    double sum = y[i];
    for (std::size_t k = i + 1; k < m; ++k) sum -= l(k, i) * x[at[k]];
    x[at[i]] = sum / l(i, i);
  }
  return true;
}

/// x = argmin ½ xᵀ Q x − bᵀ x over x ≥ 0, with Q positive semi-definite, its diagonal near 1 (or 0:
/// such an x stays 0), and b in the range of Q. Active-set method on the set of free variables, as
/// in Lawson & Hanson's non-negative least squares (1974, chapter 23). Exact up to rounding;
/// typically at most 3 n changes of the set.
inline void minimize_nonnegative(const TaskMatrix& q, std::span<const double> b,
                                 std::span<double> x) {
  const std::size_t n = q.size;
  std::array<bool, GradientAggregator::max_tasks> free{}, blocked{};
  double size = 0;
  for (std::size_t i = 0; i < n; ++i) {
    x[i] = 0;
    size = (std::max)(size, std::abs(b[i]));
  }
  TaskVector solved{};
  for (std::size_t round = 0; round < 20 * n + 20; ++round) {
    std::size_t entering = n;
    double most = 1e-13 * size;
    for (std::size_t i = 0; i < n; ++i) {
      if (free[i] || blocked[i] || !(q(i, i) > 0)) continue;
      double slope = b[i], terms = 0;
      for (std::size_t j = 0; j < n; ++j) {
        slope -= q(i, j) * x[j];
        terms += std::abs(q(i, j) * x[j]);
      }
      if (slope > most && slope > 1e-14 * terms) most = slope, entering = i;
    }
    if (entering == n) return;
    free[entering] = true;
    bool first = true;
    while (true) {
      if (!solve_free(q, b, free, solved) || (first && solved[entering] <= 0)) {
        // Linearly dependent on the free variables up to rounding: it gains nothing.
        free[entering] = false;
        blocked[entering] = true;
        break;
      }
      if (first) blocked.fill(false);
      first = false;
      double step = 1;
      for (std::size_t i = 0; i < n; ++i) {
        if (free[i] && solved[i] <= 0) step = (std::min)(step, x[i] / (x[i] - solved[i]));
      }
      if (step >= 1) {
        for (std::size_t i = 0; i < n; ++i) x[i] = solved[i];
        break;
      }
      for (std::size_t i = 0; i < n; ++i) {
        if (!free[i]) continue;
        const bool leaves = solved[i] <= 0 && x[i] / (x[i] - solved[i]) <= step;
        x[i] = leaves ? 0 : x[i] + step * (solved[i] - x[i]);
        if (leaves) free[i] = false;
      }
    }
  }
}

/// The weights of the shortest vector Σ_k w_k h_k with w ≥ 0 and Σ w_k = 1, from the Gramian of the
/// h_k. If some h_k are 0, those share the weight equally; otherwise, if equal weights give the
/// shortest vector, returns equal weights.
///
/// With x = t w, the minimum of |Σ x_k h_k|² + (1 − Σ x_k)² over x ≥ 0 is attained at the w of the
/// shortest vector (Lawson & Hanson, chapter 23.4): a program without the constraint on the sum.
inline void shortest_in_hull(const TaskMatrix& gramian, std::span<double> w) {
  const std::size_t n = gramian.size;
  double shortest = 0;
  std::size_t zeros = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double square = gramian(i, i);
    if (!(square > 0)) {
      ++zeros;
    } else if (shortest == 0 || square < shortest) {
      shortest = square;
    }
  }
  const double equal = 1 / static_cast<double>(n);
  if (zeros > 0) {
    for (std::size_t i = 0; i < n; ++i)
      w[i] = gramian(i, i) > 0 ? 0 : 1 / static_cast<double>(zeros);
    return;
  }
  // Scale lengths by the shortest, then each variable by its own factor, to get a unit diagonal.
  TaskMatrix q(n);
  TaskVector norm{}, ratio{}, unit{}, x{};
  for (std::size_t i = 0; i < n; ++i) {
    norm[i] = std::sqrt(gramian(i, i));
    ratio[i] = norm[i] / std::sqrt(shortest);
    unit[i] = 1 / std::hypot(1.0, ratio[i]);
  }
  double lowest = 0, square = 0, size = 0;
  for (std::size_t i = 0; i < n; ++i) {
    double product = 0;
    for (std::size_t j = 0; j < n; ++j) {
      const double cosine =
          i == j ? 1 : (std::min)((std::max)(gramian(i, j) / norm[i] / norm[j], -1.0), 1.0);
      product += equal * cosine * ratio[i] * ratio[j];
      q(i, j) = cosine * (ratio[i] * unit[i]) * (ratio[j] * unit[j]) + unit[i] * unit[j];
    }
    if (i == 0 || product < lowest) lowest = product;
    square += equal * product;
    size = (std::max)(size, ratio[i] * ratio[i]);
  }
  for (std::size_t i = 0; i < n; ++i) w[i] = equal;
  if (square - lowest <= 1e-15 * size) return;
  minimize_nonnegative(q, {unit.data(), n}, x);
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += x[i] *= unit[i];
  if (!(sum > 0)) return;
  for (std::size_t i = 0; i < n; ++i) w[i] = x[i] / sum;
}

/// The Gramian of h_k = scale · g_k + Σ_j shift_j g_j.
[[nodiscard]] inline TaskMatrix shifted_gramian(const TaskGradients& g, double scale,
                                                std::span<const double> shift) {
  const std::size_t n = g.size();
  TaskMatrix m(n);
  TaskVector along{};
  double square = 0;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) along[i] += g(i, j) * shift[j];
    square += shift[i] * along[i];
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j)
      m(i, j) = scale * scale * g(i, j) + scale * (along[i] + along[j]) + square;
  }
  return m;
}

/// Projects w onto the simplex (w ≥ 0, Σ w_k = 1): the nearest point to w (Held, Wolfe & Crowder
/// 1974).
inline void project_on_simplex(std::span<double> w) {
  TaskVector sorted{};
  const std::size_t n = w.size();
  for (std::size_t i = 0; i < n; ++i) sorted[i] = w[i];
  std::sort(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(n),
            [](double a, double b) { return a > b; });
  double sum = 0, shift = 0;
  for (std::size_t i = 0; i < n; ++i) {
    sum += sorted[i];
    const double candidate = (sum - 1) / static_cast<double>(i + 1);
    if (sorted[i] - candidate > 0) shift = candidate;
  }
  for (std::size_t i = 0; i < n; ++i) w[i] = (std::max)(w[i] - shift, 0.0);
}

}  // namespace espalier::detail
