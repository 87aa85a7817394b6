// SPDX-License-Identifier: Apache-2.0
// Lookups of embedding table rows.
#pragma once

#include "espalier/kernels/cuda/kernels.hpp"
#include "espalier/kernels/cuda/launch.cuh"

namespace espalier::cuda {

namespace kernels {

struct Gather {
  const float* table;
  const std::int32_t* ids;
  View<float> y;
  ESPALIER_HD void operator()(Index i, Index j) const { y(i, j) = table[ids[j] * y.rows + i]; }
};

struct GatherPooled {
  const float* table;
  const std::int32_t* ids;
  const std::int32_t* offsets;
  bool mean;
  View<float> y;
  ESPALIER_HD void operator()(Index i, Index j) const {
    const std::int32_t begin = offsets[j], end = offsets[j + 1];
    float sum = 0;
    for (std::int32_t k = begin; k < end; ++k) sum += table[ids[k] * y.rows + i];
    y(i, j) = mean && end - begin > 1 ? sum * (1.0F / static_cast<float>(end - begin)) : sum;
  }
};

}  // namespace kernels

void gather(Device device, const float* rows, const std::int32_t* ids, View<float> y) {
  each_element(device, "gather", y.rows, y.cols, kernels::Gather{rows, ids, y});
}

void gather_pooled(Device device, const float* rows, const std::int32_t* ids,
                   const std::int32_t* offsets, bool mean, View<float> y) {
  each_element(device, "gather_pooled", y.rows, y.cols,
               kernels::GatherPooled{rows, ids, offsets, mean, y});
}

}  // namespace espalier::cuda
