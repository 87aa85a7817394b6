// SPDX-License-Identifier: Apache-2.0
// Gradient clipping by the global norm.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/optim/format.hpp"

namespace espalier {

/// Elements per chunk of sum_of_squares().
inline constexpr Index norm_chunk = 4096;

/// Σ x² of at most norm_chunk elements, in double, as eight partial sums added in a fixed order.
template <class T>
[[nodiscard]] double chunk_sum_of_squares(const T* x, Index n) {
  constexpr Index lanes = 8;
  double sums[lanes] = {};
  Index i = 0;
  for (; i + lanes <= n; i += lanes)
    for (Index k = 0; k < lanes; ++k)
      sums[k] += static_cast<double>(x[i + k]) * static_cast<double>(x[i + k]);
  for (Index k = 0; i + k < n; ++k)
    sums[k] += static_cast<double>(x[i + k]) * static_cast<double>(x[i + k]);
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

/// Σ x²: sums chunks of norm_chunk elements with chunk_sum_of_squares() and adds them in order.
/// Threads that take whole chunks get a bit-identical result if their sums are added in chunk
/// order.
template <class T>
[[nodiscard]] double sum_of_squares(const T* x, Index n) {
  double sum = 0;
  for (Index i = 0; i < n; i += norm_chunk)
    sum += chunk_sum_of_squares(x + i, (std::min)(norm_chunk, n - i));
  return sum;
}

/// Returns the factor that limits the norm of the gradient to `max_norm`:
/// min(1, max_norm / (√squared_norm + 1e-6)), as in PyTorch. `squared_norm`: Σ g² over all tensors
/// and touched rows; `max_norm` > 0, infinity for no clipping. Returns NaN for a NaN norm, and 0
/// for an infinite one if max_norm is finite: check for both first, because 0 · ∞ is NaN. Throws
/// ConfigError if max_norm is not positive. Pascanu et al., On the difficulty of training RNNs,
/// ICML 2013.
[[nodiscard]] inline double clip_factor(double squared_norm, double max_norm) {
  if (!(max_norm > 0))
    throw_error<ConfigError>(
        {"clip: max_norm is ", optim_detail::shortest(max_norm), "; expected a number > 0"});
  if (std::isnan(squared_norm)) return squared_norm;
  return std::isinf(max_norm) ? 1.0 : (std::min)(1.0, max_norm / (std::sqrt(squared_norm) + 1e-6));
}

}  // namespace espalier
