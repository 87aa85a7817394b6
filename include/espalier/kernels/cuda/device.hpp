// SPDX-License-Identifier: Apache-2.0
// A CUDA GPU as a device. Kernels are launched on its stream and return before they have run.
#pragma once

#include <cstddef>
#include <cstdint>

#include "espalier/core/config.hpp"
#include "espalier/core/random.hpp"

namespace espalier::cuda {

struct Stream;  // runtime.hpp

/// A key of random numbers that a kernel derives from the step's key when it runs: a recorded graph
/// must not contain the key of one step.
struct Key {
  const std::uint64_t* step = nullptr;  ///< in device memory
  std::uint64_t stream = 0;

  [[nodiscard]] ESPALIER_HD std::uint64_t value() const { return espalier::mix(*step, stream); }
};
/// As mix() of two numbers.
[[nodiscard]] inline Key mix(Key key, std::uint64_t stream) { return {key.step, stream}; }

/// Where kernels run. Floats only.
struct Device {
  using Key = cuda::Key;

  Stream* stream = nullptr;
  /// Device memory for partial sums, of workspace_bytes; kernels of one stream share it.
  void* workspace = nullptr;

  static constexpr std::size_t workspace_bytes = std::size_t{32} << 20U;
};

}  // namespace espalier::cuda

namespace espalier {

using Cuda = cuda::Device;

}  // namespace espalier
