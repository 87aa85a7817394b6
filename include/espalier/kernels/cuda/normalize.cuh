// SPDX-License-Identifier: Apache-2.0
// Layer and batch normalisation. Means are sums of differences from the first value, variances sums
// of squared differences from the mean: values far from zero lose no precision.
#pragma once

#include <cmath>

#include "espalier/kernels/cuda/kernels.hpp"
#include "espalier/kernels/cuda/launch.cuh"

namespace espalier::cuda {

namespace kernels {

/// Two sums that are computed together.
struct TwoSums {
  float plain, product;
  TwoSums() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): sum_columns() starts from 0.
  ESPALIER_HD TwoSums(float both) : plain(both), product(both) {}
  ESPALIER_HD TwoSums(float a, float b) : plain(a), product(b) {}
  ESPALIER_HD TwoSums& operator+=(TwoSums more) {
    plain += more.plain;
    product += more.product;
    return *this;
  }
};

struct LayerNormForward {
  View<const float> x;
  const float *gain, *shift;
  float epsilon;
  View<float> cache, y;
  __device__ void run(Index j, int lane) const {
    const float* const from = x.column(j);
    float* const to = y.column(j);
    const float count = static_cast<float>(x.rows), first = from[0];
    float sum = 0, squares = 0;
    for (Index i = lane; i < x.rows; i += lanes_of_warp) sum += from[i] - first;
    const float mean = first + sum_of_warp(sum) / count;
    for (Index i = lane; i < x.rows; i += lanes_of_warp)
      squares += (from[i] - mean) * (from[i] - mean);
    const float r = 1 / std::sqrt(sum_of_warp(squares) / count + epsilon);
    if (lane == 0) {
      cache(0, j) = mean;
      cache(1, j) = r;
    }
    for (Index i = lane; i < x.rows; i += lanes_of_warp)
      to[i] = gain[i] * ((from[i] - mean) * r) + shift[i];
  }
};

struct LayerNormInputGradient {
  View<const float> x;
  const float* gain;
  View<const float> cache, dy;
  View<float> dx;
  bool accumulate;
  __device__ void run(Index j, int lane) const {
    const float *const from = x.column(j), *const d = dy.column(j);
    float* const to = dx.column(j);
    const float count = static_cast<float>(x.rows), mean = cache(0, j), r = cache(1, j);
    float sum = 0, dot = 0;
    for (Index i = lane; i < x.rows; i += lanes_of_warp) {
      const float g = gain[i] * d[i];
      sum += g;
      dot += g * ((from[i] - mean) * r);
    }
    sum = sum_of_warp(sum) / count;
    dot = sum_of_warp(dot) / count;
    for (Index i = lane; i < x.rows; i += lanes_of_warp)
      put(to + i, r * (gain[i] * d[i] - sum - (from[i] - mean) * r * dot), accumulate);
  }
};

/// Σ dy and Σ dy ∘ x̂ over columns.
struct LayerNormTerms {
  View<const float> x, cache, dy;
  ESPALIER_HD TwoSums operator()(Index i, Index j) const {
    const float d = dy(i, j);
    return {d, d * ((x(i, j) - cache(0, j)) * cache(1, j))};
  }
};
struct PutLayerNorm {
  float *dgain, *dshift;
  ESPALIER_HD void operator()(Index i, TwoSums sums) const {
    dgain[i] += sums.product;
    dshift[i] += sums.plain;
  }
};

struct FromFirst {
  View<const float> x;
  ESPALIER_HD float operator()(Index i, Index j) const { return x(i, j) - x(i, 0); }
};
struct PutMean {
  View<const float> x;
  float* moments;
  ESPALIER_HD void operator()(Index i, float sum) const {
    const float count = static_cast<float>(x.cols);
    if (i == 0) moments[0] = count;
    moments[1 + i] = x.cols == 0 ? sum / count : x(i, 0) + sum / count;
  }
};
struct SquareFromMean {
  View<const float> x;
  const float* mean;
  ESPALIER_HD float operator()(Index i, Index j) const {
    const float apart = x(i, j) - mean[i];
    return apart * apart;
  }
};

struct BatchNormalize {
  View<const float> x;
  const float *gain, *shift, *mean, *spread;
  bool is_variance;
  float epsilon;
  View<float> y;
  ESPALIER_HD void operator()(Index i, Index j) const {
    const float r = is_variance ? 1 / std::sqrt(spread[i] + epsilon) : spread[i];
    y(i, j) = gain[i] * ((x(i, j) - mean[i]) * r) + shift[i];
  }
};

struct BatchNormTerms {
  View<const float> x;
  const float *mean, *r;
  View<const float> dy;
  ESPALIER_HD TwoSums operator()(Index i, Index j) const {
    const float d = dy(i, j);
    return {d, d * ((x(i, j) - mean[i]) * r[i])};
  }
};
struct PutBatchNorm {
  Index rows;
  float *sums, *dgain, *dshift;
  ESPALIER_HD void operator()(Index i, TwoSums of_row) const {
    sums[1 + i] = of_row.plain;
    sums[1 + rows + i] = of_row.product;
    dshift[i] += of_row.plain;
    dgain[i] += of_row.product;
  }
};

struct BatchNormInputGradient {
  View<const float> x;
  const float *gain, *moments;
  View<const float> dy;
  View<float> dx;
  bool accumulate;
  ESPALIER_HD void operator()(Index i, Index j) const {
    const float *const mean = moments + 1, *const r = mean + x.rows, *const sum = r + x.rows,
                       *const dot = sum + x.rows;
    const float count = moments[0], normalised = (x(i, j) - mean[i]) * r[i];
    put(&dx(i, j), gain[i] * r[i] * (dy(i, j) - sum[i] / count - normalised * (dot[i] / count)),
        accumulate);
  }
};

}  // namespace kernels

void layer_norm_forward(Device device, View<const float> x, const float* gain, const float* shift,
                        double epsilon, View<float> cache, View<float> y) {
  each_warp(device, "layer_norm_forward", x.cols,
            kernels::LayerNormForward{x, gain, shift, static_cast<float>(epsilon), cache, y});
}

void layer_norm_backward(Device device, View<const float> x, const float* gain,
                         View<const float> cache, View<const float> dy, float* dgain, float* dshift,
                         View<float> dx, bool accumulate) {
  sum_columns<kernels::TwoSums>(device, "layer_norm_parameter_gradients", x.rows, x.cols,
                                kernels::LayerNormTerms{x, cache, dy},
                                kernels::PutLayerNorm{dgain, dshift});
  if (dx.data == nullptr) return;
  each_warp(device, "layer_norm_input_gradient", x.cols,
            kernels::LayerNormInputGradient{x, gain, cache, dy, dx, accumulate});
}

void batch_moments(Device device, View<const float> x, float* moments) {
  float* const mean = moments + 1;
  sum_columns<float>(device, "batch_means", x.rows, x.cols, kernels::FromFirst{x},
                     kernels::PutMean{x, moments});
  sum_columns<float>(device, "batch_deviations", x.rows, x.cols, kernels::SquareFromMean{x, mean},
                     PutTo<float>{mean + x.rows});
}

void batch_normalize(Device device, View<const float> x, const float* gain, const float* shift,
                     const float* mean, const float* spread, bool is_variance, double epsilon,
                     View<float> y) {
  each_element(device, "batch_normalize", x.rows, x.cols,
               kernels::BatchNormalize{x, gain, shift, mean, spread, is_variance,
                                       static_cast<float>(epsilon), y});
}

void batch_norm_sums(Device device, View<const float> x, const float* moments, View<const float> dy,
                     float* sums, float* dgain, float* dshift) {
  sum_columns<kernels::TwoSums>(device, "batch_norm_sums", x.rows, x.cols,
                                kernels::BatchNormTerms{x, moments + 1, moments + 1 + x.rows, dy},
                                kernels::PutBatchNorm{x.rows, sums, dgain, dshift});
}

void batch_norm_input_gradient(Device device, View<const float> x, const float* gain,
                               const float* moments, View<const float> dy, View<float> dx,
                               bool accumulate) {
  each_element(device, "batch_norm_input_gradient", x.rows, x.cols,
               kernels::BatchNormInputGradient{x, gain, moments, dy, dx, accumulate});
}

}  // namespace espalier::cuda
