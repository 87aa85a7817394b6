// SPDX-License-Identifier: Apache-2.0
// The multiple-gradient descent algorithm: the shortest vector between the task gradients.
#pragma once

#include <cmath>
#include <limits>
#include <string_view>

#include "espalier/balance/gradient_method.hpp"

namespace espalier {

/// Weights α ≥ 0 with Σ α_k = 1 that minimise |Σ α_k g_k|² = αᵀ G Gᵀ α. The vector d that they give
/// has g_kᵀ d ≥ |d|² for every task: a step along −d makes no loss worse, and d = 0 says that the
/// point is Pareto-stationary. Désidéri, Comptes rendus 2012; Sener & Koltun, Multi-task learning as
/// multi-objective optimization, NeurIPS 2018.
///
/// Solved by Frank–Wolfe from equal weights, exact line search, with pairwise steps
/// (Lacoste-Julien & Jaggi, NeurIPS 2015): weight moves from the worst task that has some to the
/// best one, which is exact in one step for two tasks and converges linearly for more. Steps end
/// when |d|² is within `tolerance`, relatively, of the smallest, or as near as rounding allows, or
/// after `max_iterations`; each is O(n²). Gradients that are not nearly dependent take some tens of
/// steps, 16 tasks in 7 dimensions thousands; then d is close to the shortest but may still bring
/// a loss a little up. Scaling all gradients changes nothing; a task whose gradient is far shorter
/// than the others' gets nearly all the weight.
struct Mgda {
  int max_iterations = 1000;
  double tolerance = 1e-10;

  static constexpr std::string_view name = "mgda";
  static constexpr bool needs_coordinates = false;

  void weights(const TaskGradients& gradients, Eigen::Ref<Eigen::VectorXd> out) const {
    const auto& gramian = gradients.gramian;
    const Index n = gramian.rows();
    out.setConstant(1.0 / static_cast<double>(n));
    const double scale = gramian.diagonal().maxCoeff();
    if (!(scale > 0)) return;  // no gradient anywhere: nothing to choose
    for (int step = 0; step < max_iterations; ++step) {
      // g_iᵀ d for each task, d = Σ α_k g_k, over `scale` lest it overflow; sums of absolute values
      // bound its rounding.
      Index low = 0, high = -1;
      double lowest = 0, highest = 0, square = 0, size = 0, lowest_size = 0;
      for (Index i = 0; i < n; ++i) {
        double product = 0, product_size = 0;
        for (Index k = 0; k < n; ++k) {
          const double term = gramian(k, i) / scale * out(k);
          product += term;
          product_size += std::abs(term);
        }
        square += out(i) * product;
        size += out(i) * product_size;
        if (i == 0 || product < lowest) low = i, lowest = product, lowest_size = product_size;
        if (out(i) > 0 && (high < 0 || product > highest)) high = i, highest = product;
      }
      // |d|² is above the smallest by at most twice this gap.
      const double gap = square - lowest;
      const double rounding = 4 * std::numeric_limits<double>::epsilon() * (size + lowest_size);
      if (2 * gap <= tolerance * square || gap <= rounding || low == high) break;
      const double curvature = (gramian(low, low) / scale + gramian(high, high) / scale) -
                               2 * (gramian(low, high) / scale);
      const double wanted = curvature > 0 ? (highest - lowest) / curvature : out(high);
      if (wanted < out(high)) {
        const double before = out(high);
        out(high) -= wanted;
        out(low) += wanted;
        if (out(high) >= before) break;  // smaller than rounding
      } else {
        out(low) += out(high);
        out(high) = 0;
      }
    }
    out /= out.sum();
  }
};

}  // namespace espalier
