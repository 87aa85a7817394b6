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

// gate.cuh
void softmax_forward(Device device, View<const float> x, Index groups, View<float> y);
void softmax_backward(Device device, View<const float> y, View<const float> dy, Index groups,
                      View<float> dx, bool accumulate);
void mix_forward(Device device, View<const float> experts, View<const float> gates, View<float> y,
                 bool accumulate = false);
void mix_backward(Device device, View<const float> experts, View<const float> gates,
                  View<const float> dy, View<float> dexperts, bool accumulate_experts,
                  View<float> dgates, bool accumulate_gates);

// normalize.cuh
void layer_norm_forward(Device device, View<const float> x, const float* gain, const float* shift,
                        double epsilon, View<float> cache, View<float> y);
void layer_norm_backward(Device device, View<const float> x, const float* gain,
                         View<const float> cache, View<const float> dy, float* dgain, float* dshift,
                         View<float> dx, bool accumulate);
void batch_moments(Device device, View<const float> x, float* moments);
void batch_normalize(Device device, View<const float> x, const float* gain, const float* shift,
                     const float* mean, const float* spread, bool is_variance, double epsilon,
                     View<float> y);
void batch_norm_sums(Device device, View<const float> x, const float* moments, View<const float> dy,
                     float* sums, float* dgain, float* dshift);
void batch_norm_input_gradient(Device device, View<const float> x, const float* gain,
                               const float* moments, View<const float> dy, View<float> dx,
                               bool accumulate);

// select.cuh
void select_forward(Device device, View<const float> x, Index selectors, Index bits, View<float> y);
void select_backward(Device device, View<const float> x, Index selectors, Index bits,
                     View<const float> dy, View<float> dx, bool accumulate);

// sharing.cuh
void stitch_forward(Device device, const float* a, Index inputs, Index outputs, View<const float> x,
                    View<float> y);
void stitch_input_gradient(Device device, const float* a, Index inputs, Index outputs,
                           View<const float> dy, View<float> dx, bool accumulate);
void stitch_weight_gradient(Device device, Index inputs, Index outputs, View<const float> x,
                            View<const float> dy, float* da);
void attention_pool_forward(Device device, View<const float> x, Index tokens, View<float> weights,
                            View<float> y);
void attention_pool_backward(Device device, View<const float> x, Index tokens,
                             View<const float> weights, View<const float> dy, View<float> dx,
                             bool accumulate);
void broadcast_forward(Device device, const float* v, View<float> y);
void broadcast_backward(Device device, View<const float> dy, float* dv);

// logit.cuh
void product_logit_forward(Device device, View<const float> a, View<const float> b, View<float> z);
void product_logit_backward(Device device, View<const float> a, View<const float> b,
                            View<const float> dz, View<float> da, bool add_a, View<float> db,
                            bool add_b);
void mixture_logit_forward(Device device, View<const float> z, View<const float> g, View<float> y);
void mixture_logit_backward(Device device, View<const float> z, View<const float> g,
                            View<const float> dy, View<float> dz, bool add_z, View<float> dg,
                            bool add_g);

// domain_dense.cuh
void domain_dense_forward(Device device, const std::int32_t* domain, Index domains, const float* w,
                          const float* bias, const float* factors, const float* shifts,
                          View<const float> x, View<float> y);
void domain_dense_backward(Device device, const std::int32_t* domain, Index domains, const float* w,
                           const float* factors, View<const float> x, View<const float> dy,
                           float* dw, float* dbias, float* dfactors, float* dshifts, View<float> dx,
                           bool accumulate);

}  // namespace espalier::cuda
