// SPDX-License-Identifier: Apache-2.0
// Layer and batch normalisation.
#pragma once

#include <cmath>

#include "espalier/core/view.hpp"
#include "espalier/kernels/cpu/device.hpp"

namespace espalier::cpu {

/// y = gain ∘ (x − mean) · r + shift, r = 1 / √(variance + ε), for each column. cache: receives
/// mean and r, 2 × n.
template <class T>
void layer_norm_forward(Device, View<const T> x, const T* gain, const T* shift, double epsilon,
                        View<T> cache, View<T> y) {
  const T count = static_cast<T>(x.rows);
  for (Index j = 0; j < x.cols; ++j) {
    const T* from = x.column(j);
    T* to = y.column(j);
    T mean = 0, variance = 0;
    for (Index i = 0; i < x.rows; ++i) mean += from[i];
    mean /= count;
    for (Index i = 0; i < x.rows; ++i) variance += (from[i] - mean) * (from[i] - mean);
    const T r = 1 / std::sqrt(variance / count + static_cast<T>(epsilon));
    cache(0, j) = mean;
    cache(1, j) = r;
    for (Index i = 0; i < x.rows; ++i) to[i] = gain[i] * ((from[i] - mean) * r) + shift[i];
  }
}

/// dgain += Σ dy ∘ x̂; dshift += Σ dy; dx (+)= r (d − mean(d) − x̂ mean(d ∘ x̂)) with d = gain ∘ dy
/// and x̂ = (x − mean) · r. dx is skipped if its data is null.
template <class T>
void layer_norm_backward(Device, View<const T> x, const T* gain, View<const T> cache,
                         View<const T> dy, T* dgain, T* dshift, View<T> dx, bool accumulate) {
  const T count = static_cast<T>(x.rows);
  for (Index j = 0; j < x.cols; ++j) {
    const T* from = x.column(j);
    const T* d = dy.column(j);
    const T mean = cache(0, j), r = cache(1, j);
    T sum = 0, dot = 0;
    for (Index i = 0; i < x.rows; ++i) {
      const T normalised = (from[i] - mean) * r, g = gain[i] * d[i];
      dgain[i] += d[i] * normalised;
      dshift[i] += d[i];
      sum += g;
      dot += g * normalised;
    }
    if (dx.data == nullptr) continue;
    sum /= count;
    dot /= count;
    T* to = dx.column(j);
    for (Index i = 0; i < x.rows; ++i) {
      const T v = r * (gain[i] * d[i] - sum - (from[i] - mean) * r * dot);
      to[i] = accumulate ? to[i] + v : v;
    }
  }
}

/// moments: receives the number of columns, then the mean of each row, then the sum of squared
/// deviations of each row.
template <class T>
void batch_moments(Device, View<const T> x, T* moments) {
  T* const mean = moments + 1;
  T* const squares = mean + x.rows;
  moments[0] = static_cast<T>(x.cols);
  for (Index i = 0; i < 2 * x.rows; ++i) mean[i] = 0;
  if (x.cols == 0) return;  // a microbatch of sequences without steps
  for (Index j = 0; j < x.cols; ++j) {
    const T* from = x.column(j);
    for (Index i = 0; i < x.rows; ++i) mean[i] += from[i];
  }
  for (Index i = 0; i < x.rows; ++i) mean[i] /= moments[0];
  for (Index j = 0; j < x.cols; ++j) {
    const T* from = x.column(j);
    for (Index i = 0; i < x.rows; ++i) squares[i] += (from[i] - mean[i]) * (from[i] - mean[i]);
  }
}

/// y = gain ∘ (x − mean) ∘ r + shift with r = 1 / √(variance + ε). `spread`: the variance if
/// `is_variance`, else r.
template <class T>
void batch_normalize(Device, View<const T> x, const T* gain, const T* shift, const T* mean,
                     const T* spread, bool is_variance, double epsilon, View<T> y) {
  for (Index i = 0; i < x.rows; ++i) {
    const T r = is_variance ? 1 / std::sqrt(spread[i] + static_cast<T>(epsilon)) : spread[i];
    for (Index j = 0; j < x.cols; ++j) y(i, j) = gain[i] * ((x(i, j) - mean[i]) * r) + shift[i];
  }
}

/// moments: those of the merged batch: count, means, r. Writes sums[1 …] = Σ dy, then Σ dy ∘ x̂,
/// over these columns, and adds the same to dshift and dgain.
template <class T>
void batch_norm_sums(Device, View<const T> x, const T* moments, View<const T> dy, T* sums, T* dgain,
                     T* dshift) {
  const T* const mean = moments + 1;
  const T* const r = mean + x.rows;
  for (Index i = 0; i < x.rows; ++i) {
    T sum = 0, dot = 0;
    for (Index j = 0; j < x.cols; ++j) {
      sum += dy(i, j);
      dot += dy(i, j) * ((x(i, j) - mean[i]) * r[i]);
    }
    sums[1 + i] = sum;
    sums[1 + x.rows + i] = dot;
    dshift[i] += sum;
    dgain[i] += dot;
  }
}

/// dx (+)= gain · r · (dy − Σ dy / N − x̂ · Σ(dy ∘ x̂) / N). moments: N, means, r, Σ dy, Σ dy ∘ x̂
/// of the whole batch.
template <class T>
void batch_norm_input_gradient(Device, View<const T> x, const T* gain, const T* moments,
                               View<const T> dy, View<T> dx, bool accumulate) {
  const Index rows = x.rows;
  const T* const mean = moments + 1;
  const T* const r = mean + rows;
  const T* const sum = r + rows;
  const T* const dot = sum + rows;
  for (Index j = 0; j < x.cols; ++j) {
    for (Index i = 0; i < rows; ++i) {
      const T normalised = (x(i, j) - mean[i]) * r[i];
      const T v =
          gain[i] * r[i] * (dy(i, j) - sum[i] / moments[0] - normalised * (dot[i] / moments[0]));
      dx(i, j) = accumulate ? dx(i, j) + v : v;
    }
  }
}

}  // namespace espalier::cpu
