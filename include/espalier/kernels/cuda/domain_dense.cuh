// SPDX-License-Identifier: Apache-2.0
// Fully connected layers whose weights are a shared matrix times the matrix of the sample's domain,
// element by element. A block multiplies for the columns of one domain, which it finds among
// neighbouring columns; no product of weights is stored.
#pragma once

#include <algorithm>

#include "espalier/kernels/cuda/kernels.hpp"
#include "espalier/kernels/cuda/launch.cuh"

namespace espalier::cuda {

namespace kernels {

// Blocks of 32 × 8 threads.
inline constexpr int domain_side = 32;      // of a square of values in shared memory
inline constexpr int domain_warps = 8;      // of a block
inline constexpr int domain_columns = 512;  // that a block looks through at a time
inline constexpr int domain_segments = domain_columns / lanes_of_warp;

/// Lists the columns of domain `p` in [first, first + domain_columns), by all threads of a block;
/// returns their number. counts: domain_segments values. A list before must have been read before a
/// barrier.
template <class List, class Counts>
__device__ int columns_of_domain(const std::int32_t* domain, Index p, Index first, Index cols,
                                 List& list, Counts& counts) {
  constexpr int each = domain_segments / domain_warps;
  const int lane = static_cast<int>(threadIdx.x);
  const int segment = static_cast<int>(threadIdx.y) * each;
  unsigned votes[each];
  for (int s = 0; s < each; ++s) {
    const Index j = first + (segment + s) * lanes_of_warp + lane;
    votes[s] = __ballot_sync(all_lanes, j < cols && domain[j] == p ? 1 : 0);
    if (lane == 0) counts[segment + s] = __popc(votes[s]);
  }
  __syncthreads();
  int at = 0, total = 0;
  for (int s = 0; s < domain_segments; ++s) {
    const int count = counts[s];
    at += s < segment ? count : 0;
    total += count;
  }
  for (int s = 0; s < each; ++s) {
    const unsigned before = votes[s] & ((1U << static_cast<unsigned>(lane)) - 1U);
    if ((votes[s] >> static_cast<unsigned>(lane) & 1U) != 0)
      list[at + __popc(before)] = (segment + s) * lanes_of_warp + lane;
    at += __popc(votes[s]);
  }
  __syncthreads();
  return total;
}

struct DomainLayer {
  const std::int32_t* domain;
  const float *w, *factors;
  Index inputs, outputs;
  /// Element (o, i) of W ∘ W_p; 0 outside.
  [[nodiscard]] ESPALIER_HD float weight(Index p, Index o, Index i) const {
    if (o >= outputs || i >= inputs) return 0;
    const Index at = o * inputs + i;
    return p == 0 ? w[at] : w[at] * factors[(p - 1) * outputs * inputs + at];
  }
};

struct DomainForward {
  static constexpr bool transposed = false;
  DomainLayer layer;
  const float *bias, *shifts;
  View<const float> from;
  View<float> to;
  ESPALIER_HD void put_value(Index p, Index i, Index j, float sum) const {
    to(i, j) = sum + (p == 0 ? bias[i] : bias[i] + shifts[(p - 1) * to.rows + i]);
  }
};
struct DomainInputGradient {
  static constexpr bool transposed = true;
  DomainLayer layer;
  View<const float> from;
  View<float> to;
  bool accumulate;
  ESPALIER_HD void put_value(Index, Index i, Index j, float sum) const {
    put(&to(i, j), sum, accumulate);
  }
};

/// to_j = (W ∘ W_p) from_j, or its transpose, for the columns of domain blockIdx.z among those of
/// blockIdx.x; rows: those of blockIdx.y.
template <class F>
__global__ void domain_product_kernel(F f) {
  constexpr int side = domain_side, many = side / domain_warps;
  ESPALIER_SHARED(int, list, domain_columns);
  ESPALIER_SHARED(int, counts, domain_segments);
  ESPALIER_SHARED(float, weights, side*(side + 1));  // by term, then by row
  ESPALIER_SHARED(float, values, side* side);        // by column, then by term
  const int x = static_cast<int>(threadIdx.x), y = static_cast<int>(threadIdx.y);
  const Index p = blockIdx.z, first = static_cast<Index>(blockIdx.x) * domain_columns,
              row = static_cast<Index>(blockIdx.y) * side;
  const int found = columns_of_domain(f.layer.domain, p, first, f.from.cols, list, counts);
  for (int at = 0; at < found; at += side) {
    float sum[many]{};
    for (Index term = 0; term < f.from.rows; term += side) {
      __syncthreads();
      for (int k = y; k < side; k += domain_warps) {
        if constexpr (F::transposed) {
          weights[k * (side + 1) + x] = f.layer.weight(p, term + k, row + x);
        } else {
          weights[x * (side + 1) + k] = f.layer.weight(p, row + k, term + x);
        }
        values[k * side + x] = at + k < found && term + x < f.from.rows
                                   ? f.from(term + x, first + list[at + k])
                                   : 0.0F;
      }
      __syncthreads();
      for (int t = 0; t < side; ++t) {
        const float weight = weights[t * (side + 1) + x];
        for (int k = 0; k < many; ++k) sum[k] += weight * values[(y + k * domain_warps) * side + t];
      }
    }
    for (int k = 0; k < many; ++k) {
      const int column = at + y + k * domain_warps;
      if (column < found && row + x < f.to.rows)
        f.put_value(p, row + x, first + list[column], sum[k]);
    }
  }
}

template <class F>
void domain_product(Device device, const char* name, Index domains, F f) {
  if (f.to.cols == 0 || f.to.rows == 0) return;
  launch(device, name,
         dim3{grid_size(blocks_for(f.to.cols, domain_columns)),
              grid_size(blocks_for(f.to.rows, domain_side)), grid_size(domains + 1)},
         dim3{domain_side, domain_warps, 1}, domain_product_kernel<F>, f);
}

/// Outer products of the samples of a domain: rows [first_row, first_row + rows) of δ by all inputs
/// and a 1. sums: domains × parts × rows × (inputs + 1).
struct DomainOuter {
  const std::int32_t* domain;
  View<const float> x, dy;
  Index first_row, rows, first_domain, parts;
  float* sums;
};

/// Sums over the columns of part blockIdx.z, for domain blockIdx.y and square blockIdx.x.
__global__ void domain_outer_kernel(DomainOuter f) {
  constexpr int side = domain_side, many = side / domain_warps;
  ESPALIER_SHARED(int, list, domain_columns);
  ESPALIER_SHARED(int, counts, domain_segments);
  ESPALIER_SHARED(float, deltas, side* side);  // by column, then by row
  ESPALIER_SHARED(float, inputs, side* side);
  const int x = static_cast<int>(threadIdx.x), y = static_cast<int>(threadIdx.y);
  const Index width = f.x.rows + 1, across = (width + side - 1) / side;
  const Index row = blockIdx.x / across * side, in = blockIdx.x % across * side;
  const Index p = f.first_domain + blockIdx.y, part = blockIdx.z;
  float sum[many]{};
  for (Index first = part * domain_columns; first < f.x.cols; first += f.parts * domain_columns) {
    const int found = columns_of_domain(f.domain, p, first, f.x.cols, list, counts);
    for (int at = 0; at < found; at += side) {
      __syncthreads();
      for (int k = y; k < side; k += domain_warps) {
        const bool is = at + k < found;
        const Index j = is ? first + list[at + k] : 0;
        deltas[k * side + x] = is && row + x < f.rows ? f.dy(f.first_row + row + x, j) : 0.0F;
        inputs[k * side + x] = !is || in + x >= width ? 0.0F
                               : in + x == f.x.rows   ? 1.0F
                                                      : f.x(in + x, j);
      }
      __syncthreads();
      for (int t = 0; t < side; ++t) {
        const float value = inputs[t * side + x];
        for (int k = 0; k < many; ++k) sum[k] += deltas[t * side + y + k * domain_warps] * value;
      }
    }
  }
  float* const to = f.sums + (blockIdx.y * f.parts + part) * f.rows * width;
  for (int k = 0; k < many; ++k) {
    const Index i = row + y + k * domain_warps;
    if (i < f.rows && in + x < width) to[i * width + in + x] = sum[k];
  }
}

/// Adds these sums to the gradients of a weight or, in the last column, of a bias.
struct AddDomainOuter {
  DomainOuter outer;
  Index domains;  // in these sums
  DomainLayer layer;
  float *dw, *dbias, *dfactors, *dshifts;
  ESPALIER_HD void operator()(Index at) const {
    const Index width = layer.inputs + 1, size = outer.rows * width;
    const Index o = outer.first_row + at / width, i = at % width;
    const bool is_bias = i == layer.inputs;
    const Index place = is_bias ? o : o * layer.inputs + i;
    const Index of_each = is_bias ? layer.outputs : layer.outputs * layer.inputs;
    float* const own = is_bias ? dshifts : dfactors;
    float total = 0;
    for (Index d = 0; d < domains; ++d) {
      const Index p = outer.first_domain + d;
      float sum = 0;
      for (Index part = 0; part < outer.parts; ++part)
        sum += outer.sums[(d * outer.parts + part) * size + at];
      if (p == 0 || is_bias) {
        total += sum;
        if (p > 0) own[(p - 1) * of_each + place] += sum;
      } else {
        const Index own_place = (p - 1) * of_each + place;
        total += layer.factors[own_place] * sum;
        own[own_place] += layer.w[place] * sum;
      }
    }
    (is_bias ? dbias : dw)[place] += total;
  }
};

}  // namespace kernels

void domain_dense_forward(Device device, const std::int32_t* domain, Index domains, const float* w,
                          const float* bias, const float* factors, const float* shifts,
                          View<const float> x, View<float> y) {
  kernels::domain_product(
      device, "domain_dense_forward", domains,
      kernels::DomainForward{{domain, w, factors, x.rows, y.rows}, bias, shifts, x, y});
}

void domain_dense_backward(Device device, const std::int32_t* domain, Index domains, const float* w,
                           const float* factors, View<const float> x, View<const float> dy,
                           float* dw, float* dbias, float* dfactors, float* dshifts, View<float> dx,
                           bool accumulate) {
  if (x.cols == 0) return;
  const kernels::DomainLayer layer{domain, w, factors, x.rows, dy.rows};
  if (dx.data != nullptr) {
    kernels::domain_product(device, "domain_dense_input_gradient", domains,
                            kernels::DomainInputGradient{layer, dy, dx, accumulate});
  }
  // As many rows, then domains, then parts of the columns at a time as the workspace has room for.
  const Index width = x.rows + 1;
  Index room = static_cast<Index>(Device::workspace_bytes / sizeof(float)) / width;
  assert(room > 0);
  const Index rows = (std::min)(dy.rows, room);
  room /= rows;
  const Index together = (std::min)(domains + 1, room);
  room /= together;
  const Index squares =
      blocks_for(rows, kernels::domain_side) * blocks_for(width, kernels::domain_side);
  const Index parts = (std::max)(
      (std::min)({room, blocks_for(x.cols, kernels::domain_columns), 1024 / (squares * together)}),
      Index{1});
  for (Index row = 0; row < dy.rows; row += rows) {
    for (Index p = 0; p <= domains; p += together) {
      const kernels::DomainOuter outer{domain,
                                       x,
                                       dy,
                                       row,
                                       (std::min)(rows, dy.rows - row),
                                       p,
                                       parts,
                                       static_cast<float*>(device.workspace)};
      const Index now = (std::min)(together, domains + 1 - p);
      launch(device, "domain_dense_outer",
             dim3{grid_size(squares), grid_size(now), grid_size(parts)},
             dim3{kernels::domain_side, kernels::domain_warps, 1}, kernels::domain_outer_kernel,
             outer);
      each(device, "domain_dense_weight_gradient", outer.rows * width,
           kernels::AddDomainOuter{outer, now, layer, dw, dbias, dfactors, dshifts});
    }
  }
}

}  // namespace espalier::cuda
