// SPDX-License-Identifier: Apache-2.0
// Gates: softmax in groups, mixtures of experts. A thread for each small group, a warp for each
// large one.
#pragma once

#include <cmath>

#include "espalier/kernels/cuda/kernels.hpp"
#include "espalier/kernels/cuda/launch.cuh"

namespace espalier::cuda {

namespace kernels {

inline constexpr Index small_group = 16;

/// Maximum over a warp, in every lane, if no value is NaN.
__device__ inline float most_of_warp(float value) {
  for (int with = lanes_of_warp / 2; with > 0; with /= 2) {
    const float other = __shfl_xor_sync(all_lanes, value, with);
    value = other > value ? other : value;
  }
  return value;
}

/// Who computes a group of values: a thread alone, or the lanes of a warp, which share them.
struct OneThread {
  static constexpr int lane = 0, lanes = 1;
  [[nodiscard]] __device__ float sum(float value) const { return value; }
  [[nodiscard]] __device__ float most(float value) const { return value; }
};
struct OneWarp {
  int lane;
  static constexpr int lanes = lanes_of_warp;
  [[nodiscard]] __device__ float sum(float value) const { return sum_of_warp(value); }
  [[nodiscard]] __device__ float most(float value) const { return most_of_warp(value); }
};

struct SoftmaxForward {
  View<const float> x;
  Index groups, rows;  // rows of a group
  View<float> y;

  __device__ void operator()(Index g, Index j) const { group(g, j, OneThread{}); }
  __device__ void run(Index at, int lane) const { group(at % groups, at / groups, OneWarp{lane}); }

  /// Group g of column j.
  template <class Team>
  __device__ void group(Index g, Index j, Team team) const {
    const float* const from = x.column(j) + g * rows;
    float* const to = y.column(j) + g * rows;
    float most = from[0], sum = 0;
    for (Index i = team.lane; i < rows; i += team.lanes) most = from[i] > most ? from[i] : most;
    most = team.most(most);
    for (Index i = team.lane; i < rows; i += team.lanes) sum += std::exp(from[i] - most);
    const float scale = 1 / team.sum(sum);  // NaN if a value is
    for (Index i = team.lane; i < rows; i += team.lanes) to[i] = std::exp(from[i] - most) * scale;
  }
};

struct SoftmaxBackward {
  View<const float> y, dy;
  Index groups, rows;
  View<float> dx;
  bool accumulate;

  __device__ void operator()(Index g, Index j) const { group(g, j, OneThread{}); }
  __device__ void run(Index at, int lane) const { group(at % groups, at / groups, OneWarp{lane}); }

  template <class Team>
  __device__ void group(Index g, Index j, Team team) const {
    const float *const value = y.column(j) + g * rows, *const d = dy.column(j) + g * rows;
    float* const to = dx.column(j) + g * rows;
    float dot = 0;
    for (Index i = team.lane; i < rows; i += team.lanes) dot += value[i] * d[i];
    dot = team.sum(dot);
    for (Index i = team.lane; i < rows; i += team.lanes)
      put(to + i, value[i] * (d[i] - dot), accumulate);
  }
};

struct MixForward {
  View<const float> experts, gates;
  View<float> y;
  bool accumulate;
  ESPALIER_HD void operator()(Index i, Index j) const {
    const float *const gate = gates.column(j), *const expert = experts.column(j) + i;
    float sum = accumulate ? y(i, j) : 0.0F;
    for (Index e = 0; e < gates.rows; ++e) sum += gate[e] * expert[e * y.rows];
    y(i, j) = sum;
  }
};

/// One expert of a column by a warp: it reads dy once for both gradients.
struct MixBackward {
  View<const float> experts, gates, dy;
  View<float> dexperts;
  bool accumulate_experts;
  View<float> dgates;
  bool accumulate_gates;
  __device__ void run(Index at, int lane) const {
    const Index e = at % gates.rows, j = at / gates.rows, begin = e * dy.rows;
    const float* const d = dy.column(j);
    if (dexperts.data != nullptr) {
      const float gate = gates(e, j);
      float* const to = dexperts.column(j) + begin;
      for (Index i = lane; i < dy.rows; i += lanes_of_warp)
        put(to + i, gate * d[i], accumulate_experts);
    }
    if (dgates.data == nullptr) return;
    const float* const expert = experts.column(j) + begin;
    float dot = 0;
    for (Index i = lane; i < dy.rows; i += lanes_of_warp) dot += expert[i] * d[i];
    dot = sum_of_warp(dot);
    if (lane == 0) put(&dgates(e, j), dot, accumulate_gates);
  }
};

/// Small groups by threads, large ones by warps.
template <class F>
void each_group(Device device, const char* name, Index groups, Index cols, Index rows, F f) {
  if (rows <= small_group) {
    each_element(device, name, groups, cols, f);
  } else {
    each_warp(device, name, groups * cols, f);
  }
}

}  // namespace kernels

void softmax_forward(Device device, View<const float> x, Index groups, View<float> y) {
  const Index rows = x.rows / groups;
  kernels::each_group(device, "softmax_forward", groups, y.cols, rows,
                      kernels::SoftmaxForward{x, groups, rows, y});
}

void softmax_backward(Device device, View<const float> y, View<const float> dy, Index groups,
                      View<float> dx, bool accumulate) {
  const Index rows = y.rows / groups;
  kernels::each_group(device, "softmax_backward", groups, y.cols, rows,
                      kernels::SoftmaxBackward{y, dy, groups, rows, dx, accumulate});
}

void mix_forward(Device device, View<const float> experts, View<const float> gates, View<float> y,
                 bool accumulate) {
  each_element(device, "mix_forward", y.rows, y.cols,
               kernels::MixForward{experts, gates, y, accumulate});
}

void mix_backward(Device device, View<const float> experts, View<const float> gates,
                  View<const float> dy, View<float> dexperts, bool accumulate_experts,
                  View<float> dgates, bool accumulate_gates) {
  if (dexperts.data == nullptr && dgates.data == nullptr) return;
  each_warp(device, "mix_backward", gates.rows * dy.cols,
            kernels::MixBackward{experts, gates, dy, dexperts, accumulate_experts, dgates,
                                 accumulate_gates});
}

}  // namespace espalier::cuda
