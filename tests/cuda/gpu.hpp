// SPDX-License-Identifier: Apache-2.0
// An emulated GPU for tests of kernels. Device memory is host memory there: kernels may be given
// matrices of the test.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/recording.hpp"
#include "espalier/kernels/cuda/device.hpp"
#include "espalier/kernels/cuda/runtime.hpp"
#include "kernels/padded.hpp"

namespace espalier_test {

struct Gpu {
  espalier::cuda::StreamPtr stream{espalier::cuda::make_stream()};
  espalier::cuda::Memory<std::byte> workspace{espalier::Cuda::workspace_bytes, "the workspace"};
  espalier::Cuda device{stream.get(), workspace.data()};

  explicit Gpu(std::uint64_t seed = 1) { espalier::cuda::seed_emulator(seed); }
};

/// The largest |a − b| over the matrix; NaN equals NaN, and is infinitely far from a number.
template <class A, class B>
[[nodiscard]] double most_apart(const Padded<A>& a, const Padded<B>& b) {
  return worst_error(a, b, [](Index, Index) { return 1.0; });
}

}  // namespace espalier_test
