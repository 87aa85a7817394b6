// SPDX-License-Identifier: Apache-2.0
// The CPU as a device. Kernels take a device first, so that operations find those of the device they run on.
#pragma once

#include "espalier/core/config.hpp"

namespace espalier::cpu {

template <class T>
struct NarrowKernels;  // narrow_kernels.hpp

/// One thread of the CPU: kernels are single-threaded, executors bring the threads.
struct Device {
  const NarrowKernels<float>* narrow =
      nullptr;  ///< products in less than single precision, where asked for
};

}  // namespace espalier::cpu

namespace espalier {

using Cpu = cpu::Device;

}  // namespace espalier
