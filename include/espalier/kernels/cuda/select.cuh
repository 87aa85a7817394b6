// SPDX-License-Identifier: Apache-2.0
// DSelect-k: a thread for each expert's weight; for the gradient, a warp for each column.
#pragma once

#include <cmath>

#include "espalier/kernels/cuda/kernels.hpp"
#include "espalier/kernels/cuda/launch.cuh"
#include "espalier/kernels/limits.hpp"
#include "espalier/kernels/smooth_step.hpp"

namespace espalier::cuda {

namespace kernels {

/// The softmax of the selectors of a column.
struct SelectorWeights {
  const float* alpha;
  float most, sum = 0;
  ESPALIER_HD SelectorWeights(const float* of, Index selectors) : alpha(of), most(of[0]) {
    for (Index i = 1; i < selectors; ++i) most = alpha[i] > most ? alpha[i] : most;
    for (Index i = 0; i < selectors; ++i) sum += std::exp(alpha[i] - most);
  }
  [[nodiscard]] ESPALIER_HD float operator[](Index i) const {
    return std::exp(alpha[i] - most) / sum;
  }
};

struct SelectForward {
  View<const float> x;
  Index selectors, bits;
  View<float> y;
  ESPALIER_HD void operator()(Index e, Index j) const {
    const float* bit = x.column(j);
    const SelectorWeights weights(bit + selectors * bits, selectors);
    float total = 0, slope;
    for (Index i = 0; i < selectors; ++i) {
      float product = weights[i];
      for (Index b = 0; b < bits; ++b, ++bit) {
        const float step = smooth_step(*bit, slope);
        product *= (e >> b & 1) != 0 ? step : 1 - step;
      }
      total += product;
    }
    y(e, j) = total;
  }
};

/// Lanes share the experts.
struct SelectBackward {
  static constexpr int most_bits = static_cast<int>(max_select_bits);

  View<const float> x;
  Index selectors;
  int bits;
  View<const float> dy;
  View<float> dx;
  bool accumulate;

  /// Loops over most_bits with a condition are unrolled, so that `steps` and `by` are registers.
  __device__ void load(const float* column, Index selector, float* steps) const {
    float slope;
    for (int b = 0; b < most_bits; ++b)
      steps[b] = b < bits ? smooth_step(column[selector * bits + b], slope) : 0.0F;
  }
  /// The probability that a selector gives to bit b of expert e.
  [[nodiscard]] __device__ float factor(const float* steps, Index e, int b) const {
    return b >= bits ? 1.0F : (e >> b & 1) != 0 ? steps[b] : 1 - steps[b];
  }

  __device__ void run(Index j, int lane) const {
    const float *const column = x.column(j), *const d = dy.column(j);
    float* const to = dx.column(j);
    const SelectorWeights weights(column + selectors * bits, selectors);
    float steps[most_bits], mean = 0;
    for (Index i = 0; i < selectors; ++i) {
      load(column, i, steps);
      float says = 0;
      for (Index e = lane; e < dy.rows; e += lanes_of_warp) {
        float product = d[e];
        for (int b = 0; b < most_bits; ++b) product *= factor(steps, e, b);
        says += product;
      }
      mean += weights[i] * says;
    }
    mean = sum_of_warp(mean);
    for (Index i = 0; i < selectors; ++i) {
      load(column, i, steps);
      float says = 0, by[most_bits]{};
      for (Index e = lane; e < dy.rows; e += lanes_of_warp) {
        // The product of the other bits: of those below b and of those above.
        float above[most_bits], product = 1;
        for (int b = most_bits - 1; b >= 0; --b) {
          above[b] = product;
          product *= factor(steps, e, b);
        }
        says += d[e] * product;
        float below = d[e];
        for (int b = 0; b < most_bits; ++b) {
          by[b] += (e >> b & 1) != 0 ? below * above[b] : -below * above[b];
          below *= factor(steps, e, b);
        }
      }
      says = sum_of_warp(says);
      const float weight = weights[i];
      float mine = 0;
      for (int b = 0; b < most_bits; ++b) {
        const float sum = b < bits ? sum_of_warp(by[b]) : 0.0F;
        mine = lane == b ? sum : mine;
      }
      if (lane < bits) {
        float slope;
        static_cast<void>(smooth_step(column[i * bits + lane], slope));
        put(to + i * bits + lane, weight * slope * mine, accumulate);
      }
      if (lane == 0) put(to + selectors * bits + i, weight * (says - mean), accumulate);
    }
  }
};

}  // namespace kernels

void select_forward(Device device, View<const float> x, Index selectors, Index bits,
                    View<float> y) {
  each_element(device, "select_forward", y.rows, y.cols,
               kernels::SelectForward{x, selectors, bits, y});
}

void select_backward(Device device, View<const float> x, Index selectors, Index bits,
                     View<const float> dy, View<float> dx, bool accumulate) {
  each_warp(device, "select_backward", dy.cols,
            kernels::SelectBackward{x, selectors, static_cast<int>(bits), dy, dx, accumulate});
}

}  // namespace espalier::cuda
