// SPDX-License-Identifier: Apache-2.0
// The tests of kernels and executors on a GPU: their data is in managed memory. Run them with
// CUDA_LAUNCH_BLOCKING=1, for they read results without waiting.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>

#include "cuda/recording.hpp"
#include "kernels/memory.hpp"

namespace espalier::cuda {

Recording& recording() {
  static Recording none;
  return none;
}
bool emulated() { return false; }
void limit_memory(std::size_t) {}
void seed_emulator(std::uint64_t) {}

}  // namespace espalier::cuda

namespace {

const bool managed = [] {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess || count == 0) {
    std::fputs("skipped: there is no usable GPU\n", stderr);
    std::exit(77);
  }
  espalier_test::memory_source() = {
      [](std::size_t bytes) {
        void* memory = nullptr;
        if (cudaMallocManaged(&memory, bytes == 0 ? 1 : bytes) != cudaSuccess) std::abort();
        return memory;
      },
      [](void* memory) { static_cast<void>(cudaFree(memory)); }};
  return true;
}();

}  // namespace
