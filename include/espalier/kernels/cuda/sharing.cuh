// SPDX-License-Identifier: Apache-2.0
// Linear combinations of blocks, attention pooling, and a vector that is broadcast to all samples.
#pragma once

#include <algorithm>
#include <cmath>

#include "espalier/kernels/cuda/kernels.hpp"
#include "espalier/kernels/cuda/launch.cuh"

namespace espalier::cuda {

namespace kernels {

struct StitchForward {
  const float* a;
  Index inputs;
  int width;
  View<const float> x;
  View<float> y;
  ESPALIER_HD void operator()(Index row, Index j) const {
    const int o = static_cast<int>(row) / width;
    const float* from = x.column(j) + (row - o * width);
    float sum = 0;
    for (Index i = 0; i < inputs; ++i, from += width) sum += a[o * inputs + i] * *from;
    y(row, j) = sum;
  }
};

struct StitchInputGradient {
  const float* a;
  Index inputs, outputs;
  int width;
  View<const float> dy;
  View<float> dx;
  bool accumulate;
  ESPALIER_HD void operator()(Index row, Index j) const {
    const int i = static_cast<int>(row) / width;
    const float* from = dy.column(j) + (row - i * width);
    float sum = accumulate ? dx(row, j) : 0.0F;
    for (Index o = 0; o < outputs; ++o, from += width) sum += a[o * inputs + i] * *from;
    dx(row, j) = sum;
  }
};

/// ⟨dy_o, x_i⟩ summed over the columns of one of `parts`, for up to side × side pairs (o, i), by a
/// warp. sums: parts of pair 0, then of pair 1, …
struct StitchWeightSums {
  static constexpr int side = 4;

  Index inputs, outputs, width, parts;
  View<const float> x, dy;
  float* sums;
  __device__ void run(Index at, int lane) const {
    const Index part = at % parts, square = at / parts, across = (inputs + side - 1) / side;
    const Index first_o = square / across * side, first_i = square % across * side;
    const Index each = (x.cols + parts - 1) / parts, begin = part * each;
    const Index end = begin + each < x.cols ? begin + each : x.cols;
    float sum[side][side]{};
    for (Index j = begin; j < end; ++j) {
      const float *const d = dy.column(j) + first_o * width, *const from =
                                                                 x.column(j) + first_i * width;
      for (Index r = lane; r < width; r += lanes_of_warp) {
        float left[side], right[side];
        for (int k = 0; k < side; ++k) {
          left[k] = first_o + k < outputs ? d[k * width + r] : 0.0F;
          right[k] = first_i + k < inputs ? from[k * width + r] : 0.0F;
        }
        for (int o = 0; o < side; ++o) {
          for (int i = 0; i < side; ++i) sum[o][i] += left[o] * right[i];
        }
      }
    }
    for (int o = 0; o < side; ++o) {
      for (int i = 0; i < side; ++i) {
        if (first_o + o >= outputs || first_i + i >= inputs) continue;
        const float total = sum_of_warp(sum[o][i]);
        if (lane == 0) sums[((first_o + o) * inputs + first_i + i) * parts + part] = total;
      }
    }
  }
};
/// Adds the parts' sums, by a warp for each pair.
struct AddStitchWeights {
  Index parts;
  const float* sums;
  float* da;
  __device__ void run(Index pair, int lane) const {
    float sum = 0;
    for (Index part = lane; part < parts; part += lanes_of_warp) sum += sums[pair * parts + part];
    sum = sum_of_warp(sum);
    if (lane == 0) da[pair] += sum;
  }
};

/// A sample by a warp, whose lanes share the rows of a token.
struct AttentionPoolForward {
  View<const float> x;
  Index tokens;
  float scale;
  View<float> weights, y;
  __device__ void run(Index j, int lane) const {
    const Index width = y.rows;
    float *const a = weights.column(j), *const to = y.column(j);
    float most = 0, sum = 0;
    for (Index u = 0; u < tokens; ++u) {
      const float *const k = x.column(j * tokens + u) + width, *const q = k + width;
      float dot = 0;
      for (Index i = lane; i < width; i += lanes_of_warp) dot += k[i] * q[i];
      dot = sum_of_warp(dot) * scale;
      most = u == 0 || dot > most ? dot : most;
      if (lane == 0) a[u] = dot;
    }
    __syncwarp();
    for (Index u = lane; u < tokens; u += lanes_of_warp) sum += std::exp(a[u] - most);
    sum = sum_of_warp(sum);
    for (Index u = lane; u < tokens; u += lanes_of_warp) a[u] = std::exp(a[u] - most) / sum;
    __syncwarp();
    for (Index i = lane; i < width; i += lanes_of_warp) {
      float total = 0;
      for (Index u = 0; u < tokens; ++u) total += a[u] * x(i, j * tokens + u);
      to[i] = total;
    }
  }
};

struct AttentionPoolBackward {
  View<const float> x;
  Index tokens;
  float scale;
  View<const float> weights, dy;
  View<float> dx;
  bool accumulate;
  __device__ void run(Index j, int lane) const {
    const Index width = dy.rows;
    const float *const a = weights.column(j), *const d = dy.column(j);
    float mean = 0;
    for (Index u = 0; u < tokens; ++u) {
      const float* const v = x.column(j * tokens + u);
      float dot = 0;
      for (Index i = lane; i < width; i += lanes_of_warp) dot += v[i] * d[i];
      mean += a[u] * dot;
    }
    mean = sum_of_warp(mean);
    for (Index u = 0; u < tokens; ++u) {
      const float *const v = x.column(j * tokens + u), *const k = v + width, *const q = k + width;
      float* const to = dx.column(j * tokens + u);
      float says = 0;
      for (Index i = lane; i < width; i += lanes_of_warp) says += v[i] * d[i];
      const float s = a[u] * (sum_of_warp(says) - mean) * scale;
      for (Index i = lane; i < width; i += lanes_of_warp) {
        put(to + i, a[u] * d[i], accumulate);
        put(to + width + i, s * q[i], accumulate);
        put(to + 2 * width + i, s * k[i], accumulate);
      }
    }
  }
};

struct BroadcastForward {
  const float* v;
  View<float> y;
  ESPALIER_HD void operator()(Index i, Index j) const { y(i, j) = v[i]; }
};

}  // namespace kernels

void stitch_forward(Device device, const float* a, Index inputs, Index outputs, View<const float> x,
                    View<float> y) {
  each_element(device, "stitch_forward", y.rows, y.cols,
               kernels::StitchForward{a, inputs, static_cast<int>(y.rows / outputs), x, y});
}

void stitch_input_gradient(Device device, const float* a, Index inputs, Index outputs,
                           View<const float> dy, View<float> dx, bool accumulate) {
  each_element(device, "stitch_input_gradient", dx.rows, dx.cols,
               kernels::StitchInputGradient{a, inputs, outputs, static_cast<int>(dy.rows / outputs),
                                            dy, dx, accumulate});
}

void stitch_weight_gradient(Device device, Index inputs, Index outputs, View<const float> x,
                            View<const float> dy, float* da) {
  constexpr Index side = kernels::StitchWeightSums::side, warps = 2048;
  if (x.cols == 0) return;
  const Index pairs = outputs * inputs,
              squares = blocks_for(outputs, side) * blocks_for(inputs, side),
              most = static_cast<Index>(Device::workspace_bytes / sizeof(float)) / pairs;
  assert(most > 0);
  const Index parts = (std::max)((std::min)({x.cols, most, warps / squares}), Index{1});
  float* const sums = static_cast<float*>(device.workspace);
  each_warp(device, "stitch_weight_sums", squares * parts,
            kernels::StitchWeightSums{inputs, outputs, dy.rows / outputs, parts, x, dy, sums});
  each_warp(device, "stitch_weight_gradient", pairs, kernels::AddStitchWeights{parts, sums, da});
}

void attention_pool_forward(Device device, View<const float> x, Index tokens, View<float> weights,
                            View<float> y) {
  const float scale = 1 / std::sqrt(static_cast<float>(y.rows));
  each_warp(device, "attention_pool_forward", y.cols,
            kernels::AttentionPoolForward{x, tokens, scale, weights, y});
}

void attention_pool_backward(Device device, View<const float> x, Index tokens,
                             View<const float> weights, View<const float> dy, View<float> dx,
                             bool accumulate) {
  const float scale = 1 / std::sqrt(static_cast<float>(dy.rows));
  each_warp(device, "attention_pool_backward", dy.cols,
            kernels::AttentionPoolBackward{x, tokens, scale, weights, dy, dx, accumulate});
}

void broadcast_forward(Device device, const float* v, View<float> y) {
  each_element(device, "broadcast_forward", y.rows, y.cols, kernels::BroadcastForward{v, y});
}

void broadcast_backward(Device device, View<const float> dy, float* dv) {
  add_samples(device, dy, dv);
}

}  // namespace espalier::cuda
