// SPDX-License-Identifier: Apache-2.0
// The CPU as a device. Kernels take a device first, so that operations find those of the device they run on.
#pragma once

#include "espalier/core/config.hpp"

namespace espalier::cpu {

template <class T>
struct ReducedPrecisionKernels;  // reduced_precision_kernels.hpp

/// One thread of the CPU: kernels are single-threaded, executors bring the threads.
struct Device {
  /// Products in less than single precision, where asked for.
  const ReducedPrecisionKernels<float>* reduced = nullptr;
};

}  // namespace espalier::cpu

namespace espalier {

using Cpu = cpu::Device;

}  // namespace espalier
