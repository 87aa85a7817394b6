// SPDX-License-Identifier: Apache-2.0
// Matrix products of any strides, in fp32, with the sums in a fixed order.
#pragma once

#include "espalier/kernels/activation.hpp"
#include "espalier/kernels/cuda/launch.cuh"

namespace espalier::cuda {

/// An operand: element (i, j) is at data[i · row + j · col]; one of the two is 1.
struct Operand {
  const float* data = nullptr;
  Index row = 1;
  Index col = 1;
};

/// What becomes of a product: c (+)= product + bias, then act(c). `c` is column-major.
struct ProductOutput {
  float* c = nullptr;
  Index stride = 0;
  bool accumulate = false;
  const float* bias = nullptr;  ///< one value per row; null: none
  Activation activation = Activation::identity;
  float* post = nullptr;  ///< null: act(c) replaces c; else it is written here
  Index post_stride = 0;

  ESPALIER_HD void put(Index i, Index j, float sum) const {
    float& to = c[i + j * stride];
    if (bias != nullptr) sum += bias[i];
    if (accumulate) sum += to;
    if (post == nullptr) {
      to = activate(activation, sum);
    } else {
      to = sum;
      post[i + j * post_stride] = activate(activation, sum);
    }
  }
};

namespace kernels {

inline constexpr int tile = 64, tile_depth = 16, tile_threads = 16;

/// A block computes a tile of 64 × 64 by 16 × 16 threads, each 4 × 4 values, over the depth
/// [begin, end) of its part. The tiles of the operands are in shared memory.
__global__ void product_kernel(Index m, Index n, Index k, Operand a, Operand b, ProductOutput out,
                               Index parts, float* partial) {
  constexpr int pitch = tile + 1, each = tile / tile_threads;
  ESPALIER_SHARED(float, left, tile_depth* pitch);
  ESPALIER_SHARED(float, right, tile_depth* pitch);
  const int tx = static_cast<int>(threadIdx.x), ty = static_cast<int>(threadIdx.y);
  const int t = ty * tile_threads + tx;
  const Index row = static_cast<Index>(blockIdx.y) * tile;
  const Index column = static_cast<Index>(blockIdx.x) * tile;
  const Index depth = (k + parts - 1) / parts, begin = blockIdx.z * depth;
  const Index end = begin + depth < k ? begin + depth : k;
  float sums[each][each]{};
  for (Index step = begin; step < end; step += tile_depth) {
    for (int at = t; at < tile * tile_depth; at += tile_threads * tile_threads) {
      // Neighbouring threads read neighbouring values.
      const int ai = a.row == 1 ? at % tile : at / tile_depth;
      const int ak = a.row == 1 ? at / tile : at % tile_depth;
      const bool a_inside = row + ai < m && step + ak < end;
      left[ak * pitch + ai] = a_inside ? a.data[(row + ai) * a.row + (step + ak) * a.col] : 0.0F;
      const int bj = b.col == 1 ? at % tile : at / tile_depth;
      const int bk = b.col == 1 ? at / tile : at % tile_depth;
      const bool b_inside = column + bj < n && step + bk < end;
      right[bk * pitch + bj] =
          b_inside ? b.data[(step + bk) * b.row + (column + bj) * b.col] : 0.0F;
    }
    __syncthreads();
    for (int d = 0; d < tile_depth; ++d) {
      float x[each], y[each];
      for (int i = 0; i < each; ++i) {
        x[i] = left[d * pitch + tx + i * tile_threads];
        y[i] = right[d * pitch + ty + i * tile_threads];
      }
      for (int j = 0; j < each; ++j) {
        for (int i = 0; i < each; ++i) sums[j][i] += x[i] * y[j];
      }
    }
    __syncthreads();
  }
  for (int j = 0; j < each; ++j) {
    for (int i = 0; i < each; ++i) {
      const Index r = row + tx + i * tile_threads, c = column + ty + j * tile_threads;
      if (r >= m || c >= n) continue;
      if (parts == 1) {
        out.put(r, c, sums[j][i]);
      } else {
        partial[(blockIdx.z * n + c) * m + r] = sums[j][i];
      }
    }
  }
}

struct PutProduct {
  Index m;
  ProductOutput out;
  ESPALIER_HD void operator()(Index at, float sum) const { out.put(at % m, at / m, sum); }
};

}  // namespace kernels

/// c (+)= a · b: m × k by k × n. If m · n is small and k is large, blocks share the depth; their
/// sums are added in order, by a second launch.
inline void product(Device device, const char* name, Index m, Index n, Index k, Operand a,
                    Operand b, const ProductOutput& out) {
  if (m <= 0 || n <= 0) return;
  constexpr Index blocks_at_work = 256, least_depth = 256;
  const Index rows = blocks_for(m, kernels::tile), columns = blocks_for(n, kernels::tile);
  const Index room = static_cast<Index>(Device::workspace_bytes / sizeof(float)) / (m * n);
  const Index parts = (std::max)(
      (std::min)((std::min)(blocks_at_work / (rows * columns), k / least_depth), room), Index{1});
  float* const partial = static_cast<float*>(device.workspace);
  launch(device, name, dim3{grid_size(columns), grid_size(rows), grid_size(parts)},
         dim3{kernels::tile_threads, kernels::tile_threads, 1}, kernels::product_kernel, m, n, k, a,
         b, out, parts, partial);
  if (parts > 1) {
    const kernels::PutProduct put{m, out};
    each(device, name, m * n, PutSum<float, kernels::PutProduct>{m * n, parts, partial, put});
  }
}

}  // namespace espalier::cuda
