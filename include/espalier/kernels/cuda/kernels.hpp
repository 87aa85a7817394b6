// SPDX-License-Identifier: Apache-2.0
// The kernels of a GPU, with the arguments and meaning of the CPU's (kernels/cpu/). Pointers and
// views are to device memory. Declarations only: espalier::cuda has the definitions, so that an
// application's own units need no nvcc.
#pragma once

#include <cstdint>

#include "espalier/core/view.hpp"
#include "espalier/kernels/activation.hpp"
#include "espalier/kernels/cuda/device.hpp"

namespace espalier::cuda {

// elementwise.cuh
void activation_forward(Device device, Activation activation, View<const float> x, View<float> y);
void activation_backward(Device device, Activation activation, View<const float> pre,
                         View<const float> y, View<const float> dy, View<float> delta);
void activation_backward(Device device, Activation activation, View<const float> pre,
                         View<const float> y, View<float> dy);
void copy(Device device, View<const float> x, View<float> y, bool accumulate);
void fill(Device device, float value, View<float> y);
void multiply(Device device, View<const float> a, View<const float> b, float scale, View<float> y,
              bool accumulate);
void dropout(Device device, View<const float> x, double rate, Key key, Index first, View<float> y,
             bool accumulate);

// dense.cuh
void dense_forward(Device device, const float* w, const float* bias, View<const float> x,
                   Activation activation, View<float> pre, View<float> y);
void dense_input_gradient(Device device, const float* w, View<const float> dy, View<float> dx,
                          bool accumulate);
void dense_weight_gradient(Device device, View<const float> dy, View<const float> x, float* dw,
                           float* db);
void add_samples(Device device, View<const float> v, float* to);

// inputs.cuh
void gather(Device device, const float* rows, const std::int32_t* ids, View<float> y);
void gather_pooled(Device device, const float* rows, const std::int32_t* ids,
                   const std::int32_t* offsets, bool mean, View<float> y);

}  // namespace espalier::cuda
