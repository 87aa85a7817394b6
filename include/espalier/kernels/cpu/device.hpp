// SPDX-License-Identifier: Apache-2.0
// The CPU as a device. Kernels take a device first, so that operations find those of the device they run on.
#pragma once

namespace espalier::cpu {

/// One thread of the CPU: kernels are single-threaded, executors bring the threads.
struct Device {};

}  // namespace espalier::cpu
