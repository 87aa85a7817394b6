// SPDX-License-Identifier: Apache-2.0
// The losses that espalier::cuda has.
#pragma once

#include "espalier/losses/cuda/apply.cuh"
#include "espalier/losses/cuda/library.hpp"

namespace espalier::cuda {

#define ESPALIER_CUDA_LOSS(...)                                        \
  template void apply_loss<__VA_ARGS__>(Device, const LossArguments&); \
  template void apply_predict<__VA_ARGS__>(Device, View<const float>, View<float>);
ESPALIER_CUDA_LOSSES(ESPALIER_CUDA_LOSS)
#undef ESPALIER_CUDA_LOSS

void sum_label_weights(Device device, View<const float> labels, const float* weights,
                       double* totals) {
  sum_columns<double>(device, "sum_label_weights", labels.cols + 1, labels.rows,
                      kernels::LabelWeight{labels, weights}, PutTo<double>{totals});
}

}  // namespace espalier::cuda
