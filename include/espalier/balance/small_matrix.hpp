// SPDX-License-Identifier: Apache-2.0
// Small dense matrices on the stack, sized for the maximum number of tasks, and eigenvalues of
// symmetric ones.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

#include "espalier/balance/gradient_method.hpp"

namespace espalier::detail {

using TaskVector = std::array<double, GradientAggregator::max_tasks>;

struct TaskMatrix {
  std::array<double, GradientAggregator::max_tasks * GradientAggregator::max_tasks> values;
  std::size_t size = 0;

  explicit TaskMatrix(std::size_t n) : size(n) {
    for (std::size_t i = 0; i < n * n; ++i) values[i] = 0;
  }
  TaskMatrix(const TaskMatrix& other) : size(other.size) {
    std::copy_n(other.values.begin(), size * size, values.begin());
  }
  TaskMatrix& operator=(const TaskMatrix&) = delete;
  double& operator()(std::size_t i, std::size_t j) { return values[i * size + j]; }
  double operator()(std::size_t i, std::size_t j) const { return values[i * size + j]; }
};

/// Cosines of the angles between the gradients. The row of a zero gradient is zero.
[[nodiscard]] inline TaskMatrix cosines_of(const TaskGradients& gradients) {
  const std::size_t n = gradients.size();
  TaskMatrix c(n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) c(i, j) = c(j, i) = gradients.cosine(i, j);
  }
  return c;
}

/// √(xᵀ M x); 0 if the terms cancel to within rounding error.
[[nodiscard]] inline double length_of(const TaskMatrix& m, std::span<const double> x) {
  double sum = 0, size = 0;
  for (std::size_t i = 0; i < m.size; ++i) {
    for (std::size_t j = 0; j < m.size; ++j) {
      const double term = x[i] * m(i, j) * x[j];
      sum += term;
      size += std::abs(term);
    }
  }
  return sum > 4 * std::numeric_limits<double>::epsilon() * size ? std::sqrt(sum) : 0.0;
}

/// A = V diag(values) Vᵀ of a symmetric matrix, by Jacobi rotations; the eigenvectors are the
/// columns of V.
struct SymmetricEigen {
  TaskVector values{};
  TaskMatrix vectors;
};

[[nodiscard]] inline SymmetricEigen eigen_of(TaskMatrix a) {
  const std::size_t n = a.size;
  SymmetricEigen e{{}, TaskMatrix(n)};
  for (std::size_t i = 0; i < n; ++i) e.vectors(i, i) = 1;
  for (int sweep = 0; sweep < 60; ++sweep) {
    bool moved = false;
    for (std::size_t p = 0; p < n; ++p) {
      for (std::size_t q = p + 1; q < n; ++q) {
        // The threshold is relative to the two diagonal entries, so that small eigenvalues are
        // accurate too (Demmel & Veselić 1992).
        const double off = a(p, q);
        if (!(std::abs(off) > 1e-17 * std::sqrt(std::abs(a(p, p))) * std::sqrt(std::abs(a(q, q)))))
          continue;
        moved = true;
        const double theta = (a(q, q) - a(p, p)) / (2 * off);
        const double t = (theta >= 0 ? 1 : -1) / (std::abs(theta) + std::hypot(1.0, theta));
        const double c = 1 / std::hypot(1.0, t), s = t * c;
        for (std::size_t k = 0; k < n; ++k) {
          const double kp = a(k, p), kq = a(k, q);
          a(k, p) = c * kp - s * kq;
          a(k, q) = s * kp + c * kq;
        }
        for (std::size_t k = 0; k < n; ++k) {
          const double pk = a(p, k), qk = a(q, k);
          a(p, k) = c * pk - s * qk;
          a(q, k) = s * pk + c * qk;
        }
        a(p, q) = a(q, p) = 0;
        for (std::size_t k = 0; k < n; ++k) {
          const double kp = e.vectors(k, p), kq = e.vectors(k, q);
          e.vectors(k, p) = c * kp - s * kq;
          e.vectors(k, q) = s * kp + c * kq;
        }
      }
    }
    if (!moved) break;
  }
  for (std::size_t i = 0; i < n; ++i) e.values[i] = a(i, i);
  return e;
}

/// Eigenvalues up to this value are rounding error.
[[nodiscard]] inline double rank_tolerance(const SymmetricEigen& e) {
  double most = 0;
  for (std::size_t i = 0; i < e.vectors.size; ++i) most = (std::max)(most, e.values[i]);
  return most * static_cast<double>(e.vectors.size) * std::numeric_limits<double>::epsilon();
}

/// x = A⁺ b, the minimum-norm least-squares solution of A x = b. Eigenvalues up to `relative` times
/// the greatest count as 0; with `relative` 0, those up to rank_tolerance().
inline void pseudo_solve(const TaskMatrix& a, std::span<const double> b, std::span<double> x,
                         double relative = 0) {
  const SymmetricEigen e = eigen_of(a);
  const std::size_t n = a.size;
  double tolerance = rank_tolerance(e);
  if (relative > 0)
    tolerance *= relative / (static_cast<double>(n) * std::numeric_limits<double>::epsilon());
  for (std::size_t i = 0; i < n; ++i) x[i] = 0;
  for (std::size_t k = 0; k < n; ++k) {
    if (!(e.values[k] > tolerance)) continue;
    double along = 0;
    for (std::size_t i = 0; i < n; ++i) along += e.vectors(i, k) * b[i];
    along /= e.values[k];
    for (std::size_t i = 0; i < n; ++i) x[i] += along * e.vectors(i, k);
  }
}

}  // namespace espalier::detail
