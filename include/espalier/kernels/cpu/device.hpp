// SPDX-License-Identifier: Apache-2.0
// The CPU as a device. The first parameter of a kernel is a device, so that overload resolution
// finds the kernels of that device. In comments on kernels, (+)= means += if the result is
// accumulated, else =.
#pragma once

#include <cstdint>

#include "espalier/core/config.hpp"

namespace espalier::cpu {

template <class T>
struct ReducedPrecisionKernels;  // reduced_precision_kernels.hpp

/// One thread of the CPU: kernels are single-threaded; executors provide the threads.
struct Device {
  using Key = std::uint64_t;  ///< of random numbers

  /// Kernels for products in less than single precision, or null.
  const ReducedPrecisionKernels<float>* reduced = nullptr;
};

}  // namespace espalier::cpu

namespace espalier {

using Cpu = cpu::Device;

}  // namespace espalier
