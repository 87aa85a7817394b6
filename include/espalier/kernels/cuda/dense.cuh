// SPDX-License-Identifier: Apache-2.0
// Fully connected layers: forward pass, and the gradients of inputs and parameters.
#pragma once

#include "espalier/kernels/cuda/kernels.hpp"
#include "espalier/kernels/cuda/product.cuh"

namespace espalier::cuda {

namespace kernels {

/// Outputs of a head: so few that a tile of a product would be mostly empty.
inline constexpr Index few_outputs = 4;

/// A warp for each sample.
struct FewOutputs {
  const float* w;
  View<const float> x;
  Index outputs;
  ProductOutput out;
  __device__ void run(Index j, int lane) const {
    const float* const column = x.column(j);
    for (Index o = 0; o < outputs; ++o) {
      float sum = 0;
      for (Index i = lane; i < x.rows; i += lanes_of_warp) sum += w[o * x.rows + i] * column[i];
      sum = sum_of_warp(sum);
      if (lane == 0) out.put(o, j, sum);
    }
  }
};

struct InputGradientOfFew {
  const float* w;
  View<const float> dy;
  View<float> dx;
  bool accumulate;
  ESPALIER_HD void operator()(Index i, Index j) const {
    float sum = 0;
    for (Index o = 0; o < dy.rows; ++o) sum += w[o * dx.rows + i] * dy(o, j);
    dx(i, j) = accumulate ? dx(i, j) + sum : sum;
  }
};

struct WeightTerm {
  View<const float> dy, x;
  ESPALIER_HD float operator()(Index at, Index j) const {
    return dy(at / x.rows, j) * x(at % x.rows, j);
  }
};

struct Element {
  View<const float> v;
  ESPALIER_HD float operator()(Index i, Index j) const { return v(i, j); }
};

}  // namespace kernels

void dense_forward(Device device, const float* w, const float* bias, View<const float> x,
                   Activation activation, View<float> pre, View<float> y) {
  ProductOutput out{pre.data != nullptr ? pre.data : y.data,
                    pre.data != nullptr ? pre.stride : y.stride, false, bias, activation};
  if (pre.data != nullptr) {
    out.post = y.data;
    out.post_stride = y.stride;
  }
  if (y.rows <= kernels::few_outputs) {
    each_warp(device, "dense_forward", y.cols, kernels::FewOutputs{w, x, y.rows, out});
  } else {
    product(device, "dense_forward", y.rows, y.cols, x.rows, {w, x.rows, 1}, {x.data, 1, x.stride},
            out);
  }
}

void dense_input_gradient(Device device, const float* w, View<const float> dy, View<float> dx,
                          bool accumulate) {
  if (dy.rows <= kernels::few_outputs) {
    each_element(device, "dense_input_gradient", dx.rows, dx.cols,
                 kernels::InputGradientOfFew{w, dy, dx, accumulate});
  } else {
    product(device, "dense_input_gradient", dx.rows, dy.cols, dy.rows, {w, 1, dx.rows},
            {dy.data, 1, dy.stride}, {dx.data, dx.stride, accumulate});
  }
}

void add_samples(Device device, View<const float> v, float* to) {
  sum_columns<float>(device, "add_samples", v.rows, v.cols, kernels::Element{v}, AddTo<float>{to});
}

void dense_weight_gradient(Device device, View<const float> dy, View<const float> x, float* dw,
                           float* db) {
  if (dy.rows <= kernels::few_outputs) {
    sum_columns<float>(device, "dense_weight_gradient", dy.rows * x.rows, x.cols,
                       kernels::WeightTerm{dy, x}, AddTo<float>{dw});
  } else {
    // Read as column-major, dW is dWᵀ = x dyᵀ.
    product(device, "dense_weight_gradient", x.rows, dy.rows, x.cols, {x.data, 1, x.stride},
            {dy.data, dy.stride, 1}, {dw, x.rows, true});
  }
  if (db != nullptr) add_samples(device, dy, db);
}

}  // namespace espalier::cuda
