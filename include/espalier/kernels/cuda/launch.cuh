// SPDX-License-Identifier: Apache-2.0
// Launching kernels, and the loops and sums that most kernels are made of. Device code, compiled by
// nvcc; or, where ESPALIER_CUDA_EMULATOR names a header with the same language, by any compiler.
//
// Rules for kernels: shared arrays are declared by ESPALIER_SHARED and accessed by []; sums of
// floats have a fixed order, so no atomics on floats; every kernel is launched on the device's
// stream, and nothing waits for it.
#pragma once

#if defined(__CUDACC__)
#include <cuda_runtime.h>
#define ESPALIER_SHARED(T, name, count) __shared__ T name[count]
#elif defined(ESPALIER_CUDA_EMULATOR)
#include ESPALIER_CUDA_EMULATOR
#else
#error "espalier: kernels for CUDA are compiled by nvcc"
#endif

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>

#include "espalier/core/view.hpp"
#include "espalier/kernels/cuda/device.hpp"
#include "espalier/kernels/cuda/runtime.hpp"

namespace espalier::cuda {

#if defined(__CUDACC__)

[[nodiscard]] cudaStream_t native(Stream* stream);
/// Throws CudaError, naming `call`, if it failed.
void check(cudaError_t result, const char* call);

/// Runs `kernel` on the device's stream. `name` is for errors.
template <class... Parameters, class... Arguments>
void launch(Device device, const char* name, dim3 grid, dim3 block, void (*kernel)(Parameters...),
            Arguments... arguments) {
  kernel<<<grid, block, 0, native(device.stream)>>>(static_cast<Parameters>(arguments)...);
  check(cudaGetLastError(), name);
}

#else

/// Runs `work` or, while the stream is captured, records it.
void submit(Stream* stream, const char* name, std::function<void()> work);

template <class... Parameters, class... Arguments>
void launch(Device device, const char* name, dim3 grid, dim3 block, void (*kernel)(Parameters...),
            Arguments... arguments) {
  submit(device.stream, name, [=] {
    emulator::run(grid, block, [&] { kernel(static_cast<Parameters>(arguments)...); });
  });
}

#endif

[[nodiscard]] ESPALIER_HD constexpr Index blocks_for(Index items, Index of_each) {
  return (items + of_each - 1) / of_each;
}
[[nodiscard]] inline unsigned grid_size(Index blocks) { return static_cast<unsigned>(blocks); }

inline constexpr unsigned all_lanes = 0xFFFFFFFFU;
inline constexpr int lanes_of_warp = 32;

/// Sum over a warp, in every lane.
template <class T>
__device__ inline T sum_of_warp(T value) {
  for (int with = lanes_of_warp / 2; with > 0; with /= 2)
    value += __shfl_xor_sync(all_lanes, value, with);
  return value;
}

inline constexpr int threads_of_each = 256;

/// f(i) for i in [0, n).
template <class F>
__global__ void each_kernel(Index n, F f) {
  const Index step = static_cast<Index>(gridDim.x) * blockDim.x;
  for (Index i = static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) f(i);
}
/// Launches f(i) for i in [0, n). `F`: a struct with a const operator() for the device.
template <class F>
void each(Device device, const char* name, Index n, F f) {
  if (n <= 0) return;
  const Index blocks = (std::min)(blocks_for(n, threads_of_each), Index{8192});
  launch(device, name, dim3{grid_size(blocks), 1, 1}, dim3{threads_of_each, 1, 1}, each_kernel<F>,
         n, f);
}

/// The same for the elements (i, j) of `rows` × `cols`, neighbouring rows by neighbouring threads.
template <class F>
struct OfMatrix {
  Index rows;
  F f;
  __device__ void operator()(Index at) const {
    if (at <= 0xFFFFFFFF) {  // a division of 64 bits takes several times as long
      const auto i = static_cast<std::uint32_t>(at), n = static_cast<std::uint32_t>(rows);
      f(static_cast<Index>(i % n), static_cast<Index>(i / n));
    } else {
      f(at % rows, at / rows);
    }
  }
};
template <class F>
void each_element(Device device, const char* name, Index rows, Index cols, F f) {
  each(device, name, rows * cols, OfMatrix<F>{rows, f});
}

/// f(j) for j in [0, n), one warp for each: f.run(j, lane).
template <class F>
__global__ void each_warp_kernel(Index n, F f) {
  const Index step = static_cast<Index>(gridDim.x) * (blockDim.x / lanes_of_warp);
  const int lane = static_cast<int>(threadIdx.x % lanes_of_warp);
  for (Index j = static_cast<Index>(blockIdx.x) * (blockDim.x / lanes_of_warp) +
                 threadIdx.x / lanes_of_warp;
       j < n; j += step)
    f.run(j, lane);
}
/// Launches f.run(j, lane) for j in [0, n), with all lanes of a warp for each j.
template <class F>
void each_warp(Device device, const char* name, Index n, F f) {
  if (n <= 0) return;
  constexpr Index warps = threads_of_each / lanes_of_warp;
  const Index blocks = (std::min)(blocks_for(n, warps), Index{8192});
  launch(device, name, dim3{grid_size(blocks), 1, 1}, dim3{threads_of_each, 1, 1},
         each_warp_kernel<F>, n, f);
}

// Sums over columns: 32 rows by 8 threads a block; `parts` blocks share the columns.
inline constexpr int sum_rows = 32, sum_threads = 8;

template <class T, class F>
__global__ void sum_columns_kernel(Index rows, Index cols, Index parts, F f, T* sums) {
  ESPALIER_SHARED(T, partial, sum_rows * sum_threads);
  const Index i = static_cast<Index>(blockIdx.x) * sum_rows + threadIdx.x;
  const Index each = (cols + parts - 1) / parts, begin = blockIdx.y * each;
  const Index end = begin + each < cols ? begin + each : cols;
  T sum = 0;
  if (i < rows) {
    for (Index j = begin + threadIdx.y; j < end; j += sum_threads) sum += f(i, j);
  }
  partial[threadIdx.y * sum_rows + threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y == 0 && i < rows) {
    T total = 0;
    for (unsigned t = 0; t < sum_threads; ++t) total += partial[t * sum_rows + threadIdx.x];
    sums[blockIdx.y * rows + i] = total;
  }
}

template <class T, class Put>
struct PutSum {
  Index rows, parts;
  const T* sums;
  Put put;
  ESPALIER_HD void operator()(Index i) const {
    T total = 0;
    for (Index part = 0; part < parts; ++part) total += sums[part * rows + i];
    put(i, total);
  }
};

/// put(i, Σ_j f(i, j)) for each of `rows`, j in [0, cols). Two launches; uses the workspace. `T` is
/// the type in which it sums: a number, or a struct that is made of 0 and has +=.
template <class T, class F, class Put>
void sum_columns(Device device, const char* name, Index rows, Index cols, F f, Put put) {
  if (rows <= 0) return;
  T* const sums = static_cast<T*>(device.workspace);
  const Index most = static_cast<Index>(Device::workspace_bytes / sizeof(T)) / rows;
  assert(most > 0);
  const Index parts = (std::max)(
      (std::min)((std::min)(blocks_for(cols, 8 * sum_threads), Index{64}), most), Index{1});
  launch(device, name, dim3{grid_size(blocks_for(rows, sum_rows)), grid_size(parts), 1},
         dim3{sum_rows, sum_threads, 1}, sum_columns_kernel<T, F>, rows, cols, parts, f, sums);
  each(device, name, rows, PutSum<T, Put>{rows, parts, sums, put});
}

/// Adds a sum to to[i], or writes it there.
template <class T>
struct AddTo {
  T* to;
  ESPALIER_HD void operator()(Index i, T sum) const { to[i] += sum; }
};
template <class T>
struct PutTo {
  T* to;
  ESPALIER_HD void operator()(Index i, T sum) const { to[i] = sum; }
};

/// *to (+)= value.
ESPALIER_HD inline void put(float* to, float value, bool accumulate) {
  *to = accumulate ? *to + value : value;
}

/// The last i of `count` ≥ 1 whose first(i) is not after `x`; 0 if there is none. first()
/// increases.
template <class First, class X>
ESPALIER_HD inline Index last_not_after(Index count, X x, First first) {
  Index low = 0, high = count - 1;
  while (low < high) {
    const Index middle = (low + high + 1) / 2;
    if (first(middle) <= x) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

}  // namespace espalier::cuda
