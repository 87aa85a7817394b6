// SPDX-License-Identifier: Apache-2.0
// The losses that espalier::cuda has.
#pragma once

#include "espalier/losses/cuda/apply.cuh"
#include "espalier/losses/cuda/library.hpp"

namespace espalier {
ESPALIER_CUDA_LOSSES(ESPALIER_CUDA_LOSS_KERNELS)
}  // namespace espalier

namespace espalier::cuda {

void sum_label_weights(Device device, View<const float> labels, const float* weights,
                       double* totals) {
  sum_columns<double>(device, "sum_label_weights", labels.cols + 1, labels.rows,
                      kernels::LabelWeight{labels, weights}, PutTo<double>{totals});
}

}  // namespace espalier::cuda
