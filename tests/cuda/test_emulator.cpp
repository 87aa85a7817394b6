// SPDX-License-Identifier: Apache-2.0
// The emulator runs what a GPU runs, and finds the faults that are planted here.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "cuda/emulator.hpp"

namespace {

template <class Kernel>
std::string fault_of(dim3 grid, dim3 block, Kernel kernel) {
  try {
    emulator::run(grid, block, kernel);
  } catch (const emulator::Fault& fault) {
    return fault.what();
  }
  return "";
}

bool says(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

/// Sums 64 values of a block through a shared array.
template <bool Barrier>
void sum_kernel(float* to) {
  ESPALIER_SHARED(float, values, 64);
  values[threadIdx.x] = static_cast<float>(threadIdx.x);
  if (Barrier) __syncthreads();
  if (threadIdx.x == 0) {
    float sum = 0;
    for (int i = 0; i < 64; ++i) sum += values[i];
    *to = sum;
  }
}

/// Each thread takes the value of its neighbour in the warp.
template <bool Barrier>
void neighbour_kernel(int* to) {
  ESPALIER_SHARED(int, values, 32);
  values[threadIdx.x] = static_cast<int>(threadIdx.x);
  if (Barrier) __syncwarp();
  to[threadIdx.x] = values[threadIdx.x ^ 1U];
}

}  // namespace

TEST_CASE("emulator: every thread of every block runs once, in any order") {
  const dim3 grid{3, 2, 2}, block{5, 3, 2};
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    emulator::seed(seed);
    std::vector<int> runs(std::size_t{12 * 30}, 0);
    emulator::run(grid, block, [&] {
      const unsigned b = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
      const unsigned t = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
      ++runs[std::size_t{b * 30 + t}];
    });
    CHECK(runs == std::vector<int>(runs.size(), 1));
  }
}

TEST_CASE("emulator: a missing __syncthreads is found whatever the order") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    emulator::seed(seed);
    float sum = 0;
    CHECK(fault_of({}, {64, 1, 1}, [&] { sum_kernel<true>(&sum); }) == "");
    CHECK(sum == 64 * 63 / 2);
    CHECK(says(fault_of({}, {64, 1, 1}, [&] { sum_kernel<false>(&sum); }),
               "shared array 'values': a"));
  }
}

TEST_CASE("emulator: a missing __syncwarp is found whatever the order") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    emulator::seed(seed);
    int values[32]{};
    CHECK(fault_of({}, {32, 1, 1}, [&] { neighbour_kernel<true>(values); }) == "");
    CHECK((values[0] == 1 && values[31] == 30));
    CHECK(says(fault_of({}, {32, 1, 1}, [&] { neighbour_kernel<false>(values); }),
               "is not separated from this one by a barrier"));
  }
}

TEST_CASE("emulator: shuffles and votes of full and partial warps") {
  std::vector<int> sums(40), down(40);
  std::vector<unsigned> votes(40);
  emulator::run({}, {40, 1, 1}, [&] {
    int value = static_cast<int>(threadIdx.x);
    down[threadIdx.x] = __shfl_down_sync(0xFFFFFFFFU, value, 1);
    votes[threadIdx.x] = __ballot_sync(0xFFFFFFFFU, value % 2);
    for (int with = 16; with > 0; with /= 2) value += __shfl_xor_sync(0xFFFFFFFFU, value, with);
    sums[threadIdx.x] = value;
  });
  CHECK(sums[0] == 31 * 32 / 2);
  CHECK(down[0] == 1);
  CHECK(down[31] == 31);  // no lane above it: its own
  CHECK(votes[5] == 0xAAAAAAAAU);
  CHECK(votes[39] == 0xAAU);
}

TEST_CASE("emulator: what a GPU leaves undefined is a fault") {
  CHECK(says(fault_of({}, {4, 1, 1},
                      [] {
                        ESPALIER_SHARED(float, few, 3);
                        few[threadIdx.x] = 1;
                      }),
             "shared array 'few': index 3 of 3 elements"));
  CHECK(says(fault_of({}, {8, 1, 1},
                      [] {
                        if (threadIdx.x < 6) __syncthreads();
                      }),
             "__syncthreads() is reached by 6 of 8 threads"));
  CHECK(says(fault_of({}, {8, 1, 1},
                      [] {
                        if (threadIdx.x < 6) __syncwarp();
                      }),
             "in __syncwarp 6 lanes of a warp arrived"));
  CHECK(says(fault_of({}, {8, 1, 1},
                      [] {
                        if (threadIdx.x < 6)
                          __syncwarp();
                        else
                          __ballot_sync(0xFFFFFFFFU, 1);
                      }),
             "lanes of a warp meet in"));
  CHECK(says(fault_of({}, {8, 1, 1}, [] { __syncwarp(0xFU); }), "mask"));
  CHECK(says(fault_of({}, {8, 1, 1},
                      [] {
                        if (threadIdx.x == 0)
                          __syncwarp();
                        else
                          __syncthreads();
                      }),
             "__syncwarp"));
  CHECK(says(fault_of({}, {8, 1, 1},
                      [] {
                        ESPALIER_SHARED(double, much, 7000);
                        much[0] = 1;
                      }),
             "48 KiB"));
  CHECK(says(fault_of({}, {2048, 1, 1}, [] {}), "cannot be launched"));
  // Shared memory is not zero at first.
  float first = 0;
  emulator::run({}, {}, [&] {
    ESPALIER_SHARED(float, unset, 1);
    first = unset[0];
  });
  CHECK(first != first);
}
