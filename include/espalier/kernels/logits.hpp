// SPDX-License-Identifier: Apache-2.0
// Logits of products and of mixtures of probabilities, for one value at a time.
#pragma once

#include <cmath>

#include "espalier/core/config.hpp"

namespace espalier {

/// Returns z, the logit of p = σ(a) σ(b): (1 − p) / p = e^−a + e^−b + e^−(a + b), and z = −log of
/// this sum, computed with the largest term factored out. by_a and by_b receive ∂z/∂a and ∂z/∂b:
/// the shares of the terms with a, and of those with b, in the sum.
template <class T>
[[nodiscard]] ESPALIER_HD T product_logit(T a, T b, T& by_a, T& by_b) {
  constexpr T most = static_cast<T>(1e30);  // the sum of two of them is finite
  // Not std::clamp and std::max, which a GPU has not.
  const auto bounded = [](T v) { return v < -most ? -most : most < v ? most : v; };
  const auto larger = [](T u, T v) { return u < v ? v : u; };
  const T x = -bounded(a), y = -bounded(b), largest = larger(larger(x, y), x + y);
  const T ex = std::exp(x - largest), ey = std::exp(y - largest), both = std::exp(x + y - largest);
  const T sum = ex + ey + both;
  by_a = (ex + both) / sum;
  by_b = (ey + both) / sum;
  return -(largest + std::log(sum));
}

/// log σ(z).
template <class T>
[[nodiscard]] ESPALIER_HD T log_sigmoid(T z) {
  return z < 0 ? z - std::log1p(std::exp(z)) : -std::log1p(std::exp(-z));
}

/// yes = log Σ_c g_c σ(z_c), no = log Σ_c g_c σ(−z_c). Each is computed with its largest term
/// factored out.
template <class T>
ESPALIER_HD void mixture_logs(const T* z, const T* g, Index count, T& yes, T& no) {
  T most_yes = 0, most_no = 0;
  bool any = false;
  for (Index c = 0; c < count; ++c) {
    if (g[c] == 0) continue;
    const T weight = std::log(g[c]), p = weight + log_sigmoid(z[c]),
            q = weight + log_sigmoid(-z[c]);
    most_yes = any && most_yes > p ? most_yes : p;
    most_no = any && most_no > q ? most_no : q;
    any = true;
  }
  T sum_yes = 0, sum_no = 0;
  for (Index c = 0; c < count; ++c) {
    if (g[c] == 0) continue;  // with weight 0, z_c may be infinite
    const T weight = std::log(g[c]);
    sum_yes += std::exp(weight + log_sigmoid(z[c]) - most_yes);
    sum_no += std::exp(weight + log_sigmoid(-z[c]) - most_no);
  }
  yes = most_yes + std::log(sum_yes);
  no = most_no + std::log(sum_no);
}

}  // namespace espalier
