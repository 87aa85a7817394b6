// SPDX-License-Identifier: Apache-2.0
// Activations, copies, products and dropout: a thread for each value.
#pragma once

#include "espalier/kernels/activation.hpp"
#include "espalier/kernels/cuda/kernels.hpp"
#include "espalier/kernels/cuda/launch.cuh"

namespace espalier::cuda {

namespace kernels {

struct ActivationForward {
  Activation activation;
  View<const float> x;
  View<float> y;
  ESPALIER_HD void operator()(Index i, Index j) const { y(i, j) = activate(activation, x(i, j)); }
};

struct ActivationBackward {
  Activation activation;
  View<const float> pre, y, dy;
  View<float> delta;
  ESPALIER_HD void operator()(Index i, Index j) const {
    const float post = y(i, j);
    delta(i, j) =
        dy(i, j) * activation_derivative(activation, pre.data == nullptr ? post : pre(i, j), post);
  }
};

struct Copy {
  View<const float> x;
  View<float> y;
  bool accumulate;
  ESPALIER_HD void operator()(Index i, Index j) const { put(&y(i, j), x(i, j), accumulate); }
};

struct Fill {
  float value;
  View<float> y;
  ESPALIER_HD void operator()(Index i, Index j) const { y(i, j) = value; }
};

struct Multiply {
  View<const float> a, b;
  float scale;
  View<float> y;
  bool accumulate;
  ESPALIER_HD void operator()(Index i, Index j) const {
    put(&y(i, j), scale * a(i, j) * b(i, j), accumulate);
  }
};

/// The bits of a value are those of the CPU's dropout().
struct Dropout {
  View<const float> x;
  std::uint64_t threshold;
  float scale;
  Key key;
  Index first;
  View<float> y;
  bool accumulate;
  ESPALIER_HD void operator()(Index i, Index j) const {
    const std::uint64_t column = espalier::mix(key.value(), static_cast<std::uint64_t>(first + j));
    const std::uint64_t bits = espalier::mix(column + static_cast<std::uint64_t>(i / 2));
    const std::uint64_t half = i % 2 == 0 ? bits >> 32U : bits & 0xFFFFFFFFU;
    put(&y(i, j), half < threshold ? 0.0F : x(i, j) * scale, accumulate);
  }
};

}  // namespace kernels

void activation_forward(Device device, Activation activation, View<const float> x, View<float> y) {
  each_element(device, "activation_forward", y.rows, y.cols,
               kernels::ActivationForward{activation, x, y});
}

void activation_backward(Device device, Activation activation, View<const float> pre,
                         View<const float> y, View<const float> dy, View<float> delta) {
  if (activation == Activation::identity && delta.data == dy.data) return;
  each_element(device, "activation_backward", dy.rows, dy.cols,
               kernels::ActivationBackward{activation, pre, y, dy, delta});
}

void activation_backward(Device device, Activation activation, View<const float> pre,
                         View<const float> y, View<float> dy) {
  activation_backward(device, activation, pre, y, View<const float>(dy), dy);
}

void copy(Device device, View<const float> x, View<float> y, bool accumulate) {
  each_element(device, "copy", x.rows, x.cols, kernels::Copy{x, y, accumulate});
}

void fill(Device device, float value, View<float> y) {
  each_element(device, "fill", y.rows, y.cols, kernels::Fill{value, y});
}

void multiply(Device device, View<const float> a, View<const float> b, float scale, View<float> y,
              bool accumulate) {
  each_element(device, "multiply", y.rows, y.cols, kernels::Multiply{a, b, scale, y, accumulate});
}

void dropout(Device device, View<const float> x, double rate, Key key, Index first, View<float> y,
             bool accumulate) {
  const auto threshold = static_cast<std::uint64_t>(rate * 0x1p32);
  each_element(device, "dropout", x.rows, x.cols,
               kernels::Dropout{x, threshold, static_cast<float>(1 / (1 - rate)), key, first, y,
                                accumulate});
}

}  // namespace espalier::cuda
